"""Codes and access tokens: a code is good once, for a minute, for the client and the address it was made for."""

import base64
import hashlib
import hmac
import secrets
import threading
import time
from dataclasses import dataclass, field

from stack.identity.people import Person

CODE_SECONDS, TOKEN_SECONDS = 60, 3600


class RefusedError(Exception):
    """An error of OAuth 2, by its name (RFC 6749, section 5.2)."""

    def __init__(self, error: str, description: str = "", status: int = 400) -> None:
        super().__init__(error)
        self.error, self.description, self.status = error, description, status


@dataclass
class Grant:
    """What a person has allowed: one code, and the tokens it was exchanged for."""

    person: Person
    client_id: str
    redirect_uri: str
    scope: str
    nonce: str
    challenge: str
    expires_at: float
    used: bool = False
    tokens: list[str] = field(default_factory=list)


class Grants:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._codes: dict[str, Grant] = {}
        self._tokens: dict[str, tuple[Grant, float]] = {}

    def give(self, grant: Grant) -> str:
        """A code for it."""
        code = secrets.token_urlsafe(24)
        with self._lock:
            now = time.time()
            self._codes = {key: kept for key, kept in self._codes.items() if kept.expires_at > now - TOKEN_SECONDS}
            self._tokens = {key: kept for key, kept in self._tokens.items() if kept[1] > now}
            self._codes[code] = grant
        return code

    def exchange(self, code: str, *, client_id: str, redirect_uri: str, verifier: str) -> tuple[Grant, str]:
        """The grant and an access token. A code that comes twice ends the tokens it was exchanged for.

        Raises RefusedError.
        """
        with self._lock:
            grant = self._codes.get(code)
            if grant is None or grant.client_id != client_id:
                raise RefusedError("invalid_grant", "this code is not known")
            if grant.used:
                for token in grant.tokens:
                    self._tokens.pop(token, None)
                raise RefusedError("invalid_grant", "this code was used before")
            grant.used = True
            if grant.expires_at < time.time():
                raise RefusedError("invalid_grant", "this code is too old")
            if grant.redirect_uri != redirect_uri:
                raise RefusedError("invalid_grant", "this code is for another redirect_uri")
            if not _proves(verifier, grant.challenge):
                raise RefusedError("invalid_grant", "the code_verifier is not the challenge's")
            token = secrets.token_urlsafe(32)
            grant.tokens.append(token)
            self._tokens[token] = (grant, time.time() + TOKEN_SECONDS)
            return grant, token

    def holder(self, token: str) -> Grant | None:
        """Whose access token it is, while it is good."""
        with self._lock:
            grant, expires_at = self._tokens.get(token, (None, 0.0))
            return grant if expires_at > time.time() else None


def _proves(verifier: str, challenge: str) -> bool:
    if not challenge:
        return not verifier
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    return hmac.compare_digest(digest, challenge)

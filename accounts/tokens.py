"""The one issuer of tokens: simplejwt signs and checks, these claims are all that a request knows of its caller."""

import functools
import time
import uuid
from dataclasses import dataclass
from typing import Any

from rest_framework_simplejwt import tokens as simplejwt
from rest_framework_simplejwt.exceptions import ExpiredTokenError, TokenError
from rest_framework_simplejwt.settings import api_settings

from common.errors import Unauthenticated

MAX_LENGTH = 2048
REMEMBERED_TOKENS = 10_000


@dataclass(frozen=True, slots=True)
class Claims:
    """Who is calling. `organization_id` is the personal one; `role` is the person's at sign-in or refresh.

    A program that calls with an API key acts as the person whose key it is, but never as staff, pays from the key's
    organisation, and may only do what its `scopes` say. Its `session_id` is None; only views that are open to keys meet
    such claims, and what those call asks for no session.
    """

    user_id: uuid.UUID
    session_id: uuid.UUID
    organization_id: uuid.UUID
    role: str
    api_key_id: uuid.UUID | None = None
    scopes: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class RefreshClaims:
    """What a refresh token says; whether `token_id` is still the valid one is the session's row to tell."""

    session_id: uuid.UUID
    token_id: str


class AccessToken(simplejwt.AccessToken):
    @classmethod
    def for_claims(cls, claims: Claims) -> "AccessToken":
        token = cls()
        token["sub"], token["sid"] = str(claims.user_id), str(claims.session_id)
        token["org"], token["role"] = str(claims.organization_id), claims.role
        return token


class RefreshToken(simplejwt.RefreshToken):
    """Carries no role and no organisation: a refresh reads them afresh."""

    @classmethod
    def for_session(cls, session_id: uuid.UUID, user_id: uuid.UUID) -> "RefreshToken":
        token = cls()
        token["sub"], token["sid"] = str(user_id), str(session_id)
        return token

    @property
    def token_id(self) -> str:
        return self[api_settings.JTI_CLAIM]


def read_access(token: str) -> Claims:
    """The claims of an access token of ours; asks nothing of Redis or the database.

    Raises Unauthenticated: `TOKEN_EXPIRED` for a true token past its time, `UNAUTHENTICATED` for everything else.
    """
    claims, expires_at = _read_once(token)
    if expires_at <= time.time():
        raise _expiry()
    return claims


@functools.lru_cache(maxsize=REMEMBERED_TOKENS)
def _read_once(token: str) -> tuple[Claims, float]:
    """What a true token says stays what it says, so its signature is checked once: that costs as much as a query.

    Refusals are not remembered. Whoever asks checks the time.
    """
    payload = _read(AccessToken, token)
    try:
        ids = uuid.UUID(payload["sub"]), uuid.UUID(payload["sid"]), uuid.UUID(payload["org"])
        return Claims(*ids, payload["role"]), float(payload["exp"])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise _refusal() from error


def read_refresh(token: str) -> RefreshClaims:
    """The claims of a refresh token of ours. Raises as `read_access` does."""
    payload = _read(RefreshToken, token)
    try:
        return RefreshClaims(uuid.UUID(payload["sid"]), payload[api_settings.JTI_CLAIM])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise _refusal() from error


def _read(kind: type[simplejwt.Token], token: str) -> dict[str, Any]:
    if len(token) > MAX_LENGTH:
        raise _refusal()
    try:
        return kind(token).payload  # type: ignore[arg-type]
    except ExpiredTokenError as error:
        raise _expiry() from error
    except (TokenError, ValueError, OverflowError) as error:
        raise _refusal() from error


def _expiry() -> Unauthenticated:
    return Unauthenticated("This token has expired.", code="TOKEN_EXPIRED")


def _refusal() -> Unauthenticated:
    return Unauthenticated("This token is not valid. Please sign in again.")

"""What people prove a second time with: an authenticator app, recovery codes, and a passkey made of software."""

import json
import os
import time
from dataclasses import dataclass, field
from typing import Any

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import sha256, websafe_decode, websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData

from accounts.models import User

FLAG = AuthenticatorData.FLAG


@dataclass(frozen=True)
class Phone:
    """An authenticator app that knows one secret."""

    secret: str

    def code(self, later: int = 0) -> str:
        """The code of now, or of so many half minutes later."""
        return totp.format_hotp_value(totp.hotp_value(self.secret, int(time.time()) // 30 + later))

    def wrong(self) -> str:
        """Six digits that it shows neither now nor soon."""
        shown = {self.code(later) for later in range(-2, 3)}
        return next(code for code in map(str, range(100_000, 100_010)) if code not in shown)


def add_phone(user: User) -> Phone:
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(user, secret)
    return Phone(secret)


def add_recovery_codes(user: User) -> list[str]:
    return RecoveryCodes.activate(user).generate_codes()


@dataclass
class Passkey:
    """An authenticator that keeps its key in memory and says that it has seen its owner's finger."""

    origin: str = "http://testserver"
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: os.urandom(32))
    user_handle: bytes = b""
    count: int = 0

    def register(self, options: dict[str, Any], *, verified: bool = True) -> dict[str, Any]:
        """The answer to creation options, as a browser gives it to a page."""
        options = options["publicKey"]
        self.user_handle = websafe_decode(options["user"]["id"])
        credential = AttestedCredentialData.create(
            b"\0" * 16, self.credential_id, ES256.from_cryptography_key(self.key.public_key())
        )
        signed = self._signed(options["rp"]["id"], verified, credential)
        return self._answer(
            {
                "clientDataJSON": self._client_data("webauthn.create", options["challenge"]),
                "attestationObject": websafe_encode(AttestationObject.create("none", signed, {})),
            },
            {"credProps": {"rk": True}},
        )

    def sign(self, options: dict[str, Any], *, verified: bool = True) -> dict[str, Any]:
        """The answer to request options."""
        options = options["publicKey"]
        signed = self._signed(options["rpId"], verified)
        client_data = self._client_data("webauthn.get", options["challenge"])
        signature = self.key.sign(bytes(signed) + sha256(websafe_decode(client_data)), ec.ECDSA(hashes.SHA256()))
        return self._answer(
            {
                "clientDataJSON": client_data,
                "authenticatorData": websafe_encode(signed),
                "signature": websafe_encode(signature),
                "userHandle": websafe_encode(self.user_handle),
            }
        )

    def _signed(self, site: str, verified: bool, credential: bytes = b"") -> AuthenticatorData:
        self.count += 1
        flags = FLAG.UP | (FLAG.UV if verified else FLAG(0)) | (FLAG.AT if credential else FLAG(0))
        return AuthenticatorData.create(sha256(site.encode()), flags, self.count, credential)

    def _client_data(self, kind: str, challenge: str) -> str:
        data = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return websafe_encode(json.dumps(data).encode())

    def _answer(self, response: dict[str, str], extensions: dict[str, Any] | None = None) -> dict[str, Any]:
        name = websafe_encode(self.credential_id)
        return {
            "id": name,
            "rawId": name,
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "response": response,
            "clientExtensionResults": extensions or {},
        }

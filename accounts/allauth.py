"""What we tell allauth: whose tokens are minted, how its mail leaves, where its secrets are kept.

allauth brings the second factors and passkeys, the headless API around them, and the protocols of other sites. The
account itself, its sessions and tokens are ours.
"""

import base64
import hashlib
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ReauthenticationRequired
from allauth.headless.tokens.strategies.sessions import SessionTokenStrategy
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from accounts import services
from accounts.limits import account_gate
from accounts.models import User
from accounts.session_store import SessionStore
from accounts.tokens import read_access
from accounts.web_sessions import device_of, end_present_session, proved_recently, read_claims, session_behind
from common import mail, sessions
from common.errors import Problem
from common.middleware import client_address

# what allauth calls a mail, and what it tells of
CHANGES = {
    "mfa/email/totp_activated": "totp_added",
    "mfa/email/totp_deactivated": "totp_removed",
    "mfa/email/webauthn_added": "passkey_added",
    "mfa/email/webauthn_removed": "passkey_removed",
    "mfa/email/recovery_codes_generated": "recovery_codes",
}
BEARER = "Bearer "


class AccountAdapter(DefaultAccountAdapter):
    """Its mails are ours, in the person's language; its tries are counted by the address our proxies tell."""

    def send_notification_mail(self, template_prefix: str, user: Any, *_: Any, **__: Any) -> None:
        """Passwords are told of by `services.tell_of_new_password`."""
        if change := CHANGES.get(template_prefix):
            mail.send(
                "second_factor_changed",
                to=user.email,
                context={"change": change},
                locale=user.locale,
                timezone=user.timezone,
                user_id=user.pk,
            )

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Nothing else of allauth's that would mail is mounted here."""
        raise NotImplementedError(template_prefix)

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request)

    def is_reauthentication_required(self, *, app: str, **_: Any) -> bool:
        """allauth asks nothing of who has neither a password nor a second factor; here they sign in again."""
        if not proved_recently(self.request):
            raise ReauthenticationRequired
        return False

    def reauthenticate(self, user: Any, password: str) -> bool:
        """By the person who is signed in: allauth would look for them by their username."""
        account_gate(user.email).enter()
        return user.check_password(password)

    def login(self, request: HttpRequest, user: Any) -> None:
        end_present_session(request)
        super().login(request, user)


class MFAAdapter(DefaultMFAAdapter):
    """Secrets of second factors are encrypted with a key made of SECRET_KEY, or an earlier one of its fallbacks."""

    def encrypt(self, text: str) -> str:
        return _box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _box().decrypt(encrypted_text.encode()).decode()

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return super().get_public_key_credential_rp_entity() | {"name": settings.MFA_TOTP_ISSUER}


def _box() -> MultiFernet:
    return MultiFernet([_fernet(str(key)) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _fernet(secret: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"accounts.second-factor " + secret.encode()).digest()))


class TokenStrategy(SessionTokenStrategy):
    """Headless clients get the pair of tokens that every other door gives, for the same session.

    They may come with `X-Session-Token`, or with an access token like anywhere else in the API.
    """

    def get_session_token(self, request: HttpRequest) -> str | None:
        header = request.headers.get("authorization", "")
        return header if header.startswith(BEARER) else super().get_session_token(request)

    def lookup_session(self, session_token: str) -> SessionBase | None:
        if session_token.startswith(BEARER):
            return _session_of_access_token(session_token.removeprefix(BEARER))
        session = SessionStore(session_token)
        if not session.exists(session_token):
            return None
        claims = read_claims(session)
        if claims is None:  # perhaps on the way in; one of Django's own sign-in is nobody's
            return session if SESSION_KEY not in session else None
        return session if sessions.is_live(claims.session_id) else None

    def create_access_token_payload(self, request: HttpRequest) -> dict[str, Any] | None:
        claims = read_claims(request.session)
        if claims is None:
            return None
        session_key = self.create_session_token(request)
        pair = services.hand_out_tokens(session_id=claims.session_id, session_key=session_key)
        return {
            "access_token": pair.access,
            "refresh_token": pair.refresh,
            "expires_in": int(settings.ACCESS_TOKEN_LIFETIME.total_seconds()),
        }

    def refresh_token(self, refresh_token: str) -> tuple[str, str] | None:
        try:
            pair = services.refresh(refresh_token=refresh_token)
        except Problem:
            return None
        return pair.access, pair.refresh


def _session_of_access_token(token: str) -> SessionBase | None:
    try:
        claims = read_access(token.strip())
    except Problem:
        return None
    return session_behind(claims) if sessions.is_live(claims.session_id) else None


def on_password_changed(*, request: HttpRequest, user: User, **_: Any) -> None:
    """Receiver of allauth's signal: a new password by its door has the consequences it has by ours."""
    claims = read_claims(request.session)
    services.tell_of_new_password(
        user=user, device=device_of(request), keep_session=claims.session_id if claims else None
    )

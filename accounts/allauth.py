"""What we tell allauth: whose tokens are minted, how its mail leaves, where its secrets are kept.

allauth brings the second factors and passkeys, the headless API around them, and the protocols of other sites. The
account itself, its sessions and tokens are ours.
"""

import base64
import hashlib
from functools import cached_property
from typing import Any

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.headless.tokens.strategies.sessions import SessionTokenStrategy
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from accounts import services
from accounts.models import User
from accounts.session_store import SessionStore
from accounts.tokens import read_access
from accounts.web_sessions import device_of, read_claims, session_behind
from common import mail, sessions
from common.errors import Problem
from common.middleware import client_address

log = structlog.get_logger(__name__)

# what allauth calls a mail, and our kind of it with its context
NOTICES: dict[str, tuple[str, dict[str, str]]] = {
    "mfa/email/totp_activated": ("second_factor_changed", {"change": "totp_added"}),
    "mfa/email/totp_deactivated": ("second_factor_changed", {"change": "totp_removed"}),
    "mfa/email/webauthn_added": ("second_factor_changed", {"change": "passkey_added"}),
    "mfa/email/webauthn_removed": ("second_factor_changed", {"change": "passkey_removed"}),
    "mfa/email/recovery_codes_generated": ("second_factor_changed", {"change": "recovery_codes"}),
}
BEARER = "Bearer "


class AccountAdapter(DefaultAccountAdapter):
    """Its mails are ours, in the person's language; its tries are counted by the address our proxies tell."""

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Passwords are told of by `services.tell_of_new_password`; what nobody mounted here is not mailed."""
        notice = NOTICES.get(template_prefix)
        user = context.get("user")
        if notice is None or not isinstance(user, User):
            log.debug("mail of allauth's left out", template=template_prefix)
            return
        kind, words = notice
        mail.send(kind, to=user.email, context=words, locale=user.locale, timezone=user.timezone, user_id=user.pk)

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request)


class MFAAdapter(DefaultMFAAdapter):
    """Secrets of second factors are encrypted with a key made of SECRET_KEY, or an earlier one of its fallbacks."""

    @cached_property
    def _box(self) -> MultiFernet:
        return MultiFernet([_fernet(str(key)) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])

    def encrypt(self, text: str) -> str:
        return self._box.encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return self._box.decrypt(encrypted_text.encode()).decode()


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
        return session if claims is None or sessions.is_live(claims.session_id) else None

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

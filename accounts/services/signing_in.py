"""Signing in, and the pair of tokens."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn

import structlog
from django.conf import settings
from django.contrib.auth import authenticate
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import devices, registry
from accounts.models import AuthSession, User
from accounts.selectors import personal_organization_id
from accounts.services import deletion
from accounts.services.devices import Device
from accounts.services.sessions import EndReason, end_session
from accounts.tokens import AccessToken, Claims, RefreshToken, read_refresh
from common.errors import Forbidden, Unauthenticated

log = structlog.get_logger(__name__)
KNOWN_DEVICES = 100


@dataclass(frozen=True)
class SignedIn:
    """A person with a fresh pair of tokens."""

    user: User
    access: str
    refresh: str
    organization_id: uuid.UUID


def check_password(*, email: str, password: str) -> User:
    """The person with this address and password.

    Raises Unauthenticated, the same (and in the same time) for an unknown address and a wrong password, and Forbidden
    `BANNED` to who gave the right password.
    """
    user = authenticate(email=email, password=password)
    if not isinstance(user, User):
        raise Unauthenticated("The address and the password do not fit together.")
    refuse_banned(user)
    return user


@transaction.atomic
def start_token_session(*, user: User, device: Device, method: str = "") -> SignedIn:
    """Raises as `_admit` does."""
    now = _admit(user)
    session = AuthSession(user=user, kind=AuthSession.Kind.TOKEN, method=method, last_used_at=now, **device.columns())
    refresh_token = RefreshToken.for_session(session.pk, user.pk)
    session.refresh_jti = refresh_token.token_id
    session.expires_at = now + settings.REFRESH_TOKEN_LIFETIME
    _save(session)
    return _pair(user, session.pk, refresh_token)


@transaction.atomic
def start_web_session(*, user: User, device: Device, method: str = "") -> Claims:
    """The row behind a web session, which lives as long as the cookie. Raises as `_admit` does."""
    now = _admit(user)
    session = AuthSession(
        user=user,
        kind=AuthSession.Kind.WEB,
        method=method,
        last_used_at=now,
        expires_at=now + timedelta(seconds=settings.SESSION_COOKIE_AGE),
        **device.columns(),
    )
    _save(session)
    return Claims(user.pk, session.pk, personal_organization_id(user.pk), user.role)


@transaction.atomic
def hand_out_tokens(*, session_id: uuid.UUID, session_key: str) -> SignedIn:
    """Makes a web session one of tokens as well: both live and end together. Raises Unauthenticated where it ended."""
    session = AuthSession.objects.select_for_update(of=("self",)).select_related("user").get(pk=session_id)
    if session.ended_at:
        raise Unauthenticated("This session has ended. Please sign in again.")
    refresh_token = RefreshToken.for_session(session.pk, session.user_id)
    session.kind, session.refresh_jti, session.session_key = AuthSession.Kind.TOKEN, refresh_token.token_id, session_key
    session.expires_at = timezone.now() + settings.REFRESH_TOKEN_LIFETIME
    session.save(update_fields=["kind", "refresh_jti", "session_key", "expires_at", "updated_at"])
    return _pair(session.user, session.pk, refresh_token)


def _save(session: AuthSession) -> None:
    """A device is new where the person has signed in before, and never from one like it."""
    before = AuthSession.objects.filter(user_id=session.user_id).values_list("user_agent", flat=True).distinct()
    known = {devices.describe(user_agent) for user_agent in before[:KNOWN_DEVICES]}
    session.save(force_insert=True)
    registry.signed_in(session.user, session, bool(known) and devices.describe(session.user_agent) not in known)


def _pair(user: User, session_id: uuid.UUID, refresh_token: RefreshToken) -> SignedIn:
    claims = Claims(user.pk, session_id, personal_organization_id(user.pk), user.role)
    return SignedIn(user, str(AccessToken.for_claims(claims)), str(refresh_token), claims.organization_id)


def _admit(user: User) -> Any:
    """Marks the person as seen, brings back one who had left, and returns the time.

    It is done by one conditional UPDATE, whose lock makes a ban or a deletion wait until the new session is there to be
    ended. Raises Forbidden `BANNED`, or Unauthenticated for who has gone since the password was checked.
    """
    now = timezone.now()
    if user.deleted_at is not None:
        deletion.restore(user)
    may_enter = Q(is_active=True, deleted_at=None) & (Q(banned_until=None) | Q(banned_until__lte=now))
    if not User.objects.filter(may_enter, pk=user.pk).update(last_seen_at=now):
        user.refresh_from_db()
        refuse_banned(user)
        raise Unauthenticated
    user.last_seen_at = now
    return now


def refuse_banned(user: User) -> None:
    """Raises Forbidden `BANNED`, which says until when."""
    if user.is_banned:
        assert user.banned_until
        raise Forbidden(f"This account is banned until {user.banned_until:%Y-%m-%d %H:%M} UTC.", code="BANNED")


def refresh(*, refresh_token: str) -> SignedIn:
    """A new pair for the session; from now on only the new refresh token is valid.

    Raises Unauthenticated: `TOKEN_EXPIRED`, `UNAUTHENTICATED`, or `TOKEN_REUSED` for a token that was exchanged before,
    which ends the whole session: one of the two who hold it is a thief.
    """
    given = read_refresh(refresh_token)
    rotated = _rotate(given.session_id, given.token_id)
    if rotated is None:
        _refuse_refresh(given.session_id, given.token_id)
    return rotated


@transaction.atomic
def _rotate(session_id: uuid.UUID, token_id: str) -> SignedIn | None:
    # the person before the session, as whoever changes their access takes them
    people = User.objects.select_for_update(of=("self",), no_key=True)
    user = people.filter(auth_sessions=session_id, is_active=True, deleted_at=None).first()
    if user is None:
        return None
    now = timezone.now()
    refresh_token = RefreshToken.for_session(session_id, user.pk)
    # One statement over the row's own columns: of two at once with the same token, the second waits for the first and
    # then finds another refresh_jti.
    won = AuthSession.objects.filter(pk=session_id, refresh_jti=token_id, ended_at=None, expires_at__gt=now).update(
        refresh_jti=refresh_token.token_id, last_used_at=now, expires_at=now + settings.REFRESH_TOKEN_LIFETIME
    )
    if not won:
        return None
    User.objects.filter(pk=user.pk).update(last_seen_at=now)
    user.last_seen_at = now
    return _pair(user, session_id, refresh_token)


def _refuse_refresh(session_id: uuid.UUID, token_id: str) -> NoReturn:
    session = AuthSession.objects.filter(pk=session_id).first()
    if session and session.refresh_jti != token_id:
        if end_session(session_id=session_id, reason=EndReason.REUSE):
            log.warning("refresh token used twice, session ended", session=str(session_id), user=str(session.user_id))
        session.refresh_from_db(fields=["end_reason"])  # of two at once, the other may have ended it
    if session and session.end_reason == EndReason.REUSE:
        raise Unauthenticated(
            "This token was used before, so the session was ended. Please sign in again.", code="TOKEN_REUSED"
        )
    raise Unauthenticated("This session has ended. Please sign in again.")


def sign_out(*, refresh_token: str) -> None:
    """Ends the token's session; one that has ended already stays ended. Raises Unauthenticated as `refresh` does."""
    end_session(session_id=read_refresh(refresh_token).session_id, reason=EndReason.SIGN_OUT)

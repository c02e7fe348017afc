"""Every write of accounts: signing up, in and out, and ending sessions."""

import ipaddress
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, NoReturn

import structlog
from django.conf import settings
from django.contrib.auth import authenticate, password_validation
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from accounts import names
from accounts.models import AuthSession, Role, User
from accounts.selectors import personal_organization_id
from accounts.tokens import AccessToken, Claims, RefreshToken, read_refresh
from common import audit, sessions
from common.errors import Conflict, Forbidden, Unauthenticated, ValidationProblem
from common.tracking import track

log = structlog.get_logger(__name__)

MAX_PASSWORD = 128  # characters; a hash of a megabyte is work for nothing
EndReason = AuthSession.EndReason
KEPT_AFTER_EXPIRY = timedelta(days=30)
TAKEN = {
    "user_email_once": ("email", "This address has an account already. Please sign in."),
    "accounts_user_username_key": ("username", "This name is taken. Please choose another."),
}


@dataclass(frozen=True)
class SignedIn:
    """A person with a fresh pair of tokens."""

    user: User
    access: str
    refresh: str


@dataclass(frozen=True)
class Device:
    """Where a sign-in comes from, as the person will see it in the list of their sessions."""

    user_agent: str = ""
    address: str = ""

    def columns(self) -> dict[str, Any]:
        return {"user_agent": self.user_agent.replace("\x00", "")[:300], "address": _valid_address(self.address)}


def _valid_address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return None


# --- signing up -------------------------------------------------------------------------------------------------------


def sign_up(
    *,
    email: str,
    password: str,
    username: str | None = None,
    display_name: str = "",
    utm: dict[str, str] | None = None,
    user_agent: str = "",
    address: str = "",
) -> SignedIn:
    """A new account, signed in by tokens. Raises as `create_account` does."""
    user = _prepared(email, password, username, display_name, utm)
    with transaction.atomic():
        _save(user)
        return start_token_session(user=user, device=Device(user_agent, address))


def create_account(
    *,
    email: str,
    password: str,
    username: str | None = None,
    display_name: str = "",
    utm: dict[str, str] | None = None,
) -> User:
    """A new account, not signed in.

    Raises ValidationProblem (`errors.password`, `errors.username`), Conflict (`errors.email` or `errors.username`).
    """
    user = _prepared(email, password, username, display_name, utm)
    with transaction.atomic():
        _save(user)
    return user


def _prepared(email: str, password: str, username: str | None, display_name: str, utm: dict[str, str] | None) -> User:
    """Checked and with the password hashed: that takes long, so it is done before a transaction holds a connection."""
    user = User(
        email=User.objects.normalize_email(email.strip()),
        username=_checked_username(username) if username else "",
        display_name=display_name.strip(),
        utm=utm or {},
    )
    try:
        password_validation.validate_password(password, user)
    except ValidationError as error:
        raise ValidationProblem(errors={"password": error.messages}) from error
    user.set_password(password)
    return user


def _checked_username(text: str) -> str:
    try:
        return names.clean_username(text)
    except ValueError as error:
        raise ValidationProblem(errors={"username": [str(error)]}) from error


def _save(user: User) -> None:
    try:
        with transaction.atomic():
            User.objects.create_account(user)
    except IntegrityError as error:
        constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
        if constraint not in TAKEN:
            raise
        field, message = TAKEN[constraint]
        raise Conflict(message, errors={field: [message]}) from error
    track("user_signed_up", user_id=user.pk, **({"utm": user.utm} if user.utm else {}))


# --- signing in -------------------------------------------------------------------------------------------------------


def sign_in(*, email: str, password: str, user_agent: str = "", address: str = "") -> SignedIn:
    """A pair of tokens for a new session. Raises as `check_password` does."""
    user = check_password(email=email, password=password)
    return start_token_session(user=user, device=Device(user_agent, address))


def check_password(*, email: str, password: str) -> User:
    """The person with this address and password.

    Raises Unauthenticated, the same (and in the same time) for an unknown address and a wrong password, and Forbidden
    `BANNED` to who gave the right password.
    """
    user = authenticate(email=email, password=password)
    if not isinstance(user, User):
        raise Unauthenticated("The address and the password do not fit together.")
    _refuse_banned(user)
    return user


@transaction.atomic
def start_token_session(*, user: User, device: Device) -> SignedIn:
    """Raises as `_admit` does."""
    now = _admit(user)
    session = AuthSession(user=user, kind=AuthSession.Kind.TOKEN, last_used_at=now, **device.columns())
    refresh_token = RefreshToken.for_session(session.pk, user.pk)
    session.refresh_jti = refresh_token.token_id
    session.expires_at = now + settings.REFRESH_TOKEN_LIFETIME
    session.save(force_insert=True)
    claims = Claims(user.pk, session.pk, personal_organization_id(user.pk), user.role)
    return SignedIn(user, str(AccessToken.for_claims(claims)), str(refresh_token))


@transaction.atomic
def start_web_session(*, user: User, device: Device) -> Claims:
    """The row behind a web session, which lives as long as the cookie. Raises as `_admit` does."""
    now = _admit(user)
    session = AuthSession.objects.create(
        user=user,
        kind=AuthSession.Kind.WEB,
        last_used_at=now,
        expires_at=now + timedelta(seconds=settings.SESSION_COOKIE_AGE),
        **device.columns(),
    )
    return Claims(user.pk, session.pk, personal_organization_id(user.pk), user.role)


def _admit(user: User) -> Any:
    """Marks the person as seen and returns the time.

    It is done by one conditional UPDATE, whose lock makes a ban or a deletion wait until the new session is there to be
    ended. Raises Forbidden `BANNED`, or Unauthenticated for who has gone since the password was checked.
    """
    now = timezone.now()
    may_enter = Q(is_active=True, deleted_at=None) & (Q(banned_until=None) | Q(banned_until__lte=now))
    if not User.objects.filter(may_enter, pk=user.pk).update(last_seen_at=now):
        user.refresh_from_db()
        _refuse_banned(user)
        raise Unauthenticated
    user.last_seen_at = now
    return now


def _refuse_banned(user: User) -> None:
    if user.is_banned:
        assert user.banned_until
        raise Forbidden(f"This account is banned until {user.banned_until:%Y-%m-%d %H:%M} UTC.", code="BANNED")


# --- the pair of tokens -----------------------------------------------------------------------------------------------


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
    claims = Claims(user.pk, session_id, personal_organization_id(user.pk), user.role)
    return SignedIn(user, str(AccessToken.for_claims(claims)), str(refresh_token))


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


# --- ending sessions --------------------------------------------------------------------------------------------------


def sign_out(*, refresh_token: str) -> None:
    """Ends the token's session; one that has ended already stays ended. Raises Unauthenticated as `refresh` does."""
    end_session(session_id=read_refresh(refresh_token).session_id, reason=EndReason.SIGN_OUT)


@transaction.atomic
def end_session(*, session_id: uuid.UUID, reason: str) -> bool:
    """Its tokens, its cookie and its sockets end once this is committed. False where it had ended before."""
    now = timezone.now()
    ended = AuthSession.objects.filter(pk=session_id, ended_at=None).update(ended_at=now, end_reason=reason)
    if ended:
        _announce_ends([session_id])
    return bool(ended)


@transaction.atomic
def end_sessions_of(*, user_id: uuid.UUID, reason: str) -> int:
    """Ends every session of a person (ban, deletion, new password, new role); returns how many."""
    live = AuthSession.objects.filter(user_id=user_id, ended_at=None)
    ids = list(live.select_for_update().order_by("pk").values_list("pk", flat=True))
    live.filter(pk__in=ids).update(ended_at=timezone.now(), end_reason=reason)
    _announce_ends(ids)
    return len(ids)


def _announce_ends(session_ids: Iterable[uuid.UUID]) -> None:
    for session_id in session_ids:
        transaction.on_commit(partial(sessions.end, session_id))


@transaction.atomic
def set_access(*, user: User, role: str, is_active: bool, actor: User, reason: str) -> None:
    """Gives a person another role, or closes or opens the account. Every session ends, for tokens carry the role."""
    before = {"role": user.role, "is_active": user.is_active}
    user.role, user.is_active, user.is_superuser = role, is_active, role == Role.ADMIN
    user.save(update_fields=["role", "is_active", "is_superuser", "updated_at"])
    end_sessions_of(user_id=user.pk, reason=EndReason.ROLE)
    audit.record(
        actor=actor,
        action="user.access",
        target=user,
        reason=reason,
        data={"before": before, "after": {"role": role, "is_active": is_active}},
    )


def forget_old_sessions() -> int:
    """Deletes sessions that expired a month ago; returns how many. For the scheduler, once a day."""
    return AuthSession.objects.filter(expires_at__lt=timezone.now() - KEPT_AFTER_EXPIRY).delete()[0]

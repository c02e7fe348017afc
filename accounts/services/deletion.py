"""Leaving the site: hidden at once, back by signing in for thirty days. What comes after them is `anonymisation.py`."""

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import registry
from accounts.models import ApiKey, AuthSession, Invitation, MailKey, User
from accounts.services import second_factor
from accounts.services.ending_keys import end_keys
from accounts.services.exports import cancel_exports
from accounts.services.organizations import leave_all
from accounts.services.sessions import EndReason, end_sessions_of
from common import audit, mail
from common.errors import Forbidden, Unauthenticated

FRESH = timedelta(minutes=5)


def kept_for() -> timedelta:
    """How long signing in brings a person back."""
    return timedelta(days=settings.DELETED_KEPT_DAYS)


def restorable_until(user: User) -> datetime | None:
    """When signing in no longer brings the person back; None for who has not left, or has gone for good."""
    if user.deleted_at is None or user.anonymised_at is not None:
        return None
    return user.deleted_at + kept_for()


def is_restorable(user: User) -> bool:
    until = restorable_until(user)
    return until is not None and timezone.now() < until


def is_fresh_sign_in(session_id: uuid.UUID) -> bool:
    """Whether the session began in the last five minutes, which is as good as giving the password again."""
    return AuthSession.objects.filter(pk=session_id, created_at__gt=timezone.now() - FRESH).exists()


def require_proof(user: User, session_id: uuid.UUID, *, password: str | None = None, code: str | None = None) -> None:
    """Before an account is deleted: a fresh sign-in, the password, or a code of the second factor, one of them.

    Raises Forbidden where none is given or the password is wrong, ValidationProblem for a wrong code. Whoever asks
    limits the tries.
    """
    if is_fresh_sign_in(session_id):
        return
    if code is not None:
        second_factor.check_code(user, code)
    elif password is None:
        raise Forbidden(
            "You signed in a while ago. Please send your password, or a code of your second factor, or sign in again."
        )
    elif not user.check_password(password):
        raise Forbidden("This is not your password. Nothing was deleted.")


@transaction.atomic
def delete_account(*, user_id: uuid.UUID, actor: User, reason: str = "") -> User:
    """Hides a person everywhere and ends all that acts for them, as soon as this is committed. A repeat does nothing.

    Teams are left, keys and invitations revoked for good; the rest comes back with `restore`. Raises Conflict, naming
    the teams that need another owner first.
    """
    # the person before everything of theirs: a sign-in and a refresh take the row as well, and then find it deleted
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    if user.deleted_at is not None:
        return user
    leave_all(user=user)
    now = timezone.now()
    user.deleted_at = now
    user.save(update_fields=["deleted_at", "updated_at"])
    ended = end_sessions_of(user_id=user.pk, reason=EndReason.DELETION)
    revoke_keys(user, actor)
    Invitation.objects.filter(invited_by=user, accepted_at=None, revoked_at=None).update(revoked_at=now)
    MailKey.objects.filter(user=user, used_at=None).update(used_at=now)
    cancel_exports(user)
    registry.account_deleted(user)
    audit.record(actor=actor, action="user.delete", target=user, reason=reason, data={"sessions_ended": ended})
    tell(user, "account_deleted", {"until": restorable_until(user)}, link=f"{settings.PUBLIC_URL}/sign-in")
    return user


def revoke_keys(user: User, actor: User) -> None:
    end_keys(ApiKey.objects.filter(user=user), actor=actor)


@transaction.atomic
def restore(user: User, *, actor: User | None = None, reason: str = "") -> None:
    """Brings a person back, in the transaction of the sign-in that does it, or by `actor`, a member of staff.

    Of two at once both find the person back. Raises Unauthenticated where it is too late.
    """
    gone_since = timezone.now() - kept_for()
    may_return = Q(deleted_at__gt=gone_since, anonymised_at=None)
    if not User.objects.filter(may_return, pk=user.pk).update(deleted_at=None, updated_at=timezone.now()):
        user.refresh_from_db()
        if user.deleted_at is not None:
            raise Unauthenticated
        return
    user.deleted_at = None
    registry.account_restored(user)
    audit.record(actor=actor or user, action="user.restore", target=user, reason=reason)
    tell(user, "account_restored")


def tell(user: User, kind: str, context: dict[str, datetime | None] | None = None, link: str | None = None) -> None:
    """A mail about the account itself, to the address it still has."""
    mail.send(
        kind,
        to=user.email,
        context={name: at.isoformat() if at else None for name, at in (context or {}).items()},
        link=link,
        locale=user.locale,
        timezone=user.timezone,
        user_id=user.pk,
    )

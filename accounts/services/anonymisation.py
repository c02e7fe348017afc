"""Thirty days after leaving: what tells who somebody was goes for good. The ledger and the audit trail keep the id."""

import secrets
import uuid
from datetime import timedelta
from typing import Any

import structlog
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import registry
from accounts.models import Block, DataExport, Invitation, MailKey, Organization, Role, User
from accounts.services.deletion import kept_for, tell
from common import audit
from common.errors import Conflict
from common.models import IdempotencyKey, OutboxEvent, OutgoingMail

log = structlog.get_logger(__name__)
AT_ONCE = 50
NEW_NAME = "deleted-"
ADDRESS = "{}@anonymised.invalid"


def anonymise_due(*, at_most: int = AT_ONCE) -> int:
    """Anonymises people whose time is over, each in a transaction of their own; returns how many.

    For the scheduler. Whoever fails is logged, tried again next time, and holds up nobody else.
    """
    gone_since = timezone.now() - kept_for()
    due = User.objects.filter(deleted_at__lte=gone_since, anonymised_at=None).order_by("deleted_at")
    done = 0
    for user_id in list(due.values_list("pk", flat=True)[:at_most]):
        try:
            done += anonymise(user_id=user_id, gone_since=gone_since)
        except Exception:
            log.exception("a person could not be anonymised", user=str(user_id))
    return done


@transaction.atomic
def anonymise(*, user_id: uuid.UUID, gone_since: Any = None, actor: User | None = None, reason: str = "") -> bool:
    """Anonymises one deleted person; False where that was done before, is being done, or the person is back.

    With `gone_since` only who left before it. Raises Conflict for who has not left.
    """
    user = User.objects.select_for_update(skip_locked=True).filter(pk=user_id).first()
    if user is None or user.anonymised_at is not None:
        return False
    if user.deleted_at is None or (gone_since and user.deleted_at > gone_since):
        if gone_since:
            return False
        raise Conflict("Delete the account first.")
    tell(user, "account_anonymised")
    registry.account_anonymised(user)  # while the person is as they were
    address = user.email
    _forget_sign_ins(user)
    _forget_what_they_left(user, address)
    _rename(user)
    audit.record(actor=actor, action="user.anonymise", target=user, reason=reason)
    return True


def _rename(user: User) -> None:
    if user.avatar:
        registry.avatar_dropped(user.avatar)
    # by chance, not by the id: everybody may know the id, and could take the name before
    user.username = NEW_NAME + secrets.token_hex(11)
    user.email = ADDRESS.format(user.username)
    user.email_verified = user.is_active = user.is_superuser = False
    user.display_name = user.bio = user.avatar = ""
    user.locale, user.timezone = "en", "UTC"
    user.role = Role.MEMBER
    user.preferences, user.utm = {}, {}
    user.last_seen_at, user.anonymised_at = None, timezone.now()
    user.set_unusable_password()
    user.save()
    user.groups.clear()
    user.user_permissions.clear()
    Organization.objects.filter(memberships__user=user, personal=True).update(
        name=user.username, deleted_at=timezone.now()
    )
    LogEntry.objects.filter(object_id=str(user.pk)).update(object_repr=user.username)


def _forget_sign_ins(user: User) -> None:
    EmailAddress.objects.filter(user=user).delete()
    SocialAccount.objects.filter(user=user).delete()
    Authenticator.objects.filter(user=user).delete()
    MailKey.objects.filter(user=user).delete()
    keys = user.auth_sessions.exclude(session_key=None).values_list("session_key", flat=True)
    Session.objects.filter(session_key__in=list(keys)).delete()
    user.auth_sessions.all().delete()
    user.api_keys.update(name="deleted")  # revoked long ago; what they spent refers to them


def _forget_what_they_left(user: User, address: str) -> None:
    Block.objects.filter(Q(user=user) | Q(blocked=user)).delete()
    user.favourites.all().delete()
    DataExport.objects.filter(user=user).delete()  # their files go with the next sweep
    asked = Invitation.objects.filter(Q(accepted_by=user) | Q(email__iexact=address, revoked_at__isnull=False))
    asked.update(email=ADDRESS.format("deleted"))
    # the last mail of all is still to be sent
    OutgoingMail.objects.filter(user_id=user.pk).exclude(kind="account_anonymised", status="queued").delete()
    IdempotencyKey.objects.filter(caller=str(user.pk)).delete()
    # a tracked event keeps the id; the one of the sign-up says where the person came from as well
    around = user.created_at - timedelta(minutes=1), user.created_at + timedelta(minutes=1)
    OutboxEvent.objects.filter(name="user_signed_up", user_id=user.pk, id__range=_ids_of(*around)).update(properties={})


def _ids_of(first: Any, last: Any) -> tuple[uuid.UUID, uuid.UUID]:
    """The UUIDv7s that were made between these times: they begin with the milliseconds."""
    low, high = (int(at.timestamp() * 1000) << 80 for at in (first, last))
    return uuid.UUID(int=low), uuid.UUID(int=high | (1 << 80) - 1)

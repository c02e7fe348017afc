"""Every write of notifications."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.selectors import is_blocked_between
from common import mail
from common.errors import NotFound
from notifications import kinds, topics
from notifications.models import BODY_LENGTH, TITLE_LENGTH, Notification
from notifications.selectors import notifications_of

KEPT_AFTER_READING = timedelta(days=90)


@transaction.atomic
def notify(
    *,
    user_id: uuid.UUID,
    kind: str,
    title: str,
    body: str = "",
    actor_id: uuid.UUID | None = None,
    reference: tuple[str, uuid.UUID | str] | None = None,
    key: str | None = None,
    mail_context: Mapping[str, Any] | None = None,
) -> Notification | None:
    """Tells a person something, in the caller's transaction; every device of theirs hears of it after the commit.

    `title` and `body` are what they read, in their language; `reference` is the type and id of what it is about.
    `mail_context` is for the mail of a kind that has one; it goes to a confirmed address only.

    None where nobody is told: the person has left, one of the two has blocked the other (`actor_id` is whose doing it
    is), or there was a notification with this `key` before. Raises LookupError for a kind that nobody has registered.
    """
    registered = kinds.get(kind)
    people = User.objects.in_bulk([user_id, actor_id] if actor_id else [user_id])
    person = people.get(user_id)
    if person is None or person.deleted_at or (actor_id and is_blocked_between(actor_id, user_id)):
        return None
    reference_type, reference_id = reference or ("", "")
    columns = {
        "kind": kind,
        "title": _fit(title, TITLE_LENGTH),
        "body": _fit(body, BODY_LENGTH),
        "actor": people[actor_id] if actor_id else None,
        "reference_type": reference_type,
        "reference_id": str(reference_id),
    }
    notification = _save(user_id, key, columns)
    if notification is None:
        return None
    if registered.mail and person.email_verified:
        mail.send(
            registered.mail,
            to=person.email,
            context=mail_context,
            locale=person.locale,
            timezone=person.timezone,
            user_id=user_id,
        )
    topics.notified(notification)
    return notification


def _save(user_id: uuid.UUID, key: str | None, columns: dict[str, Any]) -> Notification | None:
    if key is None:
        return Notification.objects.create(user_id=user_id, **columns)
    notification, is_new = Notification.objects.get_or_create(user_id=user_id, key=key, defaults=columns)
    return notification if is_new else None


def _fit(text: str, length: int) -> str:
    text = text.replace("\x00", "").strip()
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


@transaction.atomic
def mark_read(*, user_id: uuid.UUID, notification_id: uuid.UUID) -> Notification:
    """One that was read before keeps its time. Raises NotFound."""
    return _mark(user_id, notification_id, timezone.now())


@transaction.atomic
def mark_unread(*, user_id: uuid.UUID, notification_id: uuid.UUID) -> Notification:
    """Raises NotFound."""
    return _mark(user_id, notification_id, None)


def _mark(user_id: uuid.UUID, notification_id: uuid.UUID, read_at: datetime | None) -> Notification:
    own = Notification.objects.of(user_id).filter(pk=notification_id)
    if own.filter(read_at__isnull=read_at is not None).update(read_at=read_at):
        topics.read(user_id, [notification_id], read_at)
    notification = notifications_of(user_id).filter(pk=notification_id).first()
    if notification is None:
        raise NotFound
    return notification


@transaction.atomic
def mark_all_read(*, user_id: uuid.UUID, until: uuid.UUID | None = None) -> int:
    """Marks all that are unread, or with `until` those up to that one; returns how many."""
    unread = Notification.objects.of(user_id).unread()
    if until is not None:
        unread = unread.filter(pk__lte=until)
    # locked in one order, so that two of these at once can't wait for each other
    ids = list(unread.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))
    if ids:
        now = timezone.now()
        Notification.objects.filter(pk__in=ids).update(read_at=now)
        topics.read(user_id, ids, now)
    return len(ids)


@transaction.atomic
def delete(*, user_id: uuid.UUID, notification_id: uuid.UUID) -> None:
    """Its words go at once; its key stays as long as that of one that was read. Raises NotFound."""
    own = Notification.objects.of(user_id).select_for_update(no_key=True).filter(pk=notification_id)
    notification = own.first()
    if notification is None:
        raise NotFound
    now = timezone.now()
    own.update(
        deleted_at=now,
        read_at=notification.read_at or now,
        title="",
        body="",
        actor=None,
        reference_type="",
        reference_id="",
    )
    topics.deleted(user_id, notification_id)


def forget_old() -> int:
    """Deletes what was read (or deleted) 90 days ago; returns how many. For the scheduler, once a day."""
    return Notification.objects.filter(read_at__lt=timezone.now() - KEPT_AFTER_READING).delete()[0]


@transaction.atomic
def forget_person(*, user_id: uuid.UUID) -> None:
    """Deletes what a person was told, and what others were told of their doing: that has their name in its words."""
    Notification.objects.filter(user_id=user_id).delete()
    Notification.objects.filter(actor_id=user_id).delete()

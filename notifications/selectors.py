"""What a person was told."""

import uuid
from typing import Any

from accounts.models import User
from accounts.selectors import public_user_data
from notifications.models import Notification, NotificationQuerySet


def notifications_of(user_id: uuid.UUID, *, unread_only: bool = False) -> NotificationQuerySet:
    """With whose doing each is, in one query; in no order."""
    rows = Notification.objects.of(user_id).select_related("actor")
    return rows.unread() if unread_only else rows


def unread_count(user_id: uuid.UUID, *, at_most: int | None = None) -> int:
    """How many are unread; no further than `at_most` where a page needs to know no more."""
    unread = Notification.objects.of(user_id).unread()
    return (unread if at_most is None else unread[:at_most]).count()


def notification_data(notification: Notification) -> dict[str, Any]:
    """A notification as the contract shows it. Needs the row's `actor`."""
    return {
        "id": notification.pk,
        "kind": notification.kind,
        "title": notification.title,
        "body": notification.body,
        "actor": _actor_data(notification.actor),
        "reference": _reference_data(notification),
        "read_at": notification.read_at,
        "created_at": notification.created_at,
    }


def _actor_data(actor: User | None) -> dict[str, Any] | None:
    """Who has left is not shown."""
    return public_user_data(actor) if actor and actor.deleted_at is None else None


def _reference_data(notification: Notification) -> dict[str, str] | None:
    if not notification.reference_type:
        return None
    return {"type": notification.reference_type, "id": notification.reference_id}

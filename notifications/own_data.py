"""A person's own copy of what they were told, and what becomes of it when they leave for good."""

from collections.abc import Iterator
from typing import Any

from accounts import registry
from accounts.models import User
from accounts.registry import ExportFile, LongList
from common.database import by_key
from notifications import services
from notifications.models import Notification, NotificationQuerySet

AT_ONCE = 200


def register() -> None:
    registry.add_export_part("notifications", read, size=size, says="What you were told, the oldest first.")
    registry.on_account_anonymised(forget)


def size(user: User) -> int:
    return _own(user).count()


def read(user: User) -> Iterator[ExportFile]:
    yield "notifications.json", LongList({}, "notifications", map(_data, by_key(_own(user), AT_ONCE)))


def _own(user: User) -> NotificationQuerySet:
    return Notification.objects.of(user.pk)


def _data(notification: Notification) -> dict[str, Any]:
    return {
        "kind": notification.kind,
        "title": notification.title,
        "body": notification.body,
        "created_at": notification.created_at,
        "read_at": notification.read_at,
    }


def forget(user: User) -> None:
    services.forget_person(user_id=user.pk)

"""What `user:<id>` hears of notifications. Every frame has `unread`: how many there are now.

`notification`            a new one, as the API shows it
`notification.read`       `ids` were read, or (`read_at` null) are unread again; `ids` null: more than can be listed
`notification.deleted`    `ids` are gone
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction

from common.database import fetch_one
from common.realtime import announce_now_unsafe
from notifications.models import Notification
from notifications.selectors import notification_data, unread_count

LISTED_AT_MOST = 200


def notified(notification: Notification) -> None:
    _announce(notification.user_id, "notification", notification_data(notification))


def read(user_id: uuid.UUID, ids: Sequence[uuid.UUID], read_at: datetime | None) -> None:
    listed = ids if len(ids) <= LISTED_AT_MOST else None
    _announce(user_id, "notification.read", {"ids": listed, "read_at": read_at})


def deleted(user_id: uuid.UUID, notification_id: uuid.UUID) -> None:
    _announce(user_id, "notification.deleted", {"ids": [notification_id]})


def _announce(user_id: uuid.UUID, kind: str, data: dict[str, Any]) -> None:
    # robust: what happened is committed, and must not fail because it could not be told
    transaction.on_commit(partial(_tell, user_id, kind, data), robust=True)


def _tell(user_id: uuid.UUID, kind: str, data: dict[str, Any]) -> None:
    """Counts and tells, for each person one at a time: so the last frame they hear has the count that is true."""
    topic = f"user:{user_id}"
    with transaction.atomic():
        fetch_one("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"notifications of {topic}"])
        announce_now_unsafe(topic, kind, data | {"unread": unread_count(user_id)})

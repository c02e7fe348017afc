"""`track` puts a past-tense event into the outbox that `analytics/` reads. It goes with the caller's transaction."""

import uuid
from typing import Any

from common.models import OutboxEvent


def track(name: str, *, user_id: uuid.UUID | None = None, **properties: Any) -> None:
    """Never give it a prompt or the text of a message."""
    OutboxEvent.objects.create(name=name, user_id=user_id, properties=properties)

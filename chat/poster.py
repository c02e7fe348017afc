"""What chat adds to a character's page."""

import uuid
from typing import Any

from chat.selectors import conversations_of
from chat.voices import voice_of
from common.stage_text import stage_plain

SHOWN = 3


def own_conversations(character_id: uuid.UUID, user_id: uuid.UUID | None) -> list[dict[str, Any]]:
    """The reader's newest conversations with the character."""
    if user_id is None:
        return []
    found = conversations_of(user_id, limit=SHOWN, character_id=character_id)
    return [one | {"last_text": stage_plain(one["preview"]), "updated_at": one["last_message_at"]} for one in found]


def reply_price(character_id: uuid.UUID, user_id: uuid.UUID | None) -> str | None:
    return voice_of(None).price

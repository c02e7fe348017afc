"""Where the ledger's lines of replies lead: to the conversation, for who sits in it."""

import uuid

from django.urls import reverse

from billing.registry import register_reference
from common.database import fetch_all

CONVERSATIONS = """
SELECT v.id, m.conversation_id
FROM chat_variant v JOIN chat_message m ON m.id = v.message_id
JOIN chat_member mb ON mb.conversation_id = m.conversation_id AND mb.user_id = %s AND mb.left_at IS NULL
JOIN chat_conversation c ON c.id = m.conversation_id AND c.deleted_at IS NULL
WHERE v.id = ANY(%s)
"""


def register() -> None:
    register_reference("reply", conversations_of_replies)


def conversations_of_replies(ids: list[str], viewer_id: uuid.UUID) -> dict[str, str]:
    """The address of the conversation of each reply that the reader may see."""
    found = [uuid.UUID(one) for one in ids if _is_uuid(one)]
    rows = fetch_all(CONVERSATIONS, [viewer_id, found])
    return {str(variant_id): reverse("chat", args=[conversation_id]) for variant_id, conversation_id in rows}


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False

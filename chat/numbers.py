"""The numbers of a conversation's changes."""

import uuid

from common.database import fetch_one


def next_number(conversation_id: uuid.UUID, *, tokens: int = 0) -> int:
    """Takes the conversation's next number. The row stays locked until commit, so numbers commit in their order."""
    row = fetch_one(
        """
        UPDATE chat_conversation SET last_seq = last_seq + 1, tokens = GREATEST(tokens + %s, 0)
        WHERE id = %s RETURNING last_seq
        """,
        [tokens, conversation_id],
        prepared=True,
    )
    assert row is not None
    return row[0]

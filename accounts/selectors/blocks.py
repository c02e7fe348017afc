"""Who is hidden from whom."""

import uuid

from accounts import blocks
from common.database import fetch_all, fetch_one

BETWEEN_SQL = """
SELECT EXISTS (SELECT 1 FROM accounts_block WHERE user_id = %(a)s AND blocked_id = %(b)s)
    OR EXISTS (SELECT 1 FROM accounts_block WHERE user_id = %(b)s AND blocked_id = %(a)s)
"""


def is_blocked_between(a_id: uuid.UUID, b_id: uuid.UUID) -> bool:
    """Whether one of the two has blocked the other."""
    row = fetch_one(BETWEEN_SQL, {"a": a_id, "b": b_id}, prepared=True)
    return bool(row and row[0])


def hidden_people(user_id: uuid.UUID) -> frozenset[uuid.UUID]:
    """Whom this person has blocked, and who has blocked them. For nearly everybody nobody, which Redis remembers."""
    if not blocks.has_hidden_people(user_id, blocks.recall(user_id)):
        return frozenset()
    rows = fetch_all(f"SELECT unnest({blocks.HIDDEN_IDS_SQL})", {"viewer": user_id})
    return frozenset(row[0] for row in rows)

"""Who is hidden from whom."""

import uuid
from typing import Any

from django.db.models import QuerySet

from accounts import viewers
from accounts.models import Block
from accounts.selectors.people import public_user_data
from common.database import fetch_all, fetch_one
from common.errors import Forbidden

BETWEEN_SQL = """
SELECT EXISTS (SELECT 1 FROM accounts_block WHERE user_id = %(a)s AND blocked_id = %(b)s)
    OR EXISTS (SELECT 1 FROM accounts_block WHERE user_id = %(b)s AND blocked_id = %(a)s)
"""


def is_blocked_between(a_id: uuid.UUID, b_id: uuid.UUID) -> bool:
    """Whether one of the two has blocked the other."""
    row = fetch_one(BETWEEN_SQL, {"a": a_id, "b": b_id}, prepared=True)
    return bool(row and row[0])


def refuse_blocked(a_id: uuid.UUID, b_id: uuid.UUID) -> None:
    """Raises Forbidden `BLOCKED` where one of the two has blocked the other. It does not say which."""
    if is_blocked_between(a_id, b_id):
        raise blocked()


def blocked() -> Forbidden:
    return Forbidden("One of you has blocked the other, so this is not possible.", code="BLOCKED")


def hidden_people(user_id: uuid.UUID) -> frozenset[uuid.UUID]:
    """Whom this person has blocked, and who has blocked them. For nearly everybody nobody, which Redis remembers."""
    if not viewers.recall(user_id).has_hidden:
        return frozenset()
    rows = fetch_all(f"SELECT unnest({viewers.HIDDEN_IDS_SQL})", {"viewer": user_id})
    return frozenset(row[0] for row in rows)


def blocks_of(user_id: uuid.UUID) -> QuerySet[Block]:
    """Whom this person has blocked, with who they are."""
    return Block.objects.filter(user_id=user_id).select_related("blocked")


def block_data(block: Block) -> dict[str, Any]:
    """`id` is the blocked person's: it is what ends the block."""
    return {"id": block.blocked_id, "user": public_user_data(block.blocked), "created_at": block.created_at}

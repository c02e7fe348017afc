"""What characters remember of a person."""

import uuid

from django.db import transaction

from characters import limits
from characters.models import Memory
from common.database import fetch_one
from common.errors import NotFound

FORGET_OLDEST = """
WITH gone AS (
    DELETE FROM characters_memory WHERE id IN (
        SELECT id FROM characters_memory WHERE user_id = %s AND character_id = %s ORDER BY id DESC OFFSET %s
    ) RETURNING 1
) SELECT count(*) FROM gone
"""


@transaction.atomic
def remember(*, user_id: uuid.UUID, character_id: uuid.UUID, text: str) -> Memory:
    """One more memory; beyond `limits.MEMORIES` the oldest are forgotten."""
    memory = Memory.objects.create(user_id=user_id, character_id=character_id, text=text[: limits.MEMORY])
    fetch_one(FORGET_OLDEST, [user_id, character_id, limits.MEMORIES])
    return memory


def forget(*, user_id: uuid.UUID, character_id: uuid.UUID, memory_id: uuid.UUID) -> None:
    """Raises NotFound for what is not a memory of this person."""
    deleted, _ = Memory.objects.filter(pk=memory_id, user_id=user_id, character_id=character_id).delete()
    if not deleted:
        raise NotFound


def forget_all(*, user_id: uuid.UUID, character_id: uuid.UUID) -> int:
    """Everything this character remembers of this person; returns how many memories that were."""
    return Memory.objects.filter(user_id=user_id, character_id=character_id).delete()[0]

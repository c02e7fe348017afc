"""Whether a person likes a character, remembered in Redis: it is asked with every view of a character's page.

A change leaves a mark for some seconds that says "ask the database", so that whoever read the old state just before
can't write it down afterwards.
"""

import contextlib
import uuid

from django.db import transaction

from common import redis
from common.database import fetch_one

REMEMBERED_SECONDS, UNSURE_SECONDS = 30, 5
LIKED_SQL = "SELECT EXISTS (SELECT 1 FROM characters_like WHERE user_id = %s AND character_id = %s)"
YES, NO, UNSURE = b"1", b"0", b"?"


def key(user_id: uuid.UUID, character_id: uuid.UUID) -> str:
    return f"liked:{user_id}:{character_id}"


def is_liked(user_id: uuid.UUID, character_id: uuid.UUID, remembered: bytes | None) -> bool:
    """`remembered` is what Redis has under `key`."""
    if remembered in (YES, NO):
        return remembered == YES
    row = fetch_one(LIKED_SQL, [user_id, character_id], prepared=True)
    liked = bool(row and row[0])
    if remembered is None:
        with contextlib.suppress(redis.RedisError):
            redis.client().set(key(user_id, character_id), YES if liked else NO, ex=REMEMBERED_SECONDS, nx=True)
    return liked


def changed_on_commit(user_id: uuid.UUID, character_id: uuid.UUID) -> None:
    transaction.on_commit(lambda: _mark_unsure(user_id, character_id))


def _mark_unsure(user_id: uuid.UUID, character_id: uuid.UUID) -> None:
    with contextlib.suppress(redis.RedisError):  # what is remembered ends by itself within REMEMBERED_SECONDS
        redis.client().set(key(user_id, character_id), UNSURE, ex=UNSURE_SECONDS)

"""Who is hidden from whom. A block holds in both directions: neither finds, meets or writes to the other.

Nearly nobody has blocked anyone, and it is asked with every list and every message. So Redis remembers of a person
whether anybody at all is hidden from them, under a key that a request's one round trip fetches along; only where
somebody is, the rows are looked at.
"""

import contextlib
import uuid

from django.db import transaction

from common import redis
from common.database import fetch_one

REMEMBERED_SECONDS = 600
# A change leaves this mark for some seconds, so that whoever read the rows just before can't write the old state down.
UNSURE_SECONDS = 10
NOBODY, SOMEBODY, UNSURE = b"0", b"1", b"?"

# The ids hidden from %(viewer)s, as one array: made once for a statement, however many rows it looks at.
HIDDEN_IDS_SQL = """ARRAY(
    SELECT blocked_id FROM accounts_block WHERE user_id = %(viewer)s
    UNION ALL SELECT user_id FROM accounts_block WHERE blocked_id = %(viewer)s)"""
HAS_HIDDEN_SQL = """
SELECT EXISTS (SELECT 1 FROM accounts_block WHERE user_id = %(viewer)s)
    OR EXISTS (SELECT 1 FROM accounts_block WHERE blocked_id = %(viewer)s)
"""


def key(user_id: uuid.UUID) -> str:
    """What Redis has under it is `remembered` below."""
    return f"hidden:{user_id}"


def question(user_id: uuid.UUID) -> redis.Command:
    return ("GET", key(user_id))


def has_hidden_people(user_id: uuid.UUID, remembered: bytes | None) -> bool:
    """Whether anybody is hidden from this person; one query in ten minutes where the answer is no."""
    if remembered == NOBODY:
        return False
    if remembered == SOMEBODY:
        return True
    row = fetch_one(HAS_HIDDEN_SQL, {"viewer": user_id}, prepared=True)
    hidden = bool(row and row[0])
    if remembered is None:
        value = SOMEBODY if hidden else NOBODY
        with contextlib.suppress(redis.RedisError):
            redis.tell(("SET", key(user_id), value, "EX", REMEMBERED_SECONDS, "NX"))
    return hidden


def recall(user_id: uuid.UUID) -> bytes | None:
    """What Redis remembers, for who has not asked yet; None where it is away."""
    try:
        return redis.ask(question(user_id))[0]
    except redis.RedisError:
        return None


def changed_on_commit(*user_ids: uuid.UUID) -> None:
    transaction.on_commit(lambda: _mark_unsure(user_ids))


def _mark_unsure(user_ids: tuple[uuid.UUID, ...]) -> None:
    with contextlib.suppress(redis.RedisError):  # what is remembered ends by itself within REMEMBERED_SECONDS
        redis.ask(*(("SET", key(user_id), UNSURE, "EX", UNSURE_SECONDS) for user_id in user_ids))

"""What lists leave out for one person: whom they don't meet, and whether they asked for mature characters.

A block holds in both directions: neither finds, meets or writes to the other. Nearly nobody has blocked anyone or been
blocked, and it is asked with every list. So Redis remembers of a person whether anybody at all is hidden from them,
under a key that a request's one round trip fetches along; only where somebody is, the rows are looked at.
"""

import contextlib
import uuid
from dataclasses import dataclass

from django.db import transaction

from common import redis
from common.database import fetch_one

REMEMBERED_SECONDS = 600
# A change leaves a mark for some seconds, so that whoever read the rows just before can't write the old state down.
UNSURE, UNSURE_SECONDS = b"?", 10

# The ids hidden from %(viewer)s, as one array: made once for a statement, however many rows it looks at.
HIDDEN_IDS_SQL = """ARRAY(
    SELECT blocked_id FROM accounts_block WHERE user_id = %(viewer)s
    UNION ALL SELECT user_id FROM accounts_block WHERE blocked_id = %(viewer)s)"""
VIEWER_SQL = """
SELECT EXISTS (SELECT 1 FROM accounts_block WHERE user_id = %(viewer)s)
    OR EXISTS (SELECT 1 FROM accounts_block WHERE blocked_id = %(viewer)s),
    COALESCE((SELECT preferences->'mature' = 'true' FROM accounts_user WHERE id = %(viewer)s), false)
"""


@dataclass(frozen=True, slots=True)
class Viewer:
    """`has_hidden`: somebody is hidden from them, or they from somebody."""

    has_hidden: bool = False
    mature: bool = False


ANYBODY = Viewer()
# by what Redis has for them
KINDS = {b"%d%d" % (hidden, mature): Viewer(hidden, mature) for hidden in (False, True) for mature in (False, True)}
NAMES = {viewer: name for name, viewer in KINDS.items()}


def question(user_id: uuid.UUID) -> redis.Command:
    """Asks Redis for what `viewer_of` wants to know."""
    return ("GET", _key(user_id))


def viewer_of(user_id: uuid.UUID, remembered: bytes | None) -> Viewer:
    """The person as a reader of lists; `remembered` is the answer to `question`. One query in ten minutes."""
    if remembered in KINDS:
        return KINDS[remembered]
    row = fetch_one(VIEWER_SQL, {"viewer": user_id}, prepared=True)
    viewer = Viewer(*row) if row else ANYBODY
    if remembered is None:
        with contextlib.suppress(redis.RedisError):
            redis.tell(("SET", _key(user_id), NAMES[viewer], "EX", REMEMBERED_SECONDS, "NX"))
    return viewer


def recall(user_id: uuid.UUID) -> Viewer:
    """The same for who has not asked Redis yet: a round trip of its own."""
    remembered = None
    with contextlib.suppress(redis.RedisError):
        (remembered,) = redis.ask(question(user_id))
    return viewer_of(user_id, remembered)


def changed_on_commit(*user_ids: uuid.UUID) -> None:
    transaction.on_commit(lambda: _mark_unsure(user_ids))


def _key(user_id: uuid.UUID) -> str:
    return f"viewer:{user_id}"


def _mark_unsure(user_ids: tuple[uuid.UUID, ...]) -> None:
    with contextlib.suppress(redis.RedisError):  # what is remembered ends by itself within REMEMBERED_SECONDS
        redis.ask(*(("SET", _key(user_id), UNSURE, "EX", UNSURE_SECONDS) for user_id in user_ids))

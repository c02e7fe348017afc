"""Likes and messages, counted exactly without one row that everybody waits for (see `characters.models`)."""

import uuid
from dataclasses import dataclass

from django.db import transaction

from characters import caching, liked
from characters.rows import VISIBLE
from common.database import fetch_one
from common.errors import NotFound
from common.models import new_id

FOLDED_AT_ONCE = 20_000
# Whoever changes the numbers of many characters at once holds this, so that two of them never wait for each other.
MANY_ROWS_LOCK = 7_120_243

# Rows of a common table expression are not seen by the rest of the statement, so what it adds is added to the answer.
LIKE_SQL = """
WITH target AS (
    SELECT c.id, c.likes_amount FROM characters_character c JOIN accounts_user u ON u.id = c.creator_id
    WHERE c.id = %(character)s AND {visible}
), changed AS (
    {change}
), counted AS (
    INSERT INTO characters_counterdelta (character_id, likes) SELECT character_id, {step} FROM changed
)
SELECT (SELECT count(*) FROM changed),
       target.likes_amount + {step} * (SELECT count(*) FROM changed)
       + (SELECT COALESCE(sum(likes), 0) FROM characters_counterdelta d WHERE d.character_id = target.id)
FROM target
"""
ADD = """
    INSERT INTO characters_like (id, user_id, character_id, created_at)
    SELECT %(id)s, %(user)s, id, now() FROM target
    ON CONFLICT (user_id, character_id) DO NOTHING
    RETURNING character_id
"""
REMOVE = """
    DELETE FROM characters_like l USING target
    WHERE l.user_id = %(user)s AND l.character_id = target.id
    RETURNING l.character_id
"""

FOLD_SQL = """
WITH taken AS (
    DELETE FROM characters_counterdelta
    WHERE id IN (SELECT id FROM characters_counterdelta ORDER BY id LIMIT %(batch)s)
    RETURNING character_id, day, likes, messages
), days AS (
    SELECT character_id, day, sum(likes) AS likes, sum(messages) AS messages FROM taken GROUP BY character_id, day
), logged AS (
    INSERT INTO characters_dailyactivity (character_id, day, likes, messages)
    SELECT character_id, day, likes, messages FROM days
    WHERE EXISTS (SELECT 1 FROM characters_character c WHERE c.id = days.character_id)
    ON CONFLICT (character_id, day) DO UPDATE
    SET likes = characters_dailyactivity.likes + excluded.likes,
        messages = characters_dailyactivity.messages + excluded.messages
), added AS (
    UPDATE characters_character c
    SET likes_amount = c.likes_amount + sums.likes, messages_amount = c.messages_amount + sums.messages
    FROM (SELECT character_id, sum(likes) AS likes, sum(messages) AS messages FROM days GROUP BY character_id) sums
    WHERE c.id = sums.character_id
)
SELECT count(*), COALESCE(bool_or(likes <> 0), false) FROM taken
"""


@dataclass(frozen=True)
class LikeState:
    liked: bool
    likes_amount: int


def like(*, character_id: uuid.UUID, user_id: uuid.UUID) -> LikeState:
    """Likes it once, however often it is asked. Raises NotFound for what the person may not see."""
    sql = LIKE_SQL.format(change=ADD, step=1, visible=VISIBLE)
    return LikeState(True, _change_like(sql, character_id, user_id))


def unlike(*, character_id: uuid.UUID, user_id: uuid.UUID) -> LikeState:
    """Takes a like back; without one nothing changes. Raises NotFound for what the person may not see."""
    sql = LIKE_SQL.format(change=REMOVE, step=-1, visible=VISIBLE)
    return LikeState(False, _change_like(sql, character_id, user_id))


def _change_like(sql: str, character_id: uuid.UUID, user_id: uuid.UUID) -> int:
    row = fetch_one(sql, {"character": character_id, "user": user_id, "id": new_id()})
    if row is None:
        raise NotFound
    changed, likes_amount = row
    if changed:
        liked.changed_on_commit(user_id, character_id)
        caching.drop_character(character_id)
    return likes_amount


def count_messages(*, character_id: uuid.UUID, amount: int = 1) -> None:
    """`amount` more messages, in the caller's transaction; one insert that waits for nobody."""
    with_row = "INSERT INTO characters_counterdelta (character_id, messages) VALUES (%s, %s) RETURNING id"
    fetch_one(with_row, [character_id, amount])


@transaction.atomic
def fold_counters() -> int:
    """Moves counter deltas into their characters' columns and the day's activity; returns how many it moved.

    One statement moves a delta, so a fold that is killed has moved it or has not. Of two at once one does nothing.
    """
    if not _alone():
        return 0
    row = fetch_one(FOLD_SQL, {"batch": FOLDED_AT_ONCE})
    moved, with_likes = row or (0, False)
    if with_likes:
        caching.drop_lists()
    return moved


def _alone() -> bool:
    row = fetch_one("SELECT pg_try_advisory_xact_lock(%s)", [MANY_ROWS_LOCK])
    return bool(row and row[0])

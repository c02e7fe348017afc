"""The scores that order discovery.

**Popular** is a character's whole life: ten for a like, one for a message. **Trending** is the last two weeks of the
same, each day counting 0.7 of the day after it, in thousandths.

Scores come in generations. A refresh moves each score that changed beside itself (`_previous`) and raises the
generation by one; a cursor names the generation of its first page, so a reader of the generation before goes on in the
order they began with. One refresh later still, they go on in the present order.
"""

from django.db import transaction

from characters import caching
from characters.services.counters import MANY_ROWS_LOCK
from common.database import fetch_one

LIKE_WEIGHT = 10
DAYS = 14
A_DAY_LATER = 0.7

# A character whose score may have changed has been active within the window, or was trending or changed last time.
TOUCHED = """
    SELECT character_id FROM recent
    UNION SELECT id FROM characters_character WHERE trend > 0 AND visibility = 'public' AND deleted_at IS NULL
    UNION SELECT id FROM characters_character WHERE popularity <> popularity_previous OR trend <> trend_previous
"""
EVERYONE = "SELECT id FROM characters_character"

REFRESH_SQL = """
WITH recent AS (
    SELECT character_id, sum((likes * %(like)s + messages) * power(%(later)s, current_date - day)) AS heat
    FROM characters_dailyactivity WHERE day > current_date - %(days)s GROUP BY character_id
), fresh AS (
    SELECT c.id, greatest(c.likes_amount * %(like)s + c.messages_amount, 0) AS popularity,
           greatest(round(1000 * COALESCE(recent.heat, 0)), 0)::bigint AS trend
    FROM characters_character c LEFT JOIN recent ON recent.character_id = c.id
    WHERE c.id IN ({candidates})
), moved AS (
    UPDATE characters_character c
    SET popularity_previous = c.popularity, popularity = fresh.popularity,
        trend_previous = c.trend, trend = fresh.trend
    FROM fresh
    WHERE c.id = fresh.id AND (fresh.popularity, fresh.trend, c.popularity, c.trend)
        IS DISTINCT FROM (c.popularity, c.trend, c.popularity_previous, c.trend_previous)
    RETURNING 1
), counted AS (
    INSERT INTO characters_scoregeneration (id, number, refreshed_at)
    SELECT 1, 1, now() WHERE EXISTS (SELECT 1 FROM moved)
    ON CONFLICT (id) DO UPDATE SET number = characters_scoregeneration.number + 1, refreshed_at = now()
)
SELECT count(*) FROM moved
"""


@transaction.atomic
def refresh_scores(*, everyone: bool = False) -> int:
    """Brings the scores up to date; returns how many rows it wrote.

    `everyone` looks at characters whose numbers were set without activity too, as loading many at once does.
    """
    fetch_one("SELECT pg_advisory_xact_lock(%s)", [MANY_ROWS_LOCK])
    sql = REFRESH_SQL.format(candidates=EVERYONE if everyone else TOUCHED)
    row = fetch_one(sql, {"like": LIKE_WEIGHT, "later": A_DAY_LATER, "days": DAYS})
    written = row[0] if row else 0
    if written:
        caching.drop_lists()
    return written

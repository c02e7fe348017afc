"""When people were last seen, written for all of them at once."""

import uuid
from collections.abc import Mapping
from datetime import datetime

from common.database import fetch_one

# Who is being changed just now is left for the next time rather than waited for.
SEEN_SQL = """
WITH seen AS (
    SELECT * FROM unnest(%(ids)s::uuid[], %(times)s::timestamptz[]) AS seen (id, at)
), here AS (
    SELECT u.id, seen.at FROM accounts_user u JOIN seen ON seen.id = u.id
    WHERE u.last_seen_at IS NULL OR u.last_seen_at < seen.at
    ORDER BY u.id FOR NO KEY UPDATE OF u SKIP LOCKED
), written AS (
    UPDATE accounts_user u SET last_seen_at = here.at FROM here WHERE u.id = here.id RETURNING 1
)
SELECT count(*) FROM written
"""


def see(people: Mapping[uuid.UUID, datetime]) -> int:
    """Writes when each was last seen, never back in time; returns how many rows changed. One statement."""
    row = fetch_one(SEEN_SQL, {"ids": list(people), "times": list(people.values())})
    return row[0] if row else 0

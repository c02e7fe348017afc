"""Is a sign-in session still alive? One Redis read by its id; a row behind it, read by whoever `accounts/` registers.

Sign-out, a ban and token reuse call `end`, which is felt by every request at once and closes the session's sockets.
"""

import uuid
from collections.abc import Callable

import structlog

from common import redis

log = structlog.get_logger(__name__)
LIVE, DEAD = b"1", b"0"
REMEMBERED_SECONDS = 600
CONTROL_CHANNEL = "control"

_read_row: Callable[[uuid.UUID], bool] | None = None


def register_reader(reader: Callable[[uuid.UUID], bool]) -> None:
    """`reader(session_id)` tells from the database whether the session lives."""
    global _read_row  # noqa: PLW0603
    _read_row = reader


def key(session_id: uuid.UUID | str) -> str:
    return f"session:{session_id}"


def is_live(session_id: uuid.UUID, remembered: bytes | None = None) -> bool:
    """`remembered` is what Redis said, where the caller has read it already."""
    if remembered is None:
        remembered = _recall(session_id)
    if remembered is not None:
        return remembered == LIVE
    assert _read_row is not None
    live = _read_row(session_id)
    _remember(session_id, live=live)
    return live


def end(session_id: uuid.UUID) -> None:
    """Call after the row says so and is committed."""
    try:
        pipeline = redis.client().pipeline(transaction=False)
        pipeline.set(key(session_id), DEAD, ex=REMEMBERED_SECONDS)
        pipeline.publish(CONTROL_CHANNEL, f"end-session {session_id}")
        pipeline.execute()
    except redis.RedisError:
        # nothing remembers the session as live for longer than REMEMBERED_SECONDS, and Redis is away just now
        log.warning("session end not announced", session=str(session_id))


def _recall(session_id: uuid.UUID) -> bytes | None:
    try:
        return redis.ask(("GET", key(session_id)))[0]
    except redis.RedisError:
        return None


def _remember(session_id: uuid.UUID, *, live: bool) -> None:
    try:
        # never over an end that was announced meanwhile
        redis.client().set(key(session_id), LIVE if live else DEAD, ex=REMEMBERED_SECONDS, nx=True)
    except redis.RedisError:
        return

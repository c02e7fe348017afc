"""When something was last used (a person seen, a key presented), known to the minute and never on a request's path.

A request tells Redis without waiting, each process at most once a minute for each id; a job writes what was gathered
into the rows, all in one statement. A Redis that is away costs freshness and nothing else.
"""

import contextlib
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from common import redis

EVERY_SECONDS = 60.0
REMEMBERED_IDS = 100_000
PEOPLE, API_KEYS = "people", "api_keys"

_touched: dict[tuple[str, uuid.UUID], float] = {}


def touch(kind: str, used_id: uuid.UUID) -> None:
    """This one was used now. It says nothing where it would have to wait; the next use will."""
    now, name = time.monotonic(), (kind, used_id)
    if now - _touched.get(name, -EVERY_SECONDS) < EVERY_SECONDS or not redis.is_at_hand():
        return
    if len(_touched) >= REMEMBERED_IDS:
        _touched.clear()
    _touched[name] = now
    with contextlib.suppress(redis.RedisError):
        redis.tell(("HSET", _gathered(kind), str(used_id), int(time.time())))


def touch_all(kind: str, used_ids: Iterable[uuid.UUID]) -> None:
    """All of these are in use now. One command that waits for its answer: for loops beside the requests."""
    now = int(time.time())
    pairs = [part for used_id in used_ids for part in (str(used_id), now)]
    if pairs:
        with contextlib.suppress(redis.RedisError):
            redis.ask(("HSET", _gathered(kind), *pairs))


def write_gathered(kind: str, write: Callable[[Mapping[uuid.UUID, datetime]], object]) -> int:
    """Gives `write` what was gathered since the last time; returns how many that were. For a job.

    What was taken out of Redis stays in a second place until it is written, so a run that is killed loses nothing.
    """
    client, taken = redis.client(), f"{_gathered(kind)}:taken"
    if not client.exists(taken):
        with contextlib.suppress(redis.ResponseError):  # nothing was gathered
            client.renamenx(_gathered(kind), taken)
    found: dict[bytes, bytes] = client.hgetall(taken)  # type: ignore[assignment]
    used = {uuid.UUID(name.decode()): datetime.fromtimestamp(int(at), UTC) for name, at in found.items()}
    if used:
        write(used)
    client.delete(taken)
    return len(used)


def _gathered(kind: str) -> str:
    return f"last_used:{kind}"

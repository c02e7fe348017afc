"""Publishing to topics. Nothing leaves inside a transaction, and a Redis that is away never fails the work itself:
a receiver notices the missing number by itself and reads what it missed.
"""

from typing import Any

import structlog
from django.db import transaction

from common import redis
from common.realtime import log
from common.realtime.frames import CHANNEL_PREFIX, encode, pack

logger = structlog.get_logger(__name__)


def publish_on_commit(topic: str, kind: str, data: Any, *, seq: int) -> None:
    """For topics whose rows carry their own numbers: sends the change numbered `seq` once it is committed."""
    payload = pack(encode(topic, kind, data, seq=seq), seq=seq)
    transaction.on_commit(lambda: _send(topic, payload))


def announce_on_commit(topic: str, kind: str, data: Any) -> None:
    """For topics without rows of their own (`user:<id>`): numbered and kept for replay in the topic's log."""
    body = encode(topic, kind, data)
    transaction.on_commit(lambda: _announce(topic, body))


def announce_now_unsafe(topic: str, kind: str, data: Any) -> None:
    """As `announce_on_commit`, at once: for what is committed already, where the frame must leave under a lock."""
    _announce(topic, encode(topic, kind, data))


def publish_now_unsafe(topic: str, kind: str, data: Any, *, run: str | None = None, index: int | None = None) -> None:
    """At once, unnumbered and never replayed: typing, presence, deltas. Unsafe for anything a rollback would undo."""
    _send(topic, pack(encode(topic, kind, data), run=run, index=index))


def _send(topic: str, payload: bytes) -> None:
    try:
        redis.tell(("PUBLISH", CHANNEL_PREFIX + topic, payload))
    except redis.RedisError:
        logger.warning("frame not published", topic=topic)


def _announce(topic: str, body: bytes) -> None:
    try:
        log.append(topic, body)
    except redis.RedisError:
        logger.warning("frame not announced", topic=topic)

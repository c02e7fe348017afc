"""Nudges for responders, over Redis. A lost one costs a second: responders also look for open replies by themselves."""

import uuid

import structlog
from django.db import transaction

from common import redis

log = structlog.get_logger(__name__)
CHANNEL = "replies"


def reply_waiting_on_commit(variant_id: uuid.UUID) -> None:
    transaction.on_commit(lambda: _send(f"write {variant_id}"))


def stop_on_commit(variant_id: uuid.UUID) -> None:
    transaction.on_commit(lambda: _send(f"stop {variant_id}"))


def _send(text: str) -> None:
    try:
        redis.tell(("PUBLISH", CHANNEL, text))
    except redis.RedisError:
        log.warning("nudge not sent, a sweep will find the reply", nudge=text.split(" ")[0])

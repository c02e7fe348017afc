"""The text of a reply while it is written: its deltas, kept in a Redis list.

The list is the snapshot: its length is the index of the next delta and its parts joined are the text of this run, read
in one command, so a reader never sees the one without the other. It is a convenience. When Redis loses it, the
responder writes it afresh from memory, and the variant's row has the text up to its last checkpoint.
"""

import uuid
from collections.abc import Sequence

from common import redis

KEPT_SECONDS = 900


def key(variant_id: uuid.UUID | str) -> str:
    return f"reply:{variant_id}"


def read(variant_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[str]]:
    """The deltas of each reply's present run so far; empty where there is none, or no Redis."""
    if not variant_ids:
        return {}
    pipeline = redis.client().pipeline(transaction=False)
    for variant_id in variant_ids:
        pipeline.lrange(key(variant_id), 0, -1)
    try:
        answers = pipeline.execute()
    except redis.RedisError:
        return {}
    return {
        variant_id: [part.decode() for part in parts] for variant_id, parts in zip(variant_ids, answers, strict=True)
    }

"""A short log in Redis for topics without rows of their own: numbers its frames and keeps the newest for replay.

One script takes the number, keeps the frame and publishes it, so frames leave in the order of their numbers. When the
log is lost or too short, a client is told `gap` and reads afresh; nothing but time is lost.
"""

from common import redis
from common.errors import NotFound
from common.realtime.frames import CHANNEL_PREFIX, Frame, unpack
from common.realtime.registry import Identity, Replay

KEPT_FRAMES = 200
KEPT_SECONDS = 7 * 86_400

APPEND = """
local seq = redis.call('INCR', KEYS[1])
local payload = seq .. ' - -\\n' .. '{"seq":' .. seq .. ',' .. string.sub(ARGV[1], 2)
redis.call('RPUSH', KEYS[2], payload)
redis.call('LTRIM', KEYS[2], -tonumber(ARGV[2]), -1)
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('EXPIRE', KEYS[2], ARGV[3])
redis.call('PUBLISH', ARGV[4], payload)
"""


def append(topic: str, body: bytes) -> None:
    """Numbers, keeps and publishes one frame (JSON without `seq`)."""
    keys = (f"log:{{{topic}}}:seq", f"log:{{{topic}}}:frames")
    # the script itself, not its name: nobody waits here to be told that Redis has forgotten it
    redis.tell(("EVAL", APPEND, len(keys), *keys, body, KEPT_FRAMES, KEPT_SECONDS, CHANNEL_PREFIX + topic))


def replay(topic: str, since: int | None) -> Replay:
    """The frames after `since`, or a gap when the log does not reach back that far."""
    pipeline = redis.client().pipeline(transaction=True)
    pipeline.get(f"log:{{{topic}}}:seq")
    pipeline.lrange(f"log:{{{topic}}}:frames", 0, -1)
    number, payloads = pipeline.execute()
    latest = int(number or 0)
    if since is None or since == latest:
        return Replay(latest=latest)
    if since > latest or latest - since > len(payloads):
        return Replay(latest=latest, gap=True)
    frames: list[Frame] = [unpack(payload) for payload in payloads[-(latest - since) :]]
    return Replay(latest=latest, frames=frames)


def replay_for_user(identity: Identity, user_id: str, since: int | None) -> Replay:
    """The topic `user:<me>`: one's own only. Raises NotFound."""
    if user_id != str(identity.user_id):
        raise NotFound
    try:
        return replay(f"user:{user_id}", since)
    except redis.RedisError:
        return Replay(latest=since or 0)  # the hub catches up as soon as Redis is back

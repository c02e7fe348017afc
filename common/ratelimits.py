"""Rate limits: HTTP presets by endpoint class and moving windows by action, as the contract's section 12 lists them.

Counting is done by the `limits` library's own Redis scripts. They are sent in one pipeline together with the read of
the caller's session, so that a request costs one round trip however many windows it stands in.
"""

import functools
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from django.conf import settings
from limits import RateLimitItem, parse
from limits.storage import RedisStorage

from common import redis, sessions
from common.errors import RateLimited, Unauthenticated, Unavailable
from common.metrics import rate_limited_total

Preset = Literal["auth", "api", "read", "expensive", "upload", "webhook"]

PRESETS: dict[str, str] = {
    "auth": "10/15 minutes",
    "api": "100/minute",
    "read": "300/minute",
    "expensive": "5/minute",
    "upload": "20/hour",
    "webhook": "200/minute",
}
WRITES = {"write:second": "3/second", "write:burst": "20/10 seconds"}
WINDOWS: dict[str, str] = {
    "chat:event:send": "30/30 seconds",
    "chat:event:send:burst": "5/5 seconds",
    "chat:dm:send": "30/30 seconds",
    "chat:dm:send:burst": "5/5 seconds",
    "chat:edit": "5/minute",
    "chat:delete": "5/minute",
    "gql:auth": "10/5 minutes",
}
WITHOUT_COUNTING = {"api", "read", "upload", "expensive"}  # what goes on uncounted when Redis is down
BAN_AFTER = 5
NOBODY = "<who>"


@dataclass
class Gate:
    """What a request must pass: its session, one preset, and the moving windows of the action.

    `who` is the person's id or the address; `windows` are (name in WINDOWS, who) pairs. `questions` travel with its
    own; their `answers` are empty where Redis is away.
    """

    who: str
    preset: str | None = None
    write: bool = False
    session_id: uuid.UUID | None = None
    windows: Sequence[tuple[str, str]] = ()
    needs_redis: bool = False
    questions: Sequence[redis.Command] = ()
    answers: Sequence[Any] = ()
    headers: dict[str, str] = field(default_factory=dict)

    def enter(self) -> None:
        """One Redis round trip. Raises Unauthenticated, RateLimited, or Unavailable where Redis is needed and away."""
        try:
            answers = self._ask()
        except redis.RedisError:
            self._enter_without_redis()
            return
        own = len(answers) - len(self.questions)
        answers, self.answers = answers[:own], answers[own:]
        if self.session_id and not sessions.is_live(self.session_id, answers.pop(0)):
            raise Unauthenticated("This session has ended. Please sign in again.")
        if self.preset:
            self._judge_preset(answers)
        for name in self._fixed_names():
            item = window(name)
            if answers.pop(0) > item.amount:
                raise self._refusal(name, item, item.get_expiry())
        for name, _ in self.windows:
            item = window(name)
            if not answers.pop(0):
                raise self._refusal(name, item, item.get_expiry())

    def _fixed_names(self) -> list[str]:
        return list(WRITES) if self.write else []

    def _ask(self) -> list[Any]:
        storage = limits_storage()
        commands: list[redis.Command] = []
        if self.session_id:
            commands.append(("GET", sessions.key(self.session_id)))
        if self.preset:
            commands.append(("GET", _ban_key(self.preset, self.who)))
            commands.append(_count(storage, self.preset, self.who))
            commands.append(("TTL", _key(storage, self.preset, self.who)))
        commands += [_count(storage, name, self.who) for name in self._fixed_names()]
        commands += [_move(storage, name, who) for name, who in self.windows]
        commands += self.questions
        if not commands:
            return []
        try:
            return redis.ask(*commands)
        except redis.NoScriptError:  # Redis was restarted and has forgotten the scripts
            _load_scripts(storage)
            return redis.ask(*commands)

    def _judge_preset(self, answers: list[Any]) -> None:
        assert self.preset
        banned, count, ttl = answers.pop(0), answers.pop(0), answers.pop(0)
        item = window(self.preset)
        ttl = max(int(ttl), 1)
        self.headers = {
            "X-RateLimit-Limit": str(item.amount),
            "X-RateLimit-Remaining": str(max(item.amount - count, 0)),
            "X-RateLimit-Reset": str(int(time.time()) + ttl),
        }
        if banned and int(banned) >= BAN_AFTER and settings.RATE_LIMIT_BANS:
            raise self._refusal(self.preset, item, 15 * 60)
        if count > item.amount:
            if settings.RATE_LIMIT_BANS:
                self._strike(item)
            raise self._refusal(self.preset, item, ttl, count)

    def _strike(self, item: RateLimitItem) -> None:
        """Five refusals of one preset within its window ban the address from it for 15 minutes."""
        assert self.preset
        ban_key = _ban_key(self.preset, self.who)
        strikes = redis.client().incr(ban_key)
        redis.client().expire(ban_key, 15 * 60 if strikes >= BAN_AFTER else item.get_expiry())

    def _refusal(self, name: str, item: RateLimitItem, retry_after: int, count: int | None = None) -> RateLimited:
        rate_limited_total.labels(name).inc()
        return RateLimited(
            retry_after=retry_after,
            bucket=name.removesuffix(":burst"),
            current_count=item.amount if count is None else count,
            max_allowed=item.amount,
        )

    def _enter_without_redis(self) -> None:
        if self.needs_redis or (self.preset and self.preset not in WITHOUT_COUNTING):
            raise Unavailable
        if self.session_id and not sessions.is_live(self.session_id):
            raise Unauthenticated("This session has ended. Please sign in again.")


def window(name: str) -> RateLimitItem:
    """The limit called `name`, multiplied by RATE_LIMIT_FACTOR."""
    return _window(name, settings.RATE_LIMIT_FACTOR)


@functools.cache
def _window(name: str, factor: float) -> RateLimitItem:
    item = parse((PRESETS | WRITES | WINDOWS)[name])
    return type(item)(max(1, int(item.amount * factor)), item.multiples, namespace="limit")


@functools.cache
def limits_storage() -> RedisStorage:
    storage = RedisStorage(settings.REDIS_URL, connection_pool=redis.client().connection_pool)
    _load_scripts(storage)
    return storage


def _load_scripts(storage: RedisStorage) -> None:
    connection: Any = storage.get_connection()
    for script in (storage.SCRIPT_INCR_EXPIRE, storage.SCRIPT_ACQUIRE_MOVING_WINDOW):
        connection.script_load(script)


def _key(storage: RedisStorage, name: str, who: str) -> str:
    before, after = _key_around(storage, name, settings.RATE_LIMIT_FACTOR)
    return f"{before}{who}{after}"


@functools.cache
def _key_around(storage: RedisStorage, name: str, factor: float) -> tuple[str, str]:
    """The library's key, made once: it stands in every request's way several times."""
    before, _, after = storage.prefixed_key(_window(name, factor).key_for(name, NOBODY)).partition(NOBODY)
    return before, after


def _count(storage: RedisStorage, name: str, who: str) -> redis.Command:
    return ("EVALSHA", storage.lua_incr_expire.sha, 1, _key(storage, name, who), window(name).get_expiry(), 1)


def _move(storage: RedisStorage, name: str, who: str) -> redis.Command:
    item, sha = window(name), storage.lua_acquire_moving_window.sha
    return ("EVALSHA", sha, 1, _key(storage, name, who), time.time(), item.amount, item.get_expiry(), 1)


def _ban_key(preset: str, who: str) -> str:
    return f"limit:ban:{preset}:{who}"

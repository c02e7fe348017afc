"""Rate limits: HTTP presets by endpoint class and moving windows by action, as the contract's section 12 lists them.

Counting is done by the `limits` library's own Redis scripts. One script of ours runs them for all windows that a
request stands in, together with the read of the caller's session: one command, however many they are.
"""

import functools
import hashlib
import itertools
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
    "gql:billing": "10/10 minutes",
}
WITHOUT_COUNTING = {"api", "read", "upload", "expensive"}  # what goes on uncounted when Redis is down
BAN_AFTER = 5
NOBODY = "<who>"

# KEYS with, for each, an action, an amount and seconds in ARGV after the time; the answers in the same order.
GATE = f"""
local function count(KEYS, ARGV) {RedisStorage.SCRIPT_INCR_EXPIRE.decode()} end
local function move(KEYS, ARGV) {RedisStorage.SCRIPT_ACQUIRE_MOVING_WINDOW.decode()} end
local answers = {{}}
for i, key in ipairs(KEYS) do
  local action, amount, seconds = ARGV[3 * i - 1], ARGV[3 * i], ARGV[3 * i + 1]
  if action == 'count' then
    answers[i] = count({{key}}, {{seconds, 1}})
  elseif action == 'move' then
    answers[i] = move({{key}}, {{ARGV[1], amount, seconds, 1}})
  else
    answers[i] = redis.call(action, key)
  end
end
return answers
"""
GATE_SHA = hashlib.sha1(GATE.encode(), usedforsecurity=False).hexdigest()  # what Redis calls it


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
        steps = self._steps()
        keys, arguments = [step[0] for step in steps], itertools.chain.from_iterable(step[1:] for step in steps)
        command = ("EVALSHA", GATE_SHA, len(keys), *keys, time.time(), *arguments)
        try:
            answers, *beside = redis.ask(command, *self.questions)
        except redis.NoScriptError:  # Redis is new, or was restarted and has forgotten the script
            redis.client().script_load(GATE)
            answers, *beside = redis.ask(command, *self.questions)
        return [*answers, *beside]

    def _steps(self) -> list[tuple[str, str, int, int]]:
        """In the order of the answers: key, what to do with it, and the window's amount and seconds."""
        steps: list[tuple[str, str, int, int]] = []
        if self.session_id:
            steps.append((sessions.key(self.session_id), "get", 0, 0))
        if self.preset:
            steps.append((_ban_key(self.preset, self.who), "get", 0, 0))
            count = _step(self.preset, self.who, "count")
            steps += [count, (count[0], "ttl", 0, 0)]
        steps += [_step(name, self.who, "count") for name in self._fixed_names()]
        steps += [_step(name, who, "move") for name, who in self.windows]
        return steps

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


def _step(name: str, who: str, action: str) -> tuple[str, str, int, int]:
    before, after, amount, seconds = _step_around(name, settings.RATE_LIMIT_FACTOR)
    return f"{before}{who}{after}", action, amount, seconds


@functools.cache
def _step_around(name: str, factor: float) -> tuple[str, str, int, int]:
    """The library's key, made once: it stands in every request's way several times."""
    item = _window(name, factor)
    before, _, after = item.key_for(name, NOBODY).partition(NOBODY)
    return before, after, item.amount, item.get_expiry()


def _ban_key(preset: str, who: str) -> str:
    return f"limit:ban:{preset}:{who}"

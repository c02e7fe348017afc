"""Redis clients: one pool a process, made once, shared by every thread; and `ask` and `tell`, for hot paths."""

import functools
import math
import os
import threading
import time
from typing import Any

import redis
import redis.asyncio
import structlog
from django.conf import settings
from hiredis import pack_command
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError, ResponseError
from redis.retry import Retry

__all__ = ["NoScriptError", "RedisError", "ResponseError", "ask", "async_client", "client", "is_at_hand", "tell"]

log = structlog.get_logger(__name__)
Command = tuple[Any, ...]
# A connection that answered so short a while ago is not one that Redis has closed meanwhile.
FRESH_SECONDS = 1.0
UNREAD_AT_MOST = 100
# The library's own limit is 100, which counts the lines of threads that are gone, and would refuse those that come;
# how many there may be is bounded by threads and by replies at once.
CONNECTIONS_AT_MOST = 100_000


@functools.cache
def client() -> redis.Redis:
    """For request paths: fails at once when Redis is away, so that what can go on without it goes on.

    A machine under load may take its time to connect, which is not the same.
    """
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_connect_timeout=3,
        socket_timeout=5,
        retry=Retry(ExponentialBackoff(base=0.02, cap=0.1), 1),
        retry_on_error=[RedisConnectionError],
        max_connections=CONNECTIONS_AT_MOST,
    )


def ask(*commands: Command) -> list[Any]:
    """Sends commands in one round trip and gives their answers. Raises RedisError.

    The command is sent once more where the connection was lost; where Redis refuses a command, the first refusal is
    raised when all are answered. What hot paths use instead of the client: its bookkeeping around each command and its
    pool cost more than the round trip itself.
    """
    packed = [b"".join([pack_command(command) for command in commands])]
    try:
        answers = _exchange(packed, len(commands))
    except RedisConnectionError:
        answers = _exchange(packed, len(commands))
    for answer in answers:
        if isinstance(answer, ResponseError):
            raise answer
    return answers


def tell(*commands: Command) -> None:
    """Sends commands for which no answer is wanted. Raises RedisError where Redis is away.

    Where this thread has heard from Redis just now, as within a request, it does not wait: the answers are read before
    those of its next question, and a refusal is only logged.
    """
    if not is_at_hand():
        ask(*commands)
        return
    packed = [b"".join([pack_command(command) for command in commands])]
    try:
        _send(packed, len(commands))
    except RedisConnectionError:
        _send(packed, len(commands))


def is_at_hand() -> bool:
    """Whether `tell` would not wait in this thread."""
    return time.monotonic() - _line.heard_at <= FRESH_SECONDS and _line.unread < UNREAD_AT_MOST


class _Line(threading.local):
    """A thread's own connection: of this pool (there is another after a fork, or when the settings changed)."""

    owner: tuple[int, redis.ConnectionPool] | None = None
    connection: Any = None
    heard_at = -math.inf  # by the clock that only goes forward
    unread = 0


_line = _Line()


def _exchange(packed: list[bytes], count: int) -> list[Any]:
    unread = _send(packed, count)
    connection = _line.connection
    try:
        for _ in range(unread):
            if isinstance(refusal := _answer(connection), ResponseError):
                log.warning("redis refused", error=str(refusal))
        answers = [_answer(connection) for _ in range(count)]
    except BaseException:
        _hang_up()
        raise
    _line.unread, _line.heard_at = 0, time.monotonic()
    return answers


def _send(packed: list[bytes], count: int) -> int:
    """Returns how many answers come before those to `packed`."""
    connection, unread = _connection(), _line.unread
    try:
        connection.send_packed_command(packed, check_health=False)
    except BaseException:
        _hang_up()
        raise
    _line.unread = unread + count
    return unread


def _hang_up() -> None:
    """The rest of the answers must not meet the next question."""
    _line.connection.disconnect()
    _line.unread, _line.heard_at = 0, -math.inf


def _answer(connection: Any) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error


def _connection() -> Any:
    owner = (os.getpid(), client().connection_pool)
    if _line.owner != owner:
        _line.owner, _line.connection = owner, owner[1].make_connection()
        _line.unread, _line.heard_at = 0, -math.inf
    return _line.connection


def async_client() -> redis.asyncio.Redis:
    """For long-running loops: a new client, bound to the running event loop.

    It fails at once when Redis is away: the loops that use it try again by themselves, and know that they missed
    something.
    """
    return redis.asyncio.Redis.from_url(
        settings.REDIS_URL,
        socket_connect_timeout=2,
        socket_timeout=None,
        max_connections=CONNECTIONS_AT_MOST,
        retry=redis.asyncio.retry.Retry(NoBackoff(), 0),
    )

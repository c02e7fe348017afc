"""Redis clients: one pool a process, made once, shared by every thread; and `ask`, for hot paths."""

import functools
import os
import threading
from typing import Any

import redis
import redis.asyncio
from django.conf import settings
from hiredis import pack_command
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError, ResponseError
from redis.retry import Retry

__all__ = ["NoScriptError", "RedisError", "ask", "async_client", "client"]

Command = tuple[Any, ...]


@functools.cache
def client() -> redis.Redis:
    """For request paths: fails within a second when Redis is away, so that what can go on without it goes on."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_connect_timeout=1,
        socket_timeout=5,
        retry=Retry(ExponentialBackoff(base=0.02, cap=0.1), 1),
        retry_on_error=[RedisConnectionError],
        max_connections=200,
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


class _Line(threading.local):
    """A thread's own connection: of this pool (there is another after a fork, or when the settings changed)."""

    owner: tuple[int, redis.ConnectionPool] | None = None
    connection: Any = None


_line = _Line()


def _exchange(packed: list[bytes], count: int) -> list[Any]:
    connection = _connection()
    try:
        connection.send_packed_command(packed, check_health=False)
        return [_answer(connection) for _ in range(count)]
    except BaseException:
        connection.disconnect()  # the rest of the answers must not meet the next question
        raise


def _answer(connection: Any) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error


def _connection() -> Any:
    owner = (os.getpid(), client().connection_pool)
    if _line.owner != owner:
        _line.owner, _line.connection = owner, owner[1].make_connection()
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
        retry=redis.asyncio.retry.Retry(NoBackoff(), 0),
    )

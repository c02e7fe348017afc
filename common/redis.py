"""Redis clients: one pool a process, made once, shared by every thread."""

import functools

import redis
import redis.asyncio
from django.conf import settings
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.retry import Retry

__all__ = ["RedisError", "async_client", "client"]


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

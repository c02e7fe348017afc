"""Django's cache on the process's one Redis pool.

Django makes a new client for every thread and, under ASGI, for every request; this back end shares one. A cache that
can't be reached is an empty cache: a page must not fail because Redis restarts.
"""

from typing import Any

from django.core.cache.backends.redis import RedisCache, RedisCacheClient

from common import redis


class SharedClient(RedisCacheClient):
    def get_client(self, key: Any = None, *, write: bool = False) -> Any:
        return redis.client()


class SharedRedisCache(RedisCache):
    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = SharedClient

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        try:
            return super().get(key, default, version)
        except redis.RedisError:
            return default

    def set(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().set(*args, **kwargs)
        except redis.RedisError:
            return

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        try:
            return super().delete(*args, **kwargs)
        except redis.RedisError:
            return False

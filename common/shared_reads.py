"""Reads that many people share: rendered once, kept in Redis as bytes with an ETag, dropped by version on write.

Each kind (`characters`, `plans` …) has a version. A body is kept together with the version it was made under; a write
raises the version, and every older body is a miss from then on. One round trip reads both.
"""

import contextlib
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified

from common import redis

KEPT_SECONDS = 60


@dataclass(frozen=True)
class SharedBody:
    body: bytes
    etag: str


def shared_read(kind: str, name: str, build: Callable[[], bytes], *, seconds: int = KEPT_SECONDS) -> SharedBody:
    """The kept body called `name`, or `build()`'s, kept for at most `seconds`."""
    return shared_read_and(None, kind, name, build, seconds=seconds)[0]


def shared_read_and(
    key: str | None, kind: str, name: str, build: Callable[[], bytes], *, seconds: int = KEPT_SECONDS
) -> tuple[SharedBody, bytes | None]:
    """`shared_read`, and what Redis has under `key`, in one round trip."""
    version_key, body_key = f"shared:{kind}", f"shared:{kind}:{hashlib.sha256(name.encode()).hexdigest()[:32]}"
    try:
        ((version, kept, beside),) = redis.ask(("MGET", version_key, body_key, key or version_key))
    except redis.RedisError:
        return with_etag(build()), None
    version = version or b"0"
    if kept and kept.startswith(version + b"\n"):
        return _split(kept[len(version) + 1 :]), beside
    made = with_etag(build())
    with contextlib.suppress(redis.RedisError):
        redis.client().set(body_key, b"\n".join((version, made.etag.encode(), made.body)), ex=seconds)
    return made, beside


def drop_on_commit(kind: str) -> None:
    """Every body of this kind is made afresh once the present transaction is committed."""
    transaction.on_commit(lambda: _drop(kind))


def _drop(kind: str) -> None:
    try:
        redis.client().incr(f"shared:{kind}")
    except redis.RedisError:
        return  # bodies end by themselves within KEPT_SECONDS


def shared_response(request: HttpRequest, shared: SharedBody, *, public: bool = True) -> HttpResponse:
    """The body with its ETag, or 304 where the caller has it."""
    if request.headers.get("If-None-Match") == shared.etag:
        response: HttpResponse = HttpResponseNotModified()
    else:
        response = HttpResponse(shared.body, content_type="application/json")
    response.headers["ETag"] = shared.etag
    response.headers["Cache-Control"] = "public, max-age=0, must-revalidate" if public else "private, no-cache"
    response.headers["Vary"] = "Authorization, Cookie"
    return response


def with_etag(body: bytes) -> SharedBody:
    """The body with its ETag, kept nowhere: for what is one person's own."""
    return SharedBody(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def _split(kept: bytes) -> SharedBody:
    etag, body = kept.split(b"\n", 1)
    return SharedBody(body, etag.decode())

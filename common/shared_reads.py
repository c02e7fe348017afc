"""Reads that many people share: rendered once, kept in Redis as bytes with an ETag, dropped by version on write.

Each kind (`characters`, `plans` …) has a version. A body is kept together with the version it was made under; a write
raises the version, and every older body is a miss from then on. One round trip reads both.
"""

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified

from common import redis

KEPT_SECONDS = 60


@dataclass(frozen=True)
class SharedBody:
    body: bytes
    etag: str


def question(kind: str, name: str, *more: str) -> redis.Command:
    """Asks Redis for the body called `name`, and for what it has under the keys `more`: for who has to ask anyway."""
    return ("MGET", _version_key(kind), _body_key(kind, name), *more)


def shared_read(
    kind: str,
    name: str,
    build: Callable[[], bytes],
    *,
    seconds: int = KEPT_SECONDS,
    found: Sequence[bytes | None] | None = None,
) -> SharedBody:
    """The kept body called `name`, or `build()`'s, kept for at most `seconds`.

    `found` is what `question` brought, where it was asked already.
    """
    try:
        version, kept, *_ = found or redis.ask(question(kind, name))[0]
    except redis.RedisError:
        return with_etag(build())
    version = version or b"0"
    if kept and kept.startswith(version + b"\n"):
        return _split(kept[len(version) + 1 :])
    made = with_etag(build())
    with contextlib.suppress(redis.RedisError):
        body = b"\n".join((version, made.etag.encode(), made.body))
        redis.client().set(_body_key(kind, name), body, ex=seconds)
    return made


def _version_key(kind: str) -> str:
    return f"shared:{kind}"


def _body_key(kind: str, name: str) -> str:
    return f"shared:{kind}:{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def drop_on_commit(*kinds: str) -> None:
    """Every body of these kinds is made afresh once the present transaction is committed."""
    if kinds:
        transaction.on_commit(lambda: _drop(kinds))


def _drop(kinds: Sequence[str]) -> None:
    try:
        redis.ask(*(("INCR", _version_key(kind)) for kind in kinds))
    except redis.RedisError:
        return  # bodies end by themselves within KEPT_SECONDS


def shared_response(request: HttpRequest, shared: SharedBody, *, public: bool = True) -> HttpResponse:
    """The body with its ETag, or 304 where the caller has it."""
    if request.META.get("HTTP_IF_NONE_MATCH") == shared.etag:
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

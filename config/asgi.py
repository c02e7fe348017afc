"""The hybrid ASGI application: sockets to Channels, all other HTTP to the WSGI application in a pool of threads.

Django's own ASGI handler answers a plain view five times slower than its WSGI handler behind `a2wsgi`, so it is kept
for what must stream.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

from a2wsgi import WSGIMiddleware
from channels.routing import URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
get_asgi_application()  # loads the apps; nothing of ours may be imported before

from common.memory import keep_what_is_loaded  # noqa: E402
from common.realtime.consumer import Socket  # noqa: E402
from common.realtime.hub import current_hub  # noqa: E402
from common.realtime.shutdown import say_bye_on_signals  # noqa: E402
from config.wsgi import application as wsgi_application  # noqa: E402

keep_what_is_loaded()

HTTP_THREADS = 10
FILE_PATHS, FILE_THREADS, PIECES_AHEAD = ("/media/", "/admin/media/"), 4, 4
BODY_THREADS = 4
BODY_SECONDS, SLOWEST_BODY = 30, 16 * 1024  # bytes a second of what is longer than may be read ahead
WITHOUT_BODY = {"GET", "HEAD", "OPTIONS"}

# The queue of an answer has no end, so that a thread never waits for who reads slowly; our answers are not that long.
http = WSGIMiddleware(wsgi_application, workers=HTTP_THREADS, send_queue_size=0)  # type: ignore[arg-type]
# Files are: a few pieces of each wait in memory, in threads that keep nobody else waiting.
files = WSGIMiddleware(wsgi_application, workers=FILE_THREADS, send_queue_size=PIECES_AHEAD)  # type: ignore[arg-type]
# Whoever sends more than is read ahead holds a thread while they do, but none that answers the others.
arriving = WSGIMiddleware(wsgi_application, workers=BODY_THREADS, send_queue_size=0)  # type: ignore[arg-type]
websocket = URLRouter([path("ws/", Socket.as_asgi())])


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await _http(scope, receive, send)
    elif scope["type"] == "websocket":
        await _websocket(scope, receive, send)
    elif scope["type"] == "lifespan":
        await _lifespan(receive, send)


async def _http(scope: Any, receive: Any, send: Any) -> None:
    # WSGI would take `X_Forwarded_For` for `X-Forwarded-For`, and a proxy sets only the latter
    scope["headers"] = [header for header in scope["headers"] if b"_" not in header[0]]
    if scope["method"] in WITHOUT_BODY:
        await (files if scope["path"].startswith(FILE_PATHS) else http)(scope, receive, send)
        return
    try:
        async with asyncio.timeout(BODY_SECONDS):
            ahead = await _read_ahead(receive)
    except TimeoutError:
        headers = [(b"content-length", b"0"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 408, "headers": headers})
        await send({"type": "http.response.body"})
        return
    if ahead[-1]["type"] == "http.request":  # otherwise the caller has gone
        threads = arriving if ahead[-1].get("more_body") else http
        await threads(scope, _again(ahead, receive), send)


async def _read_ahead(receive: Any) -> list[Any]:
    """The body, or as much of it as may be too much: a slow caller must not hold one of the few threads."""
    messages: list[Any] = []
    size = 0
    while not messages or (messages[-1].get("more_body") and size <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE):
        messages.append(await receive())
        size += len(messages[-1].get("body", b""))
    return messages


def _again(messages: list[Any], receive: Any) -> Callable[[], Awaitable[Any]]:
    """`receive`, with these messages first. Who sends the rest too slowly counts as gone."""
    left = iter(messages)
    until = time.monotonic() + BODY_SECONDS

    async def receive_again() -> Any:
        nonlocal until
        if message := next(left, None):
            return message
        try:
            async with asyncio.timeout(until - time.monotonic()):
                message = await receive()
        except TimeoutError:
            return {"type": "http.disconnect"}
        until += len(message.get("body", b"")) / SLOWEST_BODY
        return message

    return receive_again


async def _websocket(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/ws/":
        await websocket(scope, receive, send)
    else:
        await receive()
        await send({"type": "websocket.close", "code": 4004})


async def _lifespan(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            current_hub().start()
            say_bye_on_signals()
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await current_hub().stop()
            await send({"type": "lifespan.shutdown.complete"})
            return

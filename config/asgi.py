"""The hybrid ASGI application: sockets to Channels, all other HTTP to the WSGI application in a pool of threads.

Django's own ASGI handler answers a plain view five times slower than its WSGI handler behind `a2wsgi`, so it is kept
for what must stream.
"""

import os
from typing import Any

from a2wsgi import WSGIMiddleware
from channels.routing import URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
get_asgi_application()  # loads the apps; nothing of ours may be imported before

from common.realtime.consumer import Socket  # noqa: E402
from common.realtime.hub import current_hub  # noqa: E402
from common.realtime.shutdown import say_bye_on_signals  # noqa: E402
from config.wsgi import application as wsgi_application  # noqa: E402

HTTP_THREADS = 10

http = WSGIMiddleware(wsgi_application, workers=HTTP_THREADS)  # type: ignore[arg-type]
websocket = URLRouter([path("ws/", Socket.as_asgi())])


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await http(scope, receive, send)
    elif scope["type"] == "websocket":
        await _websocket(scope, receive, send)
    elif scope["type"] == "lifespan":
        await _lifespan(receive, send)


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

"""The least that could answer: a WSGI hello, and rooms in memory over ASGI WebSockets."""

import itertools
import json
from collections.abc import Callable, Iterable
from typing import Any

BODY = b'{"status":"ok"}'
rooms: dict[str, set[Any]] = {}
numbers = itertools.count(1)


def hello(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(BODY)))])
    return [BODY]


async def fanout(scope: Any, receive: Any, send: Any) -> None:
    """Speaks our socket's frames, knows nobody and stores nothing."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": BODY})
    elif scope["type"] == "websocket":
        await _socket(receive, send)


async def _socket(receive: Any, send: Any) -> None:
    try:
        while (event := await receive())["type"] != "websocket.disconnect":
            if event["type"] == "websocket.connect":
                await send({"type": "websocket.accept"})
            else:
                await _command(json.loads(event["text"]), send)
    finally:
        for members in rooms.values():
            members.discard(send)


async def _command(command: dict[str, Any], send: Any) -> None:
    if command["type"] == "subscribe":
        rooms.setdefault(command["topic"], set()).add(send)
        await send({"type": "websocket.send", "text": f'{{"id":"{command["id"]}","ok":true}}'})
        return
    topic = f"conversation:{command['conversation']}"
    data = {"text": command["text"], "seq": next(numbers)}
    text = json.dumps({"type": "chat.message", "topic": topic, "data": data}, separators=(",", ":"))
    for member in tuple(rooms.get(topic, ())):
        await member({"type": "websocket.send", "text": text})

"""A local server that speaks OpenAI's chat completions over real HTTP, well or, when a script says so, badly.

with OpenAIServer() as server:
    server.script(text="Hello there.", first_delay=0.2)   # the next completion; without a script: `server.default`
    settings.TEXT_PROVIDERS["openai"] = {"BACKEND": …, "BASE_URL": server.base_url, "API_KEY": server.api_key}
    …
    assert server.requests[-1].body["model"] == "stand-in"
"""

import asyncio
import json
import re
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any

MODELS = ("stand-in", "stand-in-large")


@dataclass(frozen=True)
class Script:
    """How one completion goes. Chunk numbers count chunks of text from 0."""

    text: str = "The stage is yours."
    first_delay: float = 0.0  # before anything is answered
    text_delay: float = 0.0  # after the headers and the role, before the first text
    chunk_delay: float = 0.0
    stall_after: int | None = None  # this many chunks, then silence until the caller hangs up
    cut_after: int | None = None  # this many chunks, then the socket is reset
    end_after: int | None = None  # this many chunks, then a clean end of the body without a finish_reason
    malformed_after: int | None = None
    error_after: int | None = None  # this many chunks, then `error` as a chunk
    status: int = 200
    error: dict[str, Any] | list[Any] | str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    finish_reason: str | None = "stop"
    refusal: str | None = None
    usage: bool | dict[str, int] = True
    done: bool = True
    hold_open: bool = False  # after the end, keep the body open until the caller hangs up
    crlf: bool = False
    comments: bool = False  # keep-alives between the chunks
    empty_choices: bool = False  # a first chunk without choices, as Azure sends
    role_first: bool = True


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    at: float


class HungUpError(Exception):
    """The caller closed the connection."""


class OpenAIServer:
    """Runs in a thread of its own on 127.0.0.1; `port=0` takes a free one."""

    def __init__(self, port: int = 0, api_key: str = "test-key", models: tuple[str, ...] = MODELS) -> None:
        self.api_key = api_key
        self.models = models
        self.default = Script()
        self.requests: list[Request] = []
        self.open_connections = 0
        self.streaming = 0  # completions being answered right now
        self.hung_up = 0  # completions whose caller went away before the end
        self._scripts: deque[Script] = deque()
        self._ready = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="openai-stand-in", daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def script(self, **how: Any) -> None:
        """Queues how the next unscripted completion goes: any field of `Script`, over `default`."""
        self._scripts.append(replace(self.default, **how))

    def forget_scripts(self) -> None:
        """Drops what is queued, so that one test's leftovers are not the next one's replies."""
        self._scripts.clear()

    @property
    def completions(self) -> list[Request]:
        return [request for request in self.requests if request.path.endswith("/chat/completions")]

    def wait_until(self, true: Callable[["OpenAIServer"], bool], seconds: float = 3.0) -> bool:
        """Waits until `true(server)`; False if it did not in time. From a coroutine go through `asyncio.to_thread`."""
        end = time.monotonic() + seconds
        while not true(self):
            if time.monotonic() > end:
                return False
            time.sleep(0.005)
        return True

    def start(self) -> "OpenAIServer":
        self._thread.start()
        self._ready.wait(5)
        return self

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._main.cancel)
        self._thread.join(5)
        self._socket.close()

    def __enter__(self) -> "OpenAIServer":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._main = self._loop.create_task(self._serve())
        try:
            self._loop.run_until_complete(self._main)
        except asyncio.CancelledError:
            pass
        finally:
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.run_until_complete(asyncio.sleep(0))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connection, sock=self._socket)
        self._ready.set()
        await server.serve_forever()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open_connections += 1
        # asyncio does this only for sockets it made itself; without it every small chunk waits 40 ms for the last one.
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while request := await _read_request(reader):
                self.requests.append(request)
                if not await self._answer(request, reader, writer):
                    break
        except (HungUpError, ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.open_connections -= 1
            writer.close()

    async def _answer(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if self.api_key and request.headers.get("authorization") != f"Bearer {self.api_key}":
            return await _send_json(writer, 401, _problem("Incorrect API key provided.", "invalid_api_key"))
        if request.method == "GET" and request.path == "/v1/models":
            rows = [{"id": model, "object": "model", "created": 0, "owned_by": "stand-in"} for model in self.models]
            return await _send_json(writer, 200, {"object": "list", "data": rows})
        if request.method != "POST" or request.path != "/v1/chat/completions":
            return await _send_json(writer, 404, _problem("Unknown path.", "unknown_url"))
        script = self._scripts.popleft() if self._scripts else self.default
        completion = _Completion(script, request, reader, writer)
        self.streaming += 1
        try:
            return await completion.run()
        except (HungUpError, ConnectionError):
            self.hung_up += 1
            raise
        finally:
            self.streaming -= 1


class _Completion:
    def __init__(
        self, script: Script, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.script = script
        self.request = request
        self.reader = reader
        self.writer = writer
        self.pieces = re.findall(r"\s*\S+", script.text) or ([script.text] if script.text else [])

    async def run(self) -> bool:
        """Answers; False if the connection is used up."""
        await self._sleep(self.script.first_delay)
        if self.script.status != 200:
            error = self.script.error or {"message": "Scripted failure.", "type": "server_error", "code": None}
            body = error if isinstance(error, list | str) else {"error": error}
            return await _send_json(self.writer, self.script.status, body, self.script.headers)
        if not self.request.body.get("stream"):
            return await _send_json(self.writer, 200, self._whole())
        return await self._stream()

    async def _stream(self) -> bool:
        script = self.script
        self.writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
            b"Cache-Control: no-store\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        if script.empty_choices:
            await self._event({**self._frame(), "choices": []})
        if script.role_first:
            await self._event(self._chunk({"role": "assistant", "content": ""}))
        await self._sleep(script.text_delay)
        for number, piece in enumerate([*self.pieces, None]):
            if number == script.stall_after:
                await self._sleep(3600)
            if number == script.cut_after:
                await asyncio.sleep(0.05)  # a reset throws away what the caller has not read yet
                _reset(self.writer)
                return False
            if number == script.end_after:
                return await self._end()
            if number == script.malformed_after:
                await self._line('data: {"id": "chatcmpl-1", "choices": [{"delta": {"cont')
            if number == script.error_after:
                await self._event({"error": script.error})
                return await self._end()
            if piece is not None:
                if script.comments:
                    await self._line(": keep-alive")
                await self._event(self._chunk({"content": piece}))
                await self._sleep(script.chunk_delay)
        if script.refusal:
            await self._event(self._chunk({"refusal": script.refusal}))
        if script.finish_reason:
            await self._event(self._chunk({}, script.finish_reason))
        if script.usage and (self.request.body.get("stream_options") or {}).get("include_usage"):
            await self._event({**self._frame(), "choices": [], "usage": self._usage()})
        if script.done:
            await self._line("data: [DONE]")
        if script.hold_open:
            await self._sleep(3600)
        return await self._end()

    async def _event(self, data: dict[str, Any]) -> None:
        await self._line("data: " + json.dumps(data, ensure_ascii=False))

    async def _line(self, line: str) -> None:
        data = (line + ("\r\n\r\n" if self.script.crlf else "\n\n")).encode()
        self.writer.write(b"%x\r\n%s\r\n" % (len(data), data))
        await self.writer.drain()
        await self._sleep(0)

    async def _end(self) -> bool:
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()
        return True

    async def _sleep(self, seconds: float) -> None:
        """Waits, but notices at once when the caller hangs up: it has nothing to send, so what arrives is the end."""
        if seconds <= 0:
            if self.reader.at_eof():
                raise HungUpError
            return
        try:
            async with asyncio.timeout(seconds):
                if not await self.reader.read(1):
                    raise HungUpError
        except TimeoutError:
            return

    def _frame(self) -> dict[str, Any]:
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1_700_000_000,
            "model": self.request.body.get("model"),
        }

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        return {**self._frame(), "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}

    def _whole(self) -> dict[str, Any]:
        message = {"role": "assistant", "content": self.script.text, "refusal": self.script.refusal}
        choice = {"index": 0, "message": message, "finish_reason": self.script.finish_reason}
        return {**self._frame(), "object": "chat.completion", "choices": [choice], "usage": self._usage()}

    def _usage(self) -> dict[str, int]:
        if isinstance(self.script.usage, dict):
            return self.script.usage
        asked = sum(len(str(message["content"]).split()) for message in self.request.body["messages"])
        return {
            "prompt_tokens": asked,
            "completion_tokens": len(self.pieces),
            "total_tokens": asked + len(self.pieces),
        }


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    raw = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(method, path, headers, json.loads(raw) if raw else {}, time.monotonic())


async def _send_json(
    writer: asyncio.StreamWriter, status: int, body: object, headers: dict[str, str] | None = None
) -> bool:
    is_text = isinstance(body, str)
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Scripted", f"Content-Length: {len(data)}", "x-request-id: req_standin"]
    lines += [f"Content-Type: {'text/plain' if is_text else 'application/json'}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
    await writer.drain()
    return True


def _problem(message: str, code: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}


def _reset(writer: asyncio.StreamWriter) -> None:
    """Closes with a TCP reset, as a crashed server or a cut line looks to its caller."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def openai_server() -> Iterator[OpenAIServer]:
    """The body of a pytest fixture: `openai = pytest.fixture(openai_server)`."""
    with OpenAIServer() as server:
        yield server

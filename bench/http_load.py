"""HTTP load: some connections, each sending its next request as soon as it has the answer to the last.

By `wrk` where it is on PATH. Else by a client in Python, which takes more of the machine away from what is measured.
"""

import asyncio
import json
import shutil
import subprocess
import time
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from urllib.parse import urlsplit

import httptools

from bench.figures import percentile

LUA = Path(__file__).with_name("requests.lua")


@dataclass(frozen=True)
class HttpResult:
    requests: int
    seconds: float
    bytes: int
    p50_ms: float
    p99_ms: float
    errors: int

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def client_name() -> str:
    return "wrk" if shutil.which("wrk") else "Python (no wrk on PATH; figures are lower than with it)"


def run(url: str, requests: Path, *, seconds: float, connections: int, first: int = 0) -> HttpResult:
    """Sends the lines of `requests` to `url`, from line `first` on and round again, for that long."""
    if shutil.which("wrk"):
        return _wrk(url, requests, max(1, round(seconds)), connections, first)
    return asyncio.run(_python(url, read_requests(url, requests), seconds, connections, first))


def read_requests(url: str, requests: Path) -> list[bytes]:
    """The lines of a request file (see requests.lua) as they go over the wire."""
    address = urlsplit(url)
    found = []
    for line in requests.read_text(encoding="utf-8").splitlines():
        method, path, token, body = line.split("\t")
        head = f"{method} {address.path.rstrip('/')}{path} HTTP/1.1\r\nHost: {address.netloc}\r\n"
        if token != "-":
            head += f"Authorization: Bearer {token}\r\n"
        content = b"" if body == "-" else body.encode()
        if content:
            head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        found.append(head.encode() + b"\r\n" + content)
    return found


def _wrk(url: str, requests: Path, seconds: int, connections: int, first: int) -> HttpResult:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(LUA), url, "--"]
    done = subprocess.run([*command, str(requests), str(first)], capture_output=True, text=True, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    return HttpResult(**json.loads(line.removeprefix("RESULT ")))


class _Connection(asyncio.Protocol):
    """One of them. httptools calls the `on_` methods."""

    def __init__(self, load: "_Load") -> None:
        self.load = load

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._send()

    def _send(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.sent = time.perf_counter()
        self.transport.write(next(self.load.requests))

    def data_received(self, data: bytes) -> None:
        self.load.bytes += len(data)
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        now = time.perf_counter()
        self.load.latencies.append(now - self.sent)
        self.load.errors += self.parser.get_status_code() >= 400
        if now < self.load.until and self.parser.should_keep_alive():
            asyncio.get_running_loop().call_soon(self._send)
        else:
            self.transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        if time.perf_counter() < self.load.until:
            self.load.connect_again()
        else:
            self.load.leave()


class _Load:
    def __init__(self, url: str, requests: list[bytes], seconds: float, connections: int, first: int) -> None:
        self.address = urlsplit(url)
        self.requests = islice(cycle(requests), first % len(requests), None)
        self.until = time.perf_counter() + seconds
        self.open = connections
        self.latencies: list[float] = []
        self.errors = self.bytes = 0
        self.ended = asyncio.Event()
        self.again: set[asyncio.Task[None]] = set()

    async def connect(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: _Connection(self), self.address.hostname, self.address.port
            )
        except OSError:
            self.errors += 1
            self.leave()

    def connect_again(self) -> None:
        task = asyncio.get_running_loop().create_task(self.connect())
        self.again.add(task)
        task.add_done_callback(self.again.discard)

    def leave(self) -> None:
        self.open -= 1
        if not self.open:
            self.ended.set()


async def _python(url: str, requests: list[bytes], seconds: float, connections: int, first: int) -> HttpResult:
    started = time.perf_counter()
    load = _Load(url, requests, seconds, connections, first)
    await asyncio.gather(*(load.connect() for _ in range(connections)))
    async with asyncio.timeout(seconds + 20):
        await load.ended.wait()
    took = time.perf_counter() - started
    times = sorted(load.latencies)
    return HttpResult(
        len(times), took, load.bytes, percentile(times, 50) * 1e3, percentile(times, 99) * 1e3, load.errors
    )

"""A real site for tests: the processes of `make run` on free ports, and a socket client that speaks only the wire.

The processes use the test's own database and Redis, so a test can look at the rows behind what it saw.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class LiveSite:
    """`with LiveSite() as site:` runs the hybrid server and one responder."""

    def __init__(self, *, responders: int = 1, uvicorn: tuple[str, ...] = (), **environment: str) -> None:
        self.port = free_port()
        self.responders = responders
        self.uvicorn = uvicorn  # further options of the server
        self.environment = environment
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start_server()
        for number in range(self.responders):
            self.start_responder(f"responder{number}")
        self._wait_until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start_server(self) -> None:
        self._start(
            "server",
            ["-m", "uvicorn", "config.asgi:application", "--host", "127.0.0.1", "--port", str(self.port),
             "--ws", "common.realtime.protocol:Protocol", "--ws-max-size", "65536", "--log-level", "warning",
             "--no-access-log", "--no-proxy-headers", "--timeout-graceful-shutdown", "5", *self.uvicorn],
        )  # fmt: skip

    def start_responder(self, name: str = "responder0") -> None:
        """Returns once it listens: what a test asks for is to be answered by its time, not by the start's."""
        self._start(name, ["manage.py", "responder"], stdout=subprocess.PIPE)
        output = self.processes[name].stdout
        assert output is not None
        assert b"ready" in output.readline(), f"{name} did not start"

    def stop(self, name: str, number: signal.Signals = signal.SIGTERM) -> int:
        """Sends the signal and waits for the end; returns the exit code."""
        process = self.processes.pop(name)
        process.send_signal(number)
        return process.wait(30)

    def _start(self, name: str, arguments: list[str], stdout: int | None = None) -> None:
        self.processes[name] = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=self._environment(), stdin=subprocess.DEVNULL, stdout=stdout
        )

    def _environment(self) -> dict[str, str]:
        from django.conf import settings
        from django.db import connection

        host = connection.get_connection_params().get("host") or ""
        return {
            **os.environ,
            "DJANGO_ENV": "test",
            "DATABASE_URL": _database_url(settings.DATABASES["default"], host),
            "REDIS_URL": settings.REDIS_URL,
            "PUBLIC_URL": self.url,
            "LOG_LEVEL": "WARNING",
            **self.environment,
        }

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/health/ready", timeout=5) as response:
                    assert response.status == 200
                    return
            except OSError:
                for name, process in self.processes.items():
                    assert process.poll() is None, f"{name} ended with {process.returncode}"
                assert time.monotonic() < deadline, "the site did not become ready"
                time.sleep(0.1)


def _database_url(database: dict[str, Any], host: str) -> str:
    user = quote(database["USER"] or "postgres")
    password = f":{quote(database['PASSWORD'])}" if database["PASSWORD"] else ""
    port = f":{database['PORT']}" if database["PORT"] else ""
    if host.startswith("/"):
        return f"postgresql://{user}{password}@/{database['NAME']}?host={quote(host, safe='')}"
    return f"postgresql://{user}{password}@{host}{port}/{database['NAME']}"


class Wire:
    """A socket client: `async with Wire(site, token) as wire:`. Keeps every frame it has seen."""

    def __init__(self, site: LiveSite, token: str | None = None, **options: Any) -> None:
        query = f"?token={token}" if token else ""
        self.url = f"ws://127.0.0.1:{site.port}/ws/{query}"
        self.options = options
        self.frames: list[dict[str, Any]] = []
        self.answers: dict[str, dict[str, Any]] = {}
        self.arrived = asyncio.Condition()
        self.close_code: int | None = None
        self.count = 0

    async def __aenter__(self) -> Self:
        self.connection: ClientConnection = await connect(self.url, max_size=None, **self.options)
        self.reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connection.close()
        await self.reader

    async def _read(self) -> None:
        try:
            async for text in self.connection:
                frame = json.loads(text)
                async with self.arrived:
                    if "ok" in frame:
                        self.answers[frame["id"]] = frame
                    else:
                        self.frames.append(frame)
                    self.arrived.notify_all()
        except ConnectionClosed:
            pass
        async with self.arrived:
            self.close_code = self.connection.close_code
            self.arrived.notify_all()

    async def raw(self, text: str | bytes) -> None:
        await self.connection.send(text)

    async def ask(self, kind: str, **payload: Any) -> dict[str, Any]:
        """Sends a command and waits for its answer."""
        self.count += 1
        command_id = f"c{self.count}"
        await self.raw(json.dumps({"id": command_id, "type": kind, **payload}, default=str))
        await self._until(lambda: command_id in self.answers or self.close_code is not None)
        return self.answers[command_id]

    async def until(self, found: Any, seconds: float = 10) -> dict[str, Any]:
        """The first frame for which `found(frame)` holds, now or later."""
        await self._until(lambda: any(found(frame) for frame in self.frames), seconds)
        return next(frame for frame in self.frames if found(frame))

    async def until_closed(self, seconds: float = 15) -> int | None:
        await self._until(lambda: self.close_code is not None, seconds)
        return self.close_code

    async def _until(self, holds: Any, seconds: float = 10) -> None:
        async with self.arrived:
            async with asyncio.timeout(seconds):
                await self.arrived.wait_for(holds)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["type"] == kind]

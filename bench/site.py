"""The production processes of the Procfile, on loopback."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from stack import ROOT

START_SECONDS, STOP_SECONDS = 60.0, 20.0


class Process:
    """A shell command, stopped together with its children."""

    def __init__(self, name: str, command: str, environ: Mapping[str, str], log: Path) -> None:
        self.name, self.log = name, log
        path = f"{Path(sys.executable).parent}{os.pathsep}{environ.get('PATH', os.defpath)}"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {command}"], cwd=ROOT, env={**environ, "PATH": path}, stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_for(self, url: str) -> None:
        """Until it answers there. Raises RuntimeError with its last words when it ends, or takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if answers(url):
                return
            time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"{self.name} doesn't answer at {url}:\n{self.log.read_text(errors='replace')[-2000:]}")

    def wait_for_line(self, text: str) -> None:
        """Until its log has this text. Raises RuntimeError as `wait_for` does."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if text in self.log.read_text(errors="replace"):
                return
            time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"{self.name} doesn't get ready:\n{self.log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.pid, number)
                self._process.wait(STOP_SECONDS)
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own address
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def procfile_commands(text: str) -> dict[str, str]:
    """The commands of a Procfile by name, listening on loopback instead of everywhere."""
    found = re.findall(r"^([A-Za-z0-9_-]+):\s*(.+)$", text, re.MULTILINE)
    return {name: command.replace("0.0.0.0", "127.0.0.1") for name, command in found}  # noqa: S104


class Site:
    """`web` on `port`, `realtime` on the next one, and what else is asked for by its name in the Procfile."""

    def __init__(self, procfile: Path, port: int, environ: Mapping[str, str], folder: Path) -> None:
        self.commands = procfile_commands(procfile.read_text(encoding="utf-8"))
        self.folder = folder
        self.environ = {**environ, "PORT": str(port), "REALTIME_PORT": str(port + 1)}
        self.url, self.realtime_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}"
        self.running: dict[str, Process] = {}

    def start(self, name: str, **environ: str) -> None:
        """Returns once it is ready."""
        process = Process(name, self.commands[name], {**self.environ, **environ}, self.folder / f"{name}.log")
        self.running[name] = process
        if name == "web":
            process.wait_for(f"{self.url}/health/live")
        elif name == "realtime":
            process.wait_for(f"{self.realtime_url}/health/live")
        elif name == "responder":
            process.wait_for_line("ready")

    def stop(self, *names: str) -> None:
        """These, or all of them."""
        for name in names or tuple(self.running):
            if process := self.running.pop(name, None):
                process.stop()

    def pids(self, *names: str) -> list[int]:
        return [process.pid for name, process in self.running.items() if name in names]

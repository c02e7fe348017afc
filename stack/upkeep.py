"""`make reset`, `make requirements` and `make manage`."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from stack import ROOT, VAR, StackError, envfile, venv
from stack.checks import REQUIREMENTS as DEVELOPMENT
from stack.console import say
from stack.postgres import Postgres
from stack.run import REQUIREMENTS, our_services, services_of_the_run, the_only_run
from stack.services import Services


def reset() -> int:
    """Deletes the database, Redis' data and the uploaded files, after a question or with FORCE=1."""
    if not VAR.exists():
        say("There is no data: var/ doesn't exist.")
        return 0
    if os.environ.get("FORCE") != "1" and not _agreed():
        raise StackError("Nothing was deleted. To delete without a question: FORCE=1 make reset")
    venv.prepare(REQUIREMENTS)
    venv.enter(sys.argv[1:])
    with the_only_run({}):
        Services(VAR).stop()
        Postgres(VAR).remove()
        shutil.rmtree(VAR)
    say("Deleted var/. The next `make run` starts afresh.")
    return 0


def compile_requirements(arguments: list[str]) -> int:
    """Pins what the two .in files ask for. `--upgrade` takes newer versions, else what is pinned stays."""
    venv.prepare(DEVELOPMENT)
    venv.enter(sys.argv[1:])
    for name in (REQUIREMENTS, DEVELOPMENT):
        source = str(Path(name).with_suffix(".in"))
        done = subprocess.run(
            [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11",
             "--no-header", "--no-emit-index-url", "--no-emit-find-links",
             *arguments, source, "--output-file", name],
            cwd=ROOT, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            return done.returncode
        say(f"{name} is pinned.")
    return 0


def manage(arguments: list[str]) -> int:
    """Runs manage.py on the database of `make run`, which it starts for the moment when it isn't running."""
    envfile.load(ROOT / ".env")
    venv.prepare(REQUIREMENTS)
    venv.enter(sys.argv[1:])
    command = [sys.executable, "manage.py", *arguments]
    running = our_services()
    if not running.dead():
        os.execve(sys.executable, command, running.environ | os.environ)
    with the_only_run({}), services_of_the_run():
        signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for the command, which may be a shell
        return subprocess.run(command, cwd=ROOT, check=False).returncode


def _agreed() -> bool:
    if not sys.stdin.isatty():
        return False
    return input(f"Delete the database and all files in {VAR}? [y/N] ").strip().lower() in {"y", "yes"}

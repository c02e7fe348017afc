"""The processes of the embedded default. For production see the Procfile."""

import os
import shlex
import sys

from stack import ROOT

QUEUES = "high mail webhooks default low media events"
SHUTDOWN_SECONDS = 10
OWN_IDENTITY = "TROUPE_OWN_IDENTITY"  # set where this run brings its own identity provider
NO_CODE = {"tests", "bench", "stack", "docs", "var", "static"}


def commands(host: str, port: int, *, reload: bool) -> dict[str, str]:
    """Shell commands by name. With `reload` each starts again when a source file changes."""
    web = (
        f"uvicorn config.asgi:application --host {host} --port {port} "
        "--ws common.realtime.protocol:Protocol --ws-max-size 65536 "
        f"--timeout-graceful-shutdown {SHUTDOWN_SECONDS} --log-level warning --no-access-log --no-proxy-headers"
    )
    others = {
        # One worker with RQ's scheduler inside, for jobs that are put off: the least memory that does everything.
        # It would report every sweep; at verbosity 0 it speaks when something fails.
        "worker": f"manage.py rqworker {QUEUES} --with-scheduler --verbosity 0",
        "responder": "manage.py responder",
        "scheduler": "manage.py scheduler",
    }
    if os.environ.get(OWN_IDENTITY):
        others["identity"] = "-m stack.identity"
    if not reload:
        return {"web": _exec(f"-m {web}")} | {name: _exec(command) for name, command in others.items()}
    folders = source_folders()
    watched = " ".join(f"--reload-dir {folder}" for folder in folders)
    watch, python = "-m watchfiles --verbosity warning --filter python", shlex.quote(sys.executable)
    return {"web": _exec(f"-m {web} --reload --reload-include '*.html' {watched}")} | {
        name: _exec(f"{watch} {shlex.quote(f'{python} {command}')} {' '.join(folders)}")
        for name, command in others.items()
    }


def source_folders() -> list[str]:
    """The top-level folders whose change should restart a process."""
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - NO_CODE
    return sorted(packages | {"templates"} if (ROOT / "templates").is_dir() else packages)


def _exec(command: str) -> str:
    # exec: otherwise a shell stays between us and the process, and keeps its exit code to itself.
    return f"exec {shlex.quote(sys.executable)} {command}"

"""`make run` and `make dev`: from a clean clone to a site that answers."""

import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from stack import MARK, ROOT, VAR, StackError, envfile, ports, venv
from stack.children import following
from stack.console import bold, faint, say, step
from stack.locks import HeldError, hold, make_var
from stack.logs import tail
from stack.processes import OWN_IDENTITY, commands
from stack.services import Services

REQUIREMENTS = "requirements.txt"
LOCK = VAR / "run.lock"
PREPARE_LOG = VAR / "prepare.log"
SIGN_IN = "sign-in\t"  # how `manage.py prepare` begins a line with label, e-mail and password


def run(*, reload: bool = False) -> int:
    """Starts everything and stays until it is told to stop. Returns the exit code."""
    envfile.load(ROOT / ".env")
    host = os.environ.get("HOST") or ports.LOOPBACK
    port = ports.parse_port(os.environ.get("PORT") or "8000")
    if not venv.is_current(REQUIREMENTS):
        say(bold("Troupe") + faint("  a first start takes a minute or two, later ones seconds"))
        ports.require_free(host, port)
        venv.prepare(REQUIREMENTS)
    venv.enter(sys.argv[1:], {MARK: str(VAR)})
    return _run_inside(host, port, reload=reload)


@contextmanager
def the_only_run(facts: dict[str, object]) -> Iterator[None]:
    """Raises StackError when something is running in this folder already."""
    make_var()
    try:
        with hold(LOCK, facts=facts | {"pid": os.getpid()}):
            yield
    except HeldError as held:
        pid, address = held.args[0].get("pid", "?"), held.args[0].get("address", "")
        where = f" at {address}" if address else ""
        raise StackError(
            f"Troupe is running in this folder already{where} (process {pid}). "
            f"Stop it with Ctrl-C in its terminal, or with: kill {pid}"
        ) from None


def our_services() -> Services:
    """Those that the environment gives no address of."""
    return Services(VAR, database=not _is_given("DATABASE_URL"), redis=not _is_given("REDIS_URL"))


@contextmanager
def services_of_the_run() -> Iterator[Services]:
    """PostgreSQL and Redis of this folder, their addresses in our environment; those given there are used instead."""
    services = our_services()
    try:
        with step("Services") as line:
            line.note = f"starting {' and '.join(services.servers)}"
            services.start()
            ours = [f"{name} on port {server.port}" for name, server in services.servers.items()]
            yours = [f"your own {name}" for name in ("PostgreSQL", "Redis") if name not in services.servers]
            line.result = ", ".join(ours + yours)
        if services.postgres is not None and services.postgres.moved:
            say(f"    PostgreSQL may not run as root, and its user can't enter {ROOT}.")
            say(f"    So the database is kept in {services.postgres.home} (`make reset` deletes it too).")
        os.environ.update(services.environ)
        yield services
    finally:
        services.stop()


def _run_inside(host: str, port: int, *, reload: bool) -> int:
    """The part that needs `.venv`."""
    from stack import leftovers
    from stack.supervisor import Supervisor

    address = f"http://{_visitable(host)}:{port}"
    with the_only_run({"address": address}):
        if count := leftovers.stop_leftovers():
            say(f"    Stopped {count} processes that an earlier run had left behind.")
        ports.require_free(host, port)
        with services_of_the_run() as services:
            os.environ.update({"HOST": host, "PORT": str(port), "PYTHONUNBUFFERED": "1"})
            os.environ.setdefault("PUBLIC_URL", address)
            _choose_identity(host)
            sign_ins = _prepare()
            processes = commands(host, port, reload=reload)
            say(f"\nStarting {', '.join(processes)}.")
            supervisor = Supervisor(host, port, services, when_ready=lambda: _welcome(address, sign_ins))
            for name, command in processes.items():
                supervisor.add_process(name, command, cwd=str(ROOT))
            code = supervisor.run()
        kept = "Stopped. Your data is in var/." if services.servers else "Stopped."
        say(kept)
        return code


def _choose_identity(host: str) -> None:
    """Puts into our environment where the local identity provider will be: in development, on this machine alone."""
    in_development = os.environ.get("DJANGO_ENV", "") in {"", "development"}
    if not in_development or host not in {ports.LOOPBACK, "localhost"} or _is_given("LOCAL_IDENTITY_URL"):
        return
    os.environ["LOCAL_IDENTITY_URL"] = f"http://{ports.LOOPBACK}:{ports.free_port()}"
    os.environ["LOCAL_IDENTITY_SECRET"] = secrets.token_urlsafe(24)
    os.environ[OWN_IDENTITY] = "1"


def _prepare() -> list[list[str]]:
    """Migrates, loads the demo data once, and returns how to sign in: label, e-mail and password of each person."""
    sign_ins = []
    with step("Database") as line, PREPARE_LOG.open("w", encoding="utf-8") as log:
        line.note = "looking for migrations"
        with following([sys.executable, "manage.py", "prepare"], stderr=log) as process:
            assert process.stdout is not None
            for text in process.stdout:
                if text.startswith(SIGN_IN):
                    sign_ins.append(text.rstrip("\n").removeprefix(SIGN_IN).split("\t"))
                    continue
                log.write(text)
                log.flush()
                if text.strip() not in {"", "OK"}:  # OK: the end of a migration
                    line.note = text.strip()
        if process.returncode != 0:
            raise StackError(f"The database couldn't be prepared. The end of {PREPARE_LOG}:\n{tail(PREPARE_LOG, 12)}")
        line.result = "migrated, demo data in place" if sign_ins else "migrated"
    return sign_ins


def _welcome(address: str, sign_ins: list[list[str]]) -> None:
    import psutil

    took = time.time() - psutil.Process().create_time()
    say()
    say(bold(f"  Troupe is ready at {address}") + faint(f"   after {took:.0f} s"))
    if sign_ins:
        say("\n  Sign in as")
        widths = [max(map(len, column)) for column in zip(*sign_ins, strict=True)]
        for person in sign_ins:
            say("    " + "   ".join(text.ljust(width) for text, width in zip(person, widths, strict=True)).rstrip())
        if not _is_given("SMTP_HOST") and not _is_given("RESEND_API_KEY"):
            say(f"\n  Mail comes to {address}/mailbox")
    say(faint("\n  Ctrl-C stops everything; your data stays in var/.\n"))


def _is_given(name: str) -> bool:
    return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE"))


def _visitable(host: str) -> str:
    if host in {"0.0.0.0", "::"}:  # noqa: S104
        return ports.LOOPBACK
    return f"[{host}]" if ":" in host else host

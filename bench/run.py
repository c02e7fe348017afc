"""One run: starts everything, loads the world, measures scenario by scenario, stops everything."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import first_token, http_load, ledger, machine, measure, other, report, scenarios, sign_in, world
from bench.fanout import our_dialect
from bench.figures import percentile
from bench.limits import Limit, Limits, once
from bench.measure import Effort, Repeat, Row, System
from bench.scenarios import HTTP
from bench.site import Process, Site
from bench.upload_rows import UPLOAD, UPLOAD_MEMORY, UPLOAD_PILLOW, UploadRows
from stack import ROOT
from stack.services import Services, throwaway

# A server's settings, not a laptop's: what is written is on the disk when it is confirmed.
POSTGRES = {
    "shared_buffers": "256MB", "effective_cache_size": "1GB", "max_wal_size": "2GB", "checkpoint_timeout": "15min",
    "random_page_cost": "1.1", "jit": "off", "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
    "wal_level": "replica", "max_wal_senders": "10", "max_connections": "100",
}  # fmt: skip
FANOUT, FANOUT_MOST, FIRST_TOKEN = "fanout", "fanout_max", "first_token"
SIGN_IN = "sign_in_timing"
TIMED = {SIGN_IN: "sign-in refused, known address"}
LEDGER, BIG_WALLET = "ledger_service", "big_wallet"
MONEY = {LEDGER: "the service's spend, no HTTP", BIG_WALLET: "balance of 1,000,000 entries"}
FILES = {
    UPLOAD: "1 MB JPEG upload",
    UPLOAD_PILLOW: "1 MB JPEG drawn, no HTTP",
    UPLOAD_MEMORY: "50 uploads of 10 MB at once",
}
SOCKETS = {
    FANOUT: "socket fan-out, 20/s a speaker",
    FANOUT_MOST: "socket fan-out, at most",
    FIRST_TOKEN: "first token, 50 at once",
}
# Reads first and the writes that make tables longer last; the replies before the messages that change what they read.
ORDER = (
    "health",
    "list",
    "search",
    "search_cold",
    "character",
    "history",
    "me",
    *TIMED,
    *SOCKETS,
    "post",
    "post_reply",
    "spend",
    "spend_hot",
    *MONEY,
    *FILES,
)
TITLES = {name: scenario.title for name, scenario in HTTP.items()} | SOCKETS | TIMED | MONEY | FILES
SCENARIOS = {name: TITLES[name] for name in ORDER}
TALKING = range(world.CONVERSATIONS - 49, world.CONVERSATIONS + 1)


@dataclass(frozen=True)
class Options:
    scenarios: list[str]
    effort: Effort
    limits: bool = True
    json: Path | None = None
    port: int = 19000
    procfile: Path = ROOT / "Procfile"
    others: list[Path] = field(default_factory=list)


def run(options: Options) -> int:
    print(f"Troupe's bench on {machine.description()}; HTTP load by {http_load.client_name()}.")
    print(
        f"{options.effort.connections} connections, medians of {options.effort.repeats} × {options.effort.seconds:g} s."
    )
    started, before = time.strftime("%FT%TZ", time.gmtime()), machine.load()
    print(f"Load of the machine before it starts: {before}.\n", flush=True)
    with throwaway(pg_settings=POSTGRES) as services:
        bench = Bench(options, services)
        with bench.running():
            for name in options.scenarios:
                rows = bench.measure(name)
                report.show(rows)
                bench.rows += rows
    if options.json:
        facts = {"at": started, "machine": machine.description(), "client": http_load.client_name(), "load": before}
        report.save(options.json, facts, bench.rows)
    return 1 if any(row.errors for row in bench.rows) else 0


class Bench:
    """Everything that runs, and what was measured so far."""

    def __init__(self, options: Options, services: Services) -> None:
        assert services.redis is not None
        self.options, self.services, self.effort = options, services, options.effort
        self.folder = services.redis.directory
        self.provider_port, self.limit_port = options.port + 2, options.port + 3
        self.environ = self._environ()
        self.site = Site(options.procfile, options.port, self.environ, self.folder)
        self.systems: list[System] = []
        self.rows: list[Row] = []
        self.files = UploadRows(self.site, self.effort, self._servers)

    @contextmanager
    def running(self) -> Iterator[None]:
        self._load_world()
        with ExitStack() as stack:
            stack.callback(self.site.stop)
            self.site.start("web")
            self.site.start("realtime")
            self.systems = [self._ourselves()]
            for path in self.options.others:
                self.systems.append(self._start_other(other.read_other(path), stack))
            self.limits = self._limits() if self.options.limits else {}
            yield

    def measure(self, name: str) -> list[Row]:
        title = SCENARIOS[name]
        if name == FIRST_TOKEN:
            rows = [self._first_token(title)]
        elif name == SIGN_IN:
            rows = [self._sign_in(title)]
        elif name == LEDGER:
            rows = [self._ledger(title)]
        elif name == BIG_WALLET:
            rows = [self._big_wallet(title)]
        elif name == UPLOAD:
            rows = [self.files.uploads(title, connections) for connections in (1, 4)]
        elif name == UPLOAD_PILLOW:
            rows = [self.files.beside_pillow(title)]
        elif name == UPLOAD_MEMORY:
            rows = [self.files.memory(title)]
        elif name in SOCKETS:
            rows = measure.sockets(name, title, self.systems, self.effort, self._servers(), at_most=name == FANOUT_MOST)
        else:
            systems = self.systems if HTTP[name].compared else self.systems[:1]
            rows = measure.http(name, title, systems, self.effort, self._servers())
        rows[0].hold_against([limit() for limit in self.limits.get(name, ())])
        return rows

    # --- what runs -------------------------------------------------------------------------------------------------

    def _environ(self) -> dict[str, str]:
        """As in production, but for limits of rate that nobody reaches."""
        metrics = self.folder / "metrics"
        metrics.mkdir()
        return {
            **os.environ,
            **self.services.environ,
            "DJANGO_ENV": "test",
            "RATE_LIMIT_FACTOR": "100000",
            "LOG_LEVEL": "WARNING",
            "JWT_EXPIRES_IN": "12h",
            "DATA_DIR": str(self.folder / "data"),
            "PUBLIC_URL": f"http://127.0.0.1:{self.options.port}",
            "PROMETHEUS_MULTIPROC_DIR": str(metrics),
            "TEXT_BASE_URL": f"http://127.0.0.1:{self.provider_port}/v1",
            "TEXT_MODEL": "bench",
            "PYTHONUNBUFFERED": "1",
        }

    def _load_world(self) -> None:
        started = time.monotonic()
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--noinput"], cwd=ROOT, env=self.environ, check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        self._set_up_django()
        from bench.load import load_world

        load_world()
        print(f"Loaded {world.CHARACTERS:,} characters and {world.CONVERSATIONS * world.MESSAGES_EACH:,} messages "
              f"in {time.monotonic() - started:.0f} s.\n", flush=True)  # fmt: skip

    def _set_up_django(self) -> None:
        os.environ.update({name: value for name, value in self.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"})
        os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
        import django

        django.setup()

    def _ourselves(self) -> System:
        from bench.load import access_token

        return System(
            name=report.US,
            url=self.site.url,
            requests=scenarios.write_requests(self.folder, self.site.url, access_token),
            pids=lambda part: self.site.pids("web") if part == "http" else self.site.pids("realtime", "responder"),
            dialect=our_dialect(self.site.realtime_url),
            rooms=[(str(world.row_id("conversation", n)), access_token(n)) for n in range(1, measure.ROOMS + 1)],
        )

    def _start_other(self, found: other.Other, stack: ExitStack) -> System:
        environ = other.environ(self.services.database_url, self.services.redis_url)
        log = self.folder / "other.log"
        pids: list[int] = []
        if found.start:
            if found.prepare:
                subprocess.run(found.prepare, shell=True, env=environ, check=True, stdout=subprocess.DEVNULL)  # noqa: S602
            process = Process(found.name, found.start, environ, log)
            stack.callback(process.stop)
            process.wait_for(found.ready)
            pids.append(process.pid)
        return System(
            found.name, found.url, found.requests, lambda _: pids, found.socket, found.read_rooms(measure.ROOMS)
        )

    def _servers(self) -> Mapping[str, list[int]]:
        assert self.services.postgres is not None
        assert self.services.redis is not None
        postgres = (self.services.postgres.data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0]
        redis = (self.services.redis.data / "redis.pid").read_text(encoding="utf-8")
        return {"postgres": [int(postgres)], "redis": [int(redis)]}

    # --- the first token -------------------------------------------------------------------------------------------

    def _first_token(self, title: str) -> Row:
        from bench.load import access_token

        command = f"{sys.executable} -m bench.provider {self.provider_port}"
        provider = Process("the provider", command, self.environ, self.folder / "provider.log")
        try:
            provider.wait_for_line("ready")
            self.site.start("responder")
            people = [(str(world.row_id("conversation", n)), access_token(n)) for n in TALKING]
            first_token.run(self.site.realtime_url, people, len(people))
            with machine.CpuMeter({"app": self.site.pids("realtime", "responder"), **self._servers()}) as meter:
                busy = machine.load()
                result = first_token.run(self.site.realtime_url, people, self.effort.replies)
        finally:
            self.site.stop("responder")
            provider.stop()
        more = {"p95_ms": result.p95_ms, "max_ms": result.max_ms, "provider_ms": result.provider_p50_ms,
                "accepted_ms": result.sent_p50_ms}  # fmt: skip
        repeat = Repeat(
            rate=result.rate, done=result.replies, p50_ms=result.p50_ms, p99_ms=result.p99_ms, errors=result.failed,
            cpu=meter.seconds, others=meter.others, load=busy, more=more,
        )  # fmt: skip
        return measure.summary(FIRST_TOKEN, title, report.US, "replies", [repeat])

    # --- what the time of a refusal tells ---------------------------------------------------------------------------

    def _sign_in(self, title: str) -> Row:
        from accounts.models import User

        person = User.objects.get(pk=world.row_id("user", 1))
        person.set_password("the right password")
        person.save(update_fields=["password"])
        sign_in.run(self.site.url, person.email, 10)
        repeats = [self._sign_ins(person.email) for _ in range(self.effort.repeats)]
        return measure.summary(SIGN_IN, title, report.US, "tries", repeats)

    def _sign_ins(self, email: str) -> Repeat:
        with machine.CpuMeter({"app": self.site.pids("web"), **self._servers()}) as meter:
            busy = machine.load()
            result = sign_in.run(self.site.url, email, self.effort.sign_ins)
        more = {"unknown_ms": result.unknown_ms, "known_to_unknown": result.ratio}
        return Repeat(
            rate=result.rate, done=result.tries, p50_ms=result.known_ms, p99_ms=result.known_p99_ms,
            errors=result.errors, cpu=meter.seconds, others=meter.others, load=busy, more=more,
        )  # fmt: skip

    # --- the ledger without HTTP -----------------------------------------------------------------------------------

    def _ledger(self, title: str) -> Row:
        repeats = [self._spends() for _ in range(self.effort.repeats)]
        return measure.summary(LEDGER, title, report.US, "spends", repeats)

    def _spends(self) -> Repeat:
        meters: list[machine.CpuMeter] = []

        def meter(pids: list[int]) -> machine.CpuMeter:
            meters.append(machine.CpuMeter({"app": pids, **self._servers()}))
            return meters[0]

        busy = machine.load()
        result = ledger.run(self.environ, self.effort.seconds, meter)
        return Repeat(
            rate=result.rate, done=result.done, p50_ms=result.p50_ms, p99_ms=result.p99_ms, errors=result.errors,
            cpu=meters[0].seconds, others=meters[0].others, load=busy,
        )  # fmt: skip

    def _big_wallet(self, title: str) -> Row:
        ledger.make_big_wallet()
        repeats = [self._looks() for _ in range(self.effort.repeats)]
        return measure.summary(BIG_WALLET, title, report.US, "looks", repeats)

    def _looks(self) -> Repeat:
        with machine.CpuMeter(self._servers()) as meter:
            busy = machine.load()
            times = ledger.look_at_big_wallet()
        balance = times.pop("balance")
        return Repeat(
            rate=1e3 * len(balance) / sum(balance), done=3 * len(balance), p50_ms=ledger.middle(balance),
            p99_ms=percentile(balance, 99), errors=0, cpu=meter.seconds, others=meter.others, load=busy,
            more={f"{name}_ms": ledger.middle(page) for name, page in times.items()},
        )  # fmt: skip

    # --- limits ----------------------------------------------------------------------------------------------------

    def _limits(self) -> Mapping[str, Sequence[Callable[[], Limit]]]:
        from bench.statements import scripts

        limits = Limits(
            self.folder, self.limit_port, min(self.effort.seconds, 5.0), self.effort.connections,
            self.services.database_url, self.services.redis_url, self.services.pg_bin, self.environ,
        )  # fmt: skip
        hello = once(lambda: limits.wsgi("a bare WSGI application", "bench.bare:hello"))
        view = once(lambda: limits.wsgi("a bare Django view", "bench.bare_django:application"))
        found: dict[str, list[Callable[[], Limit]]] = {
            "health": [hello, view],
            FANOUT_MOST: [once(limits.bare_fanout), once(limits.redis_publish)],
        }
        for name, script in scripts().items():
            found[name] = [lambda script=script: limits.pgbench(script.title, script.text)]  # type: ignore[misc]
            if not name.startswith(("post", "spend", "ledger")):
                found[name].append(view)
        return found

"""The ledger without HTTP: the service's `spend` in processes of its own, and a wallet of a million entries.

`python -m bench.ledger <seconds>` is one of those processes: when it is told to go it spends from the world's wallets
with several threads, and prints what it did.
"""

import json
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from bench import world
from bench.figures import percentile
from stack import ROOT

PROCESSES, THREADS = 2, 4  # together as many connections as pgbench has clients
ENTRIES = 1_000_000
OWNER = world.PEOPLE  # whose wallet it is: nobody else's scenario
LOOKS = 500


@dataclass(frozen=True)
class SpendsResult:
    done: int
    errors: int
    rate: float
    p50_ms: float
    p99_ms: float


def run(
    environ: Mapping[str, str], seconds: float, meter: Callable[[list[int]], AbstractContextManager]
) -> SpendsResult:
    """Spends for so long in all processes at once; `meter(pids)` is entered while they work."""
    command = [sys.executable, "-m", "bench.ledger", str(seconds)]
    workers = [
        subprocess.Popen(command, cwd=ROOT, env=dict(environ), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    try:
        for worker in workers:
            _hear(worker)
        with meter([worker.pid for worker in workers]):
            for worker in workers:
                _say(worker)
            found = [json.loads(_hear(worker)) for worker in workers]
    finally:
        for worker in workers:
            worker.communicate()
    times = sorted(milliseconds for part in found for milliseconds in part["ms"])
    return SpendsResult(
        done=len(times),
        errors=sum(part["errors"] for part in found),
        rate=len(times) / seconds,
        p50_ms=percentile(times, 50),
        p99_ms=percentile(times, 99),
    )


def _say(worker: "subprocess.Popen[str]") -> None:
    assert worker.stdin
    worker.stdin.write("go\n")
    worker.stdin.flush()


def _hear(worker: "subprocess.Popen[str]") -> str:
    assert worker.stdout
    line = worker.stdout.readline()
    if not line:
        raise RuntimeError("A process that spends ended early; what it said is above.")
    return line


# --- in such a process ------------------------------------------------------------------------------------------------


def work(seconds: float) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    os.environ["DATABASE_POOL_SIZE"] = "0"  # a connection for each thread, as in `web`
    import django

    django.setup()
    found: list[list[float]] = [[] for _ in range(THREADS)]
    errors: list[Exception] = []
    begin = threading.Barrier(THREADS + 1)
    threads = [threading.Thread(target=_spend, args=(times, errors, begin, seconds)) for times in found]
    for thread in threads:
        thread.start()
    begin.wait()  # all are warm
    print("ready", flush=True)
    sys.stdin.readline()
    begin.wait()
    for thread in threads:
        thread.join()
    print(json.dumps({"ms": [ms for times in found for ms in times], "errors": len(errors)}), flush=True)
    sys.stdin.read()  # its processor time is read before it ends


def _spend(times: list[float], errors: list[Exception], begin: threading.Barrier, seconds: float) -> None:
    from billing import services

    rng = random.Random()
    for warming_up in (True, False):
        until = time.perf_counter() + (0.3 if warming_up else seconds)
        while (began := time.perf_counter()) < until:
            organization_id = world.row_id("organization", rng.randint(1, world.CONVERSATIONS))
            try:
                services.spend(organization_id=organization_id, amount=1, feature="story_generation")
            except Exception as error:  # noqa: BLE001 - counted, and the run fails by it
                errors.append(error)
            if not warming_up:
                times.append(1e3 * (time.perf_counter() - began))
        if warming_up:
            begin.wait()
            begin.wait()  # until it is told to go


# --- a wallet of a million entries ------------------------------------------------------------------------------------

GRANTS = """
INSERT INTO billing_entry (id, wallet_id, number, main, bonus, balance_after, kind, key, feature, reference_type,
                           reference_id, description, created_at)
SELECT uuidv7(), wallet.id, wallet.last_number + n, 1, 0, wallet.balance + wallet.bonus_balance + n, 'grant',
       'bench:big:' || n, '', '', '', '', now()
FROM billing_wallet AS wallet, generate_series(1, %(count)s) AS n
WHERE wallet.organization_id = %(organization_id)s
"""
ADD_UP = """
UPDATE billing_wallet SET balance = balance + %(count)s, last_number = last_number + %(count)s
WHERE organization_id = %(organization_id)s
"""


def make_big_wallet() -> None:
    """A million grants of one credit, numbered and added up as the ledger would have done it."""
    from django.db import connection, transaction

    params = {"count": ENTRIES, "organization_id": world.row_id("organization", OWNER)}
    with connection.cursor() as cursor:
        with transaction.atomic():
            cursor.execute(GRANTS, params)
            cursor.execute(ADD_UP, params)
        cursor.execute("VACUUM (ANALYZE) billing_entry, billing_wallet")


def look_at_big_wallet() -> dict[str, list[float]]:
    """How long each look took, in ascending milliseconds: at the balance, and at the first and a middle page."""
    from billing import selectors
    from common.pagination import encode_cursor

    owner = world.row_id("organization", OWNER)
    middle = encode_cursor([ENTRIES // 2])
    looks: dict[str, Callable[[], Any]] = {
        "balance": lambda: selectors.wallet_data(owner),
        "first_page": lambda: selectors.entries_page(owner, cursor=None, limit=20),
        "middle_page": lambda: selectors.entries_page(owner, cursor=middle, limit=20),
    }
    assert float(selectors.wallet_data(owner)["balance"]) >= ENTRIES
    return {name: _times(look) for name, look in looks.items()}


def _times(look: Callable[[], Any]) -> list[float]:
    def took() -> float:
        began = time.perf_counter()
        look()
        return 1e3 * (time.perf_counter() - began)

    for _ in range(10):
        look()
    return sorted(took() for _ in range(LOOKS))


def middle(times: list[float]) -> float:
    return statistics.median(times)


if __name__ == "__main__":
    work(float(sys.argv[1]))

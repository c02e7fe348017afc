"""Starts the workers, cuts their connections, kills their processes, and starts those again until all is done."""

import random
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson
from django.conf import settings

from billing.drill.worker import Order
from common.database import fetch_all

LOOK_SECONDS = 0.02
CUT_EVERY = 12  # movements of the wallets, so that trouble comes at the pace of the work, however slow the machine

PROGRESS = """
SELECT coalesce(sum(last_number), 0)::int FROM billing_wallet WHERE organization_id = ANY(%s::uuid[])
"""
BACKENDS = "SELECT pid, application_name FROM pg_stat_activity WHERE application_name = ANY(%s) ORDER BY pid"


@dataclass
class Conductor:
    orders: list[Order]
    seed: int
    kill_every: int  # movements
    processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    cut: int = 0
    killed: int = 0

    def run(self) -> None:
        """Returns when every worker has ended by itself. Raises RuntimeError for one that failed."""
        rng = random.Random(self.seed)  # noqa: S311
        try:
            for index in range(len(self.orders)):
                self._start(index)
            while self._any_at_work():
                time.sleep(LOOK_SECONDS)
                self._make_trouble(rng)
        finally:
            for process in self.processes.values():
                process.kill()
                process.wait()

    def _start(self, index: int) -> None:
        order = orjson.dumps(asdict(self.orders[index])).decode()
        command = [sys.executable, "-m", "billing.drill.worker", order]
        self.processes[index] = subprocess.Popen(command, cwd=settings.BASE_DIR)  # noqa: S603

    def _any_at_work(self) -> bool:
        for index, process in list(self.processes.items()):
            code = process.poll()
            if code == -signal.SIGKILL:
                self._start(index)
            elif code:
                raise RuntimeError(f"Worker {index} of the drill ended with {code}.")
            elif code == 0:
                del self.processes[index]
        return bool(self.processes)

    def _make_trouble(self, rng: random.Random) -> None:
        ((movements,),) = fetch_all(PROGRESS, [self.orders[0].organizations])
        backends = fetch_all(BACKENDS, [[order.application_name for order in self.orders]])
        if backends and movements // CUT_EVERY > self.cut:
            self._cut_a_connection(rng.choice(backends)[0])
        if backends and movements // self.kill_every > self.killed:
            self._kill_a_process(rng.choice(backends)[1])

    def _cut_a_connection(self, pid: Any) -> None:
        ((cut,),) = fetch_all("SELECT pg_terminate_backend(%s)::int", [pid])
        self.cut += cut

    def _kill_a_process(self, application_name: Any) -> None:
        for index, process in self.processes.items():
            if self.orders[index].application_name == application_name and process.poll() is None:
                process.kill()
                self.killed += 1

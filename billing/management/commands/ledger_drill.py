import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from accounts.models import Organization
from billing import services
from billing.drill.books import Books, compare, read_books
from billing.drill.conductor import Conductor
from billing.drill.worker import Order
from billing.reconciliation import as_lines, reconcile
from common.models import new_id

WALLETS = 10
THREADS_A_PROCESS = 5
FREE_MESSAGES = 20
BUDGETS = {"day": 150, "month": 200}  # of every second wallet, in credits


class Command(BaseCommand):
    help = (
        "A fault drill: random ledger operations over many connections, with connections cut and processes killed in "
        "the middle of them; then the books must agree. Not in production. It works on wallets of its own, which stay, "
        "as the ledger keeps everything. Exits with 1 on a difference."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--operations", type=int, default=10_000)
        parser.add_argument("--connections", type=int, default=20)
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *args: Any, operations: int, connections: int, seed: int, **options: Any) -> None:
        if settings.IN_PRODUCTION:
            raise CommandError("The drill kills connections of the database it runs on. It does not run in production.")
        if operations < connections or connections < 1:
            raise CommandError("Give at least one connection, and at least one operation for each.")
        run = f"drill-{new_id().hex[-10:]}"
        organizations = [_open_purse(f"Ledger {run}", with_budgets=bool(number % 2)) for number in range(WALLETS)]
        with tempfile.TemporaryDirectory(prefix="ledger-drill-") as folder:
            conductor = Conductor(
                _orders(run, seed, folder, operations, connections, organizations), seed, min(400, operations // 8)
            )
            self.stdout.write(
                f"{operations:,} operations over {connections} connections in {len(conductor.orders)} processes on "
                f"{WALLETS} wallets, seed {seed}."
            )
            started = time.monotonic()
            conductor.run()
            seconds = time.monotonic() - started
            books = read_books(Path(folder))
        self._tell(books, conductor, seconds)
        services.sweep_expired_reservations()
        differences = compare(books, run, organizations)
        report = reconcile()
        for line in [*_verdict(differences), "", *as_lines(report)]:
            self.stdout.write(line)
        if differences or not report.ok:
            sys.exit(1)

    def _tell(self, books: Books, conductor: Conductor, seconds: float) -> None:
        self.stdout.write(
            f"{books.operations:,} operations ended in {seconds:.0f} s. {conductor.cut} connections were cut and "
            f"{conductor.killed} processes killed; {books.cuts} operations lost their connection and were repeated, "
            f"{books.repeats} were repeated on purpose."
        )
        for (kind, outcome), count in sorted(books.outcomes.items()):
            self.stdout.write(f"  {count:6,}  {kind} {outcome}")


def _open_purse(name: str, *, with_budgets: bool) -> uuid.UUID:
    organization = Organization.objects.create(name=name)
    services.open_wallet(organization.pk)
    services.grant_free_messages(organization_id=organization.pk, count=FREE_MESSAGES)
    for period, limit in BUDGETS.items() if with_budgets else ():
        services.create_budget(
            organization_id=organization.pk, scope="organization", period=period, limit=limit, actor=None
        )
    return organization.pk


def _orders(
    run: str, seed: int, folder: str, operations: int, connections: int, organizations: list[uuid.UUID]
) -> list[Order]:
    """Every worker's threads; what does not divide evenly is done in addition."""
    threads = list(range(1, connections + 1))
    return [
        Order(
            run=run,
            seed=seed,
            database=str(connection.settings_dict["NAME"]),
            application_name=f"{run}-{first}",
            folder=folder,
            threads=threads[first : first + THREADS_A_PROCESS],
            operations=-(-operations // connections),
            organizations=[str(organization) for organization in organizations],
        )
        for first in range(0, connections, THREADS_A_PROCESS)
    ]


def _verdict(differences: list[str]) -> list[str]:
    if not differences:
        return ["Every acknowledged operation is in the ledger exactly once, and nothing else is."]
    return [
        f"{len(differences):,} differences between what callers were told and the ledger:",
        *(f"  {line}" for line in differences[:20]),
    ]

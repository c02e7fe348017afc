"""Do the workers' journals and the database tell the same story?"""

import uuid
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from billing.drill.journal import read_journal
from billing.models import Entry, Reservation, Status, Wallet

GIVEN_UP = {Status.RELEASED, Status.REFUNDED}


@dataclass
class Books:
    """What the journals say, gathered: operations by kind and outcome, and what must be found in the database."""

    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    cuts: int = 0
    repeats: int = 0
    moved: dict[str, tuple[str, Decimal]] = field(default_factory=dict)  # key of an entry -> organisation, amount
    reserved: set[str] = field(default_factory=set)  # keys of reservations
    entries: dict[str, set[str]] = field(default_factory=dict)  # key -> every entry id a caller was told of
    captured: set[str] = field(default_factory=set)  # reservations by id
    released: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)

    @property
    def operations(self) -> int:
        return self.outcomes.total()


def read_books(folder: Path) -> Books:
    books = Books()
    for path in sorted(folder.glob("*.jsonl")):
        plan: dict[str, Any] = {}
        for line in read_journal(path):
            if "plan" in line:
                plan = line["plan"]
            else:
                _enter(books, plan, line)
    return books


def _enter(books: Books, plan: dict[str, Any], line: dict[str, Any]) -> None:
    kind, outcome = plan["kind"], line["outcome"]
    books.outcomes[kind, outcome] += 1
    books.cuts += line["cuts"]
    books.repeats += plan.get("repeat", False)
    if outcome == "error":
        books.errors.append(f"{kind} {plan.get('key', '')}: {line['error']}")
    if outcome != "ok":
        return
    if kind in {"spend", "grant"}:
        amount = Decimal(plan["amount"])
        books.moved[plan["key"]] = (plan["organization"], -amount if kind == "spend" else amount)
        books.entries.setdefault(plan["key"], set()).add(line["entry"])
    elif kind == "reserve":
        books.reserved.add(plan["key"])
    elif kind == "capture":
        books.captured.add(plan["reservation"])
    elif kind == "release":
        books.released.add(plan["reservation"])


def compare(books: Books, run: str, organizations: list[uuid.UUID]) -> list[str]:
    """Every difference between the journals and the database, as sentences; none is how it must be."""
    return [
        *(f"an operation failed: {error}" for error in books.errors),
        *_compare_entries(books, run),
        *_compare_reservations(books, run),
        *_compare_wallets(books, organizations),
    ]


def _compare_entries(books: Books, run: str) -> list[str]:
    found = {
        entry.key: (str(entry.wallet.organization_id), entry.amount)
        for entry in Entry.objects.filter(key__startswith=f"{run}:").select_related("wallet")
    }
    different = [
        f"{key}: acknowledged as {books.moved[key]}, found {found.get(key)}"
        for key in books.moved
        if found.get(key) != books.moved[key]
    ]
    unknown = [f"{key}: in the ledger, acknowledged to nobody" for key in found.keys() - books.moved.keys()]
    twice = [f"{key}: repeats were given different entries" for key, ids in books.entries.items() if len(ids) > 1]
    return different + unknown + twice


def _compare_reservations(books: Books, run: str) -> list[str]:
    differences = []
    found = list(Reservation.objects.filter(key__startswith=f"{run}:"))
    keys = {reservation.key for reservation in found}
    differences += [f"{key}: a reservation was acknowledged and is not there" for key in books.reserved - keys]
    differences += [f"{key}: a reservation is there, acknowledged to nobody" for key in keys - books.reserved]
    for reservation in found:
        ended = str(reservation.id)
        if ended in books.released:
            right = reservation.status in GIVEN_UP
        elif ended in books.captured:
            right = reservation.status == Status.CAPTURED
        else:
            right = reservation.status in {Status.HELD, Status.EXPIRED}
        if not right:
            differences.append(f"{reservation.key}: is {reservation.status}, which nobody was told")
    return differences


def _compare_wallets(books: Books, organizations: list[uuid.UUID]) -> list[str]:
    """A wallet has what came in, less what was spent, less what its reservations keep."""
    expected = {str(organization): Decimal(0) for organization in organizations}
    for organization, amount in books.moved.values():
        expected[organization] += amount
    wallets = Wallet.objects.filter(organization__in=organizations)
    for reservation in Reservation.objects.filter(wallet__in=wallets).select_related("wallet"):
        held = reservation.main + reservation.bonus if reservation.status == Status.HELD else Decimal(0)
        kept = reservation.captured if reservation.status == Status.CAPTURED else Decimal(0)
        expected[str(reservation.wallet.organization_id)] -= held + kept
    return [
        f"wallet of {wallet.organization_id}: {expected[str(wallet.organization_id)]} expected, {wallet.total} found"
        for wallet in wallets
        if wallet.total != expected[str(wallet.organization_id)]
    ]

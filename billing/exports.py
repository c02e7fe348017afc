"""Tables of money as CSV, read in pages so that a large range costs no memory."""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from billing import money
from billing.models import Entry, Invoice, Payment
from billing.selectors.finance import CLOCKS_APART, bounds, id_at
from common.rendering import credits_string

PAGE = 1000
# a spreadsheet takes a text that begins so for a formula
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True)
class Table:
    """`rows` gives what is asked for by range and currency; `cells` one of it."""

    title: str
    columns: tuple[str, ...]
    rows: Callable[[date, date, str], QuerySet[Any]]
    cells: Callable[[Any], list[Any]]


def csv_pages(table: Table, since: date, until: date, currency: str) -> Iterator[str]:
    """The lines of the days from `since` to `until`, both included, a page at a time; the first line has the names."""
    rows, text = table.rows(since, until, currency).order_by("pk"), _line(table.columns)
    page = rows
    while found := list(page[:PAGE]):
        yield text + "".join(_line(table.cells(row)) for row in found)
        page, text = rows.filter(pk__gt=found[-1].pk), ""
    yield text


def cell(value: Any) -> str:
    """Numbers as they are; texts so that no spreadsheet runs them."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return credits_string(value)
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, int):
        return str(value)
    text = str(value)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text


def _line(values: Any) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow([cell(value) for value in values])
    return buffer.getvalue()


def _payments(since: date, until: date, currency: str) -> QuerySet[Payment]:
    start, end = bounds(since, until)
    return Payment.objects.filter(paid_at__gte=start, paid_at__lt=end, currency=currency)


def _payment(row: Payment) -> list[Any]:
    return [
        row.pk,
        row.paid_at,
        row.organization_id,
        row.provider,
        row.intent_id,
        row.type,
        row.description,
        row.status,
        row.currency,
        money.to_major(row.amount, row.currency),
        money.to_major(row.refunded_amount, row.currency),
        "yes" if row.disputed else "no",
        row.credits,
        row.bonus_credits,
        row.taken_back,
        row.missing,
    ]


def _entries(since: date, until: date, currency: str) -> QuerySet[Entry]:
    """Credits have no currency: all of those days."""
    start, end = bounds(since, until)
    by_id = {"pk__gte": id_at(start - CLOCKS_APART), "pk__lt": id_at(end + CLOCKS_APART)}
    return Entry.objects.filter(created_at__gte=start, created_at__lt=end, **by_id).select_related("wallet")


def _entry(row: Entry) -> list[Any]:
    return [
        row.pk,
        row.created_at,
        row.wallet.organization_id,
        row.number,
        row.kind,
        row.main,
        row.bonus,
        row.balance_after,
        row.feature,
        row.reference_type,
        row.reference_id,
        row.key,
        row.description,
    ]


def _invoices(since: date, until: date, currency: str) -> QuerySet[Invoice]:
    start, end = bounds(since, until)
    rows = Invoice.objects.filter(created_at__gte=start, created_at__lt=end, payment__currency=currency)
    return rows.select_related("payment")


def _invoice(row: Invoice) -> list[Any]:
    payment = row.payment
    return [
        row.number,
        row.created_at,
        row.organization_id,
        row.billed_to,
        payment.pk,
        payment.provider,
        payment.description,
        payment.currency,
        money.to_major(payment.amount, payment.currency),
        money.to_major(payment.refunded_amount, payment.currency),
    ]


TABLES = {
    "payments": Table(
        "Payments",
        (
            *("id", "paid_at", "organization", "provider", "intent_id", "type", "description", "status", "currency"),
            *("amount", "refunded", "disputed", "credits", "bonus_credits", "taken_back", "missing"),
        ),
        _payments,
        _payment,
    ),
    "entries": Table(
        "Ledger entries",
        (
            *("id", "created_at", "organization", "number", "kind", "main", "bonus", "balance_after", "feature"),
            *("reference_type", "reference_id", "key", "description"),
        ),
        _entries,
        _entry,
    ),
    "invoices": Table(
        "Invoices",
        (
            *("number", "created_at", "organization", "billed_to", "payment", "provider", "description", "currency"),
            *("amount", "refunded"),
        ),
        _invoices,
        _invoice,
    ),
}

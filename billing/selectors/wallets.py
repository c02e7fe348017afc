"""What others read of wallets."""

import uuid
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet, Subquery

from billing import statements
from billing.announcements import wallet_fields
from billing.models import Budget, Entry, Wallet
from common.errors import NotFound
from common.pagination import Page, bad_cursor, decode_cursor, encode_cursor
from common.rendering import credits_string

MAX_NUMBER = 2**63 - 1


def wallet_data(organization_id: uuid.UUID) -> dict[str, Any]:
    """`organization, balance, bonus_balance, reserved, total, free_messages`; credits as strings. Raises NotFound."""
    row = statements.run(statements.READ, {"organization_id": organization_id})
    if row is None:
        raise NotFound
    return as_strings(wallet_fields(organization_id, *row))


def entries_for(organization_id: uuid.UUID) -> QuerySet[Entry]:
    """The wallet's entries, the newest first. `number` is the cursor of a page.

    Through a join PostgreSQL would sort all of them for each page: half a second for a million.
    """
    wallet = Wallet.objects.filter(organization_id=organization_id).values("pk")
    return Entry.objects.filter(wallet_id=Subquery(wallet)).order_by("-number")


def entries_page(organization_id: uuid.UUID, *, cursor: str | None, limit: int, count: bool = False) -> Page:
    """One page of entries. Raises ValidationProblem for a cursor that is not ours."""
    entries = entries_for(organization_id)
    total = entries.count() if count else None
    if cursor:
        (before,) = decode_cursor(cursor, 1)
        if type(before) is not int or not 0 <= before <= MAX_NUMBER:
            raise bad_cursor()
        entries = entries.filter(number__lt=before)
    rows = list(entries[: limit + 1])
    last = rows[limit - 1].number if len(rows) > limit else None
    items = [entry_data(entry) for entry in rows[:limit]]
    return Page(items, None if last is None else encode_cursor([last]), total)


def entry_data(entry: Entry) -> dict[str, Any]:
    """An entry as the contract shows it."""
    return entry_fields(
        entry.id,
        kind=entry.kind,
        main=entry.main,
        bonus=entry.bonus,
        balance_after=entry.balance_after,
        feature=entry.feature,
        reference=(entry.reference_type, entry.reference_id),
        description=entry.description,
        created_at=entry.created_at,
    )


def entry_fields(
    entry_id: uuid.UUID,
    *,
    kind: str,
    main: Decimal,
    bonus: Decimal,
    balance_after: Decimal,
    reference: tuple[str, str],
    **fields: Any,
) -> dict[str, Any]:
    return {
        "id": str(entry_id),
        "kind": kind,
        "amount": credits_string(main + bonus),
        "bucket": _bucket(main, bonus),
        "balance_after": credits_string(balance_after),
        "reference": {"type": reference[0], "id": reference[1]} if any(reference) else None,
        **fields,
    }


def budget_fields(budget: Budget) -> dict[str, Any]:
    """A budget in numbers: `id, scope, period, limit, spent`, credits as strings."""
    return {
        "id": str(budget.id),
        "scope": budget.scope,
        "period": budget.period,
        "limit": credits_string(budget.limit),
        "spent": credits_string(budget.spent_now),
    }


def _bucket(main: Decimal, bonus: Decimal) -> str:
    if main and bonus:
        return "both"
    return "bonus" if bonus else "main"


def as_strings(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: credits_string(value)
        if isinstance(value, Decimal)
        else str(value)
        if isinstance(value, uuid.UUID)
        else value
        for name, value in fields.items()
    }

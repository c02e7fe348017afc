"""The ledger as people read it: one line for each thing that was paid, however many entries it took.

The entries of a reservation (set aside, settled, what came back) are one line, which stands where credits were set
aside. Its amount is what it has cost by now, so the amounts of all lines add up to what the wallet has.
"""

import uuid
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import Q

from billing import registry
from billing.models import ZERO, Entry, Kind, Reservation, Status
from billing.selectors.wallets import MAX_NUMBER, entries_for
from common.pagination import Page, bad_cursor, decode_cursor, encode_cursor
from common.rendering import credits_string

# A reservation that took a free message has no entry of its beginning: what is charged for it late stands alone.
LINES = Q(reservation=None) | Q(kind=Kind.RESERVE) | Q(reservation__main=0, reservation__bonus=0)


def ledger_page(organization_id: uuid.UUID, *, viewer_id: uuid.UUID, cursor: str | None, limit: int) -> Page:
    """One page of lines, the newest first: see `line_data`. Raises ValidationProblem for a cursor that is not ours."""
    entries = entries_for(organization_id).filter(LINES).exclude(kind=Kind.CAPTURE)
    left = None
    if cursor:
        before, left = _read(cursor)
        entries = entries.filter(number__lt=before)
    rows = list(entries.select_related("wallet", "reservation")[: limit + 1])
    if left is None:
        left = rows[0].wallet.total if rows else ZERO
    links = _links(rows[:limit], viewer_id)
    lines = []
    for entry in rows[:limit]:
        lines.append(line_data(entry, left, links.get((entry.reference_type, entry.reference_id))))
        left -= net_amount(entry)
    more = len(rows) > limit
    return Page(lines, encode_cursor([rows[limit - 1].number, str(left)]) if more else None)


def net_amount(entry: Entry) -> Decimal:
    """What the line of this entry has moved by now."""
    if entry.kind != Kind.RESERVE or entry.reservation is None:
        return entry.main + entry.bonus
    return -_cost(entry.reservation)


def _cost(reservation: Reservation) -> Decimal:
    if reservation.status == Status.HELD:
        return reservation.main + reservation.bonus
    return reservation.captured if reservation.status == Status.CAPTURED else ZERO


def line_data(entry: Entry, left: Decimal, link: str | None) -> dict[str, Any]:
    """`id, kind, state, amount, left, what, feature, reference, gift, link, created_at`.

    `state` is the reservation's status, or None; `left` what the wallet had after this line; `gift`: paid from the
    bonus bucket alone; `link` leads to what it was for, where the reader may see that.
    """
    amount = net_amount(entry)
    return {
        "id": str(entry.pk),
        "kind": entry.kind,
        "state": entry.reservation.status if entry.kind == Kind.RESERVE and entry.reservation else None,
        "amount": credits_string(amount),
        "left": credits_string(left),
        "what": entry.description,
        "feature": entry.feature,
        "reference": entry.reference_type,
        "gift": bool(amount < 0 and not entry.main),
        "link": link,
        "created_at": entry.created_at,
    }


def _links(entries: list[Entry], viewer_id: uuid.UUID) -> dict[tuple[str, str], str]:
    wanted: dict[str, list[str]] = {}
    for entry in entries:
        if entry.reference_type and entry.reference_id:
            wanted.setdefault(entry.reference_type, []).append(entry.reference_id)
    return {
        (kind, reference_id): link
        for kind, ids in wanted.items()
        for reference_id, link in registry.reference_links(kind, ids, viewer_id).items()
    }


def _read(cursor: str) -> tuple[int, Decimal]:
    """After which entry the page begins, and what was left then."""
    before, left = decode_cursor(cursor, 2)
    try:
        amount = Decimal(left)
    except (InvalidOperation, TypeError, ValueError) as error:
        raise bad_cursor() from error
    if type(before) is not int or not 0 <= before <= MAX_NUMBER or not isinstance(left, str):
        raise bad_cursor()
    if not amount.is_finite() or abs(amount) >= Decimal(10) ** 13:
        raise bad_cursor()
    return before, amount

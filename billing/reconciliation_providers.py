"""Compares our payments of a day with what each provider says of it.

A list of a day may be late, or end at another midnight than ours, so it only says what to look at: what differs is read
again by itself, and that counts. Where a provider has no list, each of our payments of the day is read.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any

from django.db.models import Q, QuerySet

from billing import providers
from billing.models import Payment, UnmatchedCharge
from billing.providers.base import About, Charge, Provider, ProviderError
from billing.services.following import follow
from common.errors import Problem

AT_ONCE = 500
MISSING_HERE, MISSING_THERE = "missing here", "missing there"


@dataclass(frozen=True)
class Difference:
    """`what` is `missing here`, `missing there`, `amount`, `status`, `refunded` or `disputed`."""

    provider: str
    intent_id: str
    what: str
    ours: str
    theirs: str


@dataclass
class Comparison:
    """`error`: the provider could not be asked to the end, so that nothing is proven."""

    provider: str
    day: date
    compared: int
    differences: list[Difference]
    error: str = ""

    @property
    def ok(self) -> bool:
        return not self.differences and not self.error


def compare(day: date, provider_name: str) -> Comparison:
    """Asks one provider of a day of UTC. Must not be called in a transaction."""
    provider, compared, differences = providers.get(provider_name), 0, []
    seen: set[str] = set()
    try:
        if "list_charges" in provider.abilities:
            for charges in _pieces(provider.list_charges(day)):
                compared += len(charges)
                seen |= {charge.intent_id for charge in charges}
                differences += _of_list(provider, charges)
        for payment in payments_of(day, provider_name).iterator(AT_ONCE):
            if payment.intent_id not in seen:
                compared += 1
                differences += _between(provider, payment, provider.read_charge(payment.intent_id))
    except (ProviderError, Problem) as error:
        return Comparison(provider_name, day, compared, differences, str(error) or type(error).__name__)
    return Comparison(provider_name, day, compared, differences)


def compare_all(day: date, names: Iterable[str] = ()) -> list[Comparison]:
    """Every provider that is set up, or those named. Raises NotFound, Unavailable."""
    return [compare(day, name) for name in names or providers.names()]


def fix(comparison: Comparison) -> Comparison:
    """Brings our rows in line with each difference, records charges that are nobody's, and compares again."""
    for intent_id in sorted({difference.intent_id for difference in comparison.differences}):
        try:
            follow(comparison.provider, About("charge", intent_id))
        except (ProviderError, Problem):
            continue  # it differs still, and the second comparison says so
    return compare(comparison.day, comparison.provider)


def payments_of(day: date, provider_name: str) -> QuerySet[Payment]:
    """Ours that were paid on a day of UTC, and those of the day that were not paid."""
    start = datetime.combine(day, time(), UTC)
    end = start + timedelta(days=1)
    in_day = Q(paid_at__gte=start, paid_at__lt=end) | Q(paid_at=None, created_at__gte=start, created_at__lt=end)
    return Payment.objects.filter(in_day, provider=provider_name).order_by("pk")


def _pieces(charges: Iterable[Charge]) -> Iterator[list[Charge]]:
    rest = iter(charges)
    while piece := list(islice(rest, AT_ONCE)):
        yield piece


def _of_list(provider: Provider, charges: Iterable[Charge]) -> list[Difference]:
    by_id = {charge.intent_id: charge for charge in charges}
    rows = Payment.objects.filter(provider=provider.name, intent_id__in=by_id)
    ours = {payment.intent_id: payment for payment in rows}
    unmatched = UnmatchedCharge.objects.filter(provider=provider.name, intent_id__in=by_id)
    known_to_the_desk = set(unmatched.values_list("intent_id", flat=True))
    differences: list[Difference] = []
    for intent_id, listed in by_id.items():
        payment = ours.get(intent_id)
        if payment is None:
            if listed.status == "paid" and intent_id not in known_to_the_desk:
                differences.append(Difference(provider.name, intent_id, MISSING_HERE, "", _written(listed)))
        elif _between(provider, payment, listed):
            differences += _between(provider, payment, provider.read_charge(intent_id))
        elif payment.disputed:
            # a list may not say what is contested
            differences += _between(provider, payment, provider.read_charge(intent_id))
    return differences


def _between(provider: Provider, payment: Payment, charge: Charge | None) -> list[Difference]:
    if charge is None:
        ours = f"{payment.amount} {payment.currency}, {payment.status}"
        return [Difference(provider.name, payment.intent_id, MISSING_THERE, ours, "")]
    sides = {
        "amount": (f"{payment.amount} {payment.currency}", f"{charge.amount} {charge.currency}"),
        "status": (payment.paid_at is not None, charge.status == "paid"),
        "refunded": (payment.refunded_amount, min(charge.refunded, payment.amount)),
        "disputed": (payment.disputed, charge.disputed),
    }
    return [
        Difference(provider.name, payment.intent_id, what, _said(what, ours, payment.status), _said(what, theirs))
        for what, (ours, theirs) in sides.items()
        if ours != theirs
    ]


def _said(what: str, value: Any, status: str = "") -> str:
    if what == "status":
        return status or ("paid" if value else "not paid")
    return {True: "yes", False: "no"}[value] if what == "disputed" else str(value)


def _written(charge: Charge) -> str:
    return f"{charge.amount} {charge.currency}, {charge.status}"


# --- for machines and people ------------------------------------------------------------------------------------------


def as_data(comparisons: Iterable[Comparison]) -> list[dict[str, Any]]:
    return [
        {
            "provider": one.provider,
            "day": one.day.isoformat(),
            "ok": one.ok,
            "compared": one.compared,
            "error": one.error,
            "differences": [asdict(difference) for difference in one.differences],
        }
        for one in comparisons
    ]


def as_lines(comparisons: Iterable[Comparison]) -> list[str]:
    lines = []
    for one in comparisons:
        lines.append(f"  {'ok     ' if one.ok else 'DIFFERS'}  {one.provider} on {one.day}: {one.compared} compared.")
        if one.error:
            lines.append(f"             could not be asked to the end: {one.error}")
        lines += [
            f"             {difference.intent_id}: {difference.what}"
            f" (ours: {difference.ours or 'none'}; theirs: {difference.theirs or 'none'})"
            for difference in one.differences
        ]
    return lines

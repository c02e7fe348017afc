"""The numbers of the finance desk, each by one statement."""

import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from common.database import fetch_all, fetch_one

WAITS_TOO_LONG = timedelta(minutes=15)
CLOCKS_APART = timedelta(hours=1)  # an entry's id says when it was made by the clock of who made it


@dataclass(frozen=True)
class Takings:
    """Of one day, thing or provider, or of all: minor units of the one currency."""

    name: str
    payments: int
    amount: int
    refunded: int
    disputed: int

    @property
    def kept(self) -> int:
        return self.amount - self.refunded - self.disputed


@dataclass(frozen=True)
class Revenue:
    total: Takings
    by_day: list[Takings]
    by_thing: list[Takings]
    by_provider: list[Takings]


@dataclass(frozen=True)
class PlanIncome:
    """`monthly` in minor units; None where the plan brings nothing by itself (trials, time bought once)."""

    plan: str
    running: int
    renewing: int
    monthly: int


# what of a payment is lost to a dispute is not counted as given back as well
REVENUE = """
SELECT grouping(day, thing, provider), coalesce(day::text, thing, provider, ''), count(*), sum(amount),
       sum(refunded_amount), sum(CASE WHEN disputed THEN amount - refunded_amount ELSE 0 END)
FROM (
    SELECT (payment.paid_at AT TIME ZONE 'UTC')::date AS day, payment.provider, payment.amount,
           payment.refunded_amount, payment.disputed,
           coalesce(pack.title, sold.title, running.title, payment.type) AS thing
    FROM billing_payment AS payment
    LEFT JOIN billing_checkoutsession AS session ON session.id = payment.session_id
    LEFT JOIN billing_pack AS pack ON pack.id = session.pack_id
    LEFT JOIN billing_plan AS sold ON sold.id = session.plan_id
    LEFT JOIN billing_subscription AS subscription ON subscription.id = payment.subscription_id
    LEFT JOIN billing_plan AS running ON running.id = subscription.plan_id
    WHERE payment.paid_at >= %(start)s AND payment.paid_at < %(end)s AND payment.currency = %(currency)s
) AS paid
GROUP BY GROUPING SETS ((day), (thing), (provider), ())
ORDER BY 1, 2
"""
BY_DAY, BY_THING, BY_PROVIDER, TOTAL = 0b011, 0b101, 0b110, 0b111

CREDITS = """
SELECT coalesce(sum(main + bonus) FILTER (WHERE kind IN ('purchase', 'grant') AND feature = 'purchase'), 0) AS sold,
       coalesce(sum(main + bonus) FILTER (WHERE kind = 'grant' AND feature <> 'purchase'), 0) AS granted,
       coalesce(-sum(main + bonus) FILTER (WHERE kind IN ('spend', 'reserve', 'release')
                                           OR kind = 'refund' AND reservation_id IS NOT NULL), 0) AS spent,
       coalesce(-sum(main + bonus) FILTER (WHERE kind = 'expiry'), 0) AS expired,
       coalesce(-sum(main + bonus) FILTER (WHERE feature IN ('refund', 'dispute') AND reservation_id IS NULL), 0)
           AS back,
       coalesce(sum(main + bonus) FILTER (WHERE kind = 'adjustment' AND feature NOT IN ('refund', 'dispute')), 0)
           AS adjusted
FROM billing_entry
WHERE id >= %(first_id)s AND id < %(last_id)s AND created_at >= %(start)s AND created_at < %(end)s
"""

OUTSTANDING = """
SELECT coalesce(sum(balance), 0), coalesce(sum(bonus_balance), 0), coalesce(sum(reserved), 0) FROM billing_wallet
"""

PLANS = """
SELECT plan.title, count(*), count(*) FILTER (WHERE brings),
       coalesce(round(sum(CASE billing_period WHEN 'year' THEN amount / 12.0 ELSE amount END) FILTER (WHERE brings)), 0)
FROM (SELECT *, renews AND NOT cancel_at_period_end AND currency = %(currency)s AS brings FROM billing_subscription
      WHERE status IN ('trialing', 'active', 'past_due')) AS subscription
JOIN billing_plan AS plan ON plan.id = subscription.plan_id
GROUP BY plan.rank, plan.title ORDER BY plan.rank, plan.title
"""

DESK = """
SELECT (SELECT count(*) FROM billing_unmatchedcharge WHERE resolved_at IS NULL) AS unmatched,
       (SELECT count(*) FROM billing_webhookevent WHERE status = 'failed') AS webhooks_failed,
       (SELECT count(*) FROM billing_webhookevent WHERE status = 'waiting' AND created_at < %(old)s) AS webhooks_old,
       (SELECT count(*) FROM billing_refund WHERE status = 'pending') AS refunds_pending,
       (SELECT count(*) FROM billing_adjustmentrequest WHERE status = 'waiting') AS adjustments_waiting,
       (SELECT count(*) FROM billing_payment WHERE missing > 0) AS payments_missing,
       (SELECT coalesce(sum(missing), 0) FROM billing_payment WHERE missing > 0) AS credits_missing
"""
DESK_NAMES = (
    *("unmatched", "webhooks_failed", "webhooks_old", "refunds_pending", "adjustments_waiting"),
    *("payments_missing", "credits_missing"),
)
CREDIT_NAMES = ("sold", "granted", "spent", "expired", "back", "adjusted")


def revenue(since: date, until: date, currency: str) -> Revenue:
    """What was paid on the days from `since` to `until`, both included, and what of it went back since."""
    start, end = bounds(since, until)
    found: dict[int, list[Takings]] = {BY_DAY: [], BY_THING: [], BY_PROVIDER: [], TOTAL: []}
    for level, *row in fetch_all(REVENUE, {"start": start, "end": end, "currency": currency}):
        found[level].append(_takings(*row))
    total = found[TOTAL][0] if found[TOTAL] else _takings("", 0, 0, 0, 0)
    return Revenue(total, found[BY_DAY], _largest_first(found[BY_THING]), _largest_first(found[BY_PROVIDER]))


def _largest_first(rows: list[Takings]) -> list[Takings]:
    return sorted(rows, key=lambda row: -row.amount)


def _takings(name: str, payments: int, amount: Any, refunded: Any, disputed: Any) -> Takings:
    return Takings(name, payments, int(amount or 0), int(refunded or 0), int(disputed or 0))


def credits_moved(since: date, until: date) -> dict[str, Decimal]:
    """`{sold, granted, spent, expired, back, adjusted}` of those days, as numbers of credits."""
    start, end = bounds(since, until)
    ids = {"first_id": id_at(start - CLOCKS_APART), "last_id": id_at(end + CLOCKS_APART)}
    row = fetch_one(CREDITS, {"start": start, "end": end, **ids})
    assert row
    return dict(zip(CREDIT_NAMES, row, strict=True))


def credits_outstanding() -> dict[str, Decimal]:
    """`{main, bonus, reserved}` of every wallet now."""
    row = fetch_one(OUTSTANDING, {})
    assert row
    return dict(zip(("main", "bonus", "reserved"), row, strict=True))


def plan_income(currency: str) -> list[PlanIncome]:
    """The plans that run now, and what they bring a month in one currency, by whom they renew."""
    return [PlanIncome(plan, running, renewing, int(monthly)) for plan, running, renewing, monthly in
            fetch_all(PLANS, {"currency": currency})]  # fmt: skip


def on_the_desk() -> dict[str, Any]:
    """How much waits for somebody: the counts of `DESK_NAMES`."""
    row = fetch_one(DESK, {"old": timezone.now() - WAITS_TOO_LONG})
    assert row
    return dict(zip(DESK_NAMES, row, strict=True))


def bounds(since: date, until: date) -> tuple[datetime, datetime]:
    """The days of UTC, both included: from the first moment to the one after the last."""
    return datetime.combine(since, time(), UTC), datetime.combine(until + timedelta(days=1), time(), UTC)


def id_at(moment: datetime) -> uuid.UUID:
    """The smallest UUIDv7 of a moment: ids begin with its milliseconds."""
    return uuid.UUID(int=max(0, int(moment.timestamp() * 1000)) << 80)

"""Proves the books: balances from entries, reservations from movements, credits from payments; and the guards stand.

Each check is one statement that returns only what is wrong, so the ledger's size costs the database time and this
process no memory. All of them look at one snapshot, so they may run while the site works.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from billing import reconciliation_payments
from billing.statements import MOVEMENTS
from common.database import fetch_all, fetch_one

EXAMPLES = 20


@dataclass(frozen=True)
class Check:
    """`sql` returns a row (what, expected, found) for each difference."""

    says: str
    sql: str


@dataclass
class Finding:
    """A check's outcome: how many differences, and the first few of them."""

    says: str
    differences: int = 0
    examples: list[dict[str, str]] = field(default_factory=list)


@dataclass
class Report:
    wallets: int
    entries: int
    reservations: int
    total: Decimal
    reserved: Decimal
    findings: list[Finding]

    @property
    def ok(self) -> bool:
        return not any(finding.differences for finding in self.findings)


BALANCES = """
SELECT 'wallet ' || wallet.id,
       format('main %%s, bonus %%s', trim_scale(coalesce(sums.main, 0)), trim_scale(coalesce(sums.bonus, 0))),
       format('main %%s, bonus %%s', trim_scale(wallet.balance), trim_scale(wallet.bonus_balance))
FROM billing_wallet AS wallet
LEFT JOIN (SELECT wallet_id, sum(main) AS main, sum(bonus) AS bonus FROM billing_entry GROUP BY wallet_id) AS sums
  ON sums.wallet_id = wallet.id
WHERE wallet.balance <> coalesce(sums.main, 0) OR wallet.bonus_balance <> coalesce(sums.bonus, 0)
"""

RESERVED = """
SELECT 'wallet ' || wallet.id, trim_scale(coalesce(held.credits, 0))::text, trim_scale(wallet.reserved)::text
FROM billing_wallet AS wallet
LEFT JOIN (SELECT wallet_id, sum(main + bonus) AS credits FROM billing_reservation
           WHERE status = 'held' GROUP BY wallet_id) AS held ON held.wallet_id = wallet.id
WHERE wallet.reserved <> coalesce(held.credits, 0)
"""

FREE_MESSAGES = """
SELECT 'wallet ' || wallet.id, (wallet.free_messages_granted - coalesce(used.messages, 0))::text,
       wallet.free_messages::text
FROM billing_wallet AS wallet
LEFT JOIN (SELECT wallet_id, sum(free_messages) AS messages FROM billing_reservation
           WHERE status IN ('held', 'captured') GROUP BY wallet_id) AS used ON used.wallet_id = wallet.id
WHERE wallet.free_messages <> wallet.free_messages_granted - coalesce(used.messages, 0)
"""

NUMBERS = """
SELECT 'wallet ' || wallet.id, 'entries 1 to ' || wallet.last_number,
       format('%%s entries, %%s to %%s', coalesce(seen.entries, 0), seen.first, seen.last)
FROM billing_wallet AS wallet
LEFT JOIN (SELECT wallet_id, count(*) AS entries, min(number) AS first, max(number) AS last
           FROM billing_entry GROUP BY wallet_id) AS seen ON seen.wallet_id = wallet.id
WHERE wallet.last_number <> coalesce(seen.entries, 0)
   OR seen.entries > 0 AND (seen.first <> 1 OR seen.last <> wallet.last_number)
"""

RUNNING_SUMS = """
SELECT 'entry ' || id,
       format('%%s (main %%s, bonus %%s)', trim_scale(main + bonus), trim_scale(main), trim_scale(bonus)),
       trim_scale(balance_after)::text
FROM (SELECT id, balance_after, sum(main) OVER so_far AS main, sum(bonus) OVER so_far AS bonus
      FROM billing_entry WINDOW so_far AS (PARTITION BY wallet_id ORDER BY number)) AS entry
WHERE balance_after <> main + bonus OR main < 0 OR bonus < 0
"""

NEGATIVE = """
SELECT 'wallet ' || id, 'nothing below zero', format('main %%s, bonus %%s, reserved %%s, free messages %%s',
       trim_scale(balance), trim_scale(bonus_balance), trim_scale(reserved), free_messages)
FROM billing_wallet
WHERE balance < 0 OR bonus_balance < 0 OR reserved < 0 OR free_messages < 0
"""

RESERVATIONS = """
SELECT 'reservation ' || reservation.id || ' (' || status || ')',
       format('main %%s, bonus %%s', trim_scale(expected.main), trim_scale(expected.bonus)),
       format('main %%s, bonus %%s, reserved %%s times, refunded %%s times', trim_scale(coalesce(moved.main, 0)),
              trim_scale(coalesce(moved.bonus, 0)), coalesce(moved.reserves, 0), coalesce(moved.refunds, 0))
FROM billing_reservation AS reservation
CROSS JOIN LATERAL (
    SELECT CASE status WHEN 'held' THEN -main WHEN 'captured' THEN -captured_main ELSE 0 END AS main,
           CASE status WHEN 'held' THEN -bonus WHEN 'captured' THEN -captured_bonus ELSE 0 END AS bonus
) AS expected
LEFT JOIN (
    SELECT reservation_id, wallet_id, sum(main) AS main, sum(bonus) AS bonus,
           count(*) FILTER (WHERE kind = 'reserve') AS reserves, count(*) FILTER (WHERE kind = 'refund') AS refunds
    FROM billing_entry WHERE reservation_id IS NOT NULL GROUP BY reservation_id, wallet_id
) AS moved ON moved.reservation_id = reservation.id AND moved.wallet_id = reservation.wallet_id
WHERE coalesce(moved.main, 0) <> expected.main OR coalesce(moved.bonus, 0) <> expected.bonus
   OR coalesce(moved.reserves, 0) <> (reservation.main + reservation.bonus > 0)::int
   OR coalesce(moved.refunds, 0) > (status = 'refunded')::int
"""

STRAY_ENTRIES = """
SELECT 'entry ' || entry.id, 'the wallet of its reservation', 'another wallet'
FROM billing_entry AS entry JOIN billing_reservation AS reservation ON reservation.id = entry.reservation_id
WHERE entry.wallet_id <> reservation.wallet_id
"""

CAPTURED = """
SELECT 'reservation ' || id, 'at most ' || trim_scale(amount), trim_scale(captured_main + captured_bonus)::text
FROM billing_reservation
WHERE captured_main + captured_bonus > amount OR main + bonus > amount
"""

KEYS = """
SELECT 'key ' || key, 'one entry', count(*) || ' entries' FROM billing_entry GROUP BY key HAVING count(*) > 1
UNION ALL
SELECT 'key ' || key, 'one reservation', count(*) || ' reservations' FROM billing_reservation
GROUP BY key HAVING count(*) > 1
"""

BUDGETS = f"""
WITH movement AS ({MOVEMENTS}), counted AS (
    SELECT budget.id, sum(movement.amount) AS credits
    FROM movement JOIN billing_wallet AS wallet ON wallet.id = movement.wallet_id
    CROSS JOIN LATERAL unnest(ARRAY[wallet.organization_id, movement.member_id, movement.api_key_id]) AS subject (id)
    JOIN billing_budget AS budget ON budget.organization_id = wallet.organization_id AND budget.subject_id = subject.id
     AND budget.period_start = date_trunc(budget.period, movement.created_at, 'UTC')
    GROUP BY budget.id
)
SELECT 'budget ' || budget.id, trim_scale(coalesce(counted.credits, 0))::text, trim_scale(budget.spent)::text
FROM billing_budget AS budget LEFT JOIN counted ON counted.id = budget.id
WHERE budget.spent <> coalesce(counted.credits, 0)
"""  # noqa: S608

GUARDS = """
SELECT 'guard ' || guard.name, 'in force', 'missing or off'
FROM unnest(ARRAY['entry_key_once', 'entry_numbered_once', 'entry_balance_not_negative', 'entry_sign_fits_kind',
                  'reservation_key_once', 'reservation_not_negative', 'reservation_within_price',
                  'reservation_capture_within_price', 'wallet_balance_not_negative', 'wallet_bonus_not_negative',
                  'wallet_reserved_not_negative', 'wallet_free_messages_were_granted',
                  'budget_once', 'budget_not_negative', 'budget_subject_fits_scope',
                  'payment_intent_once', 'payment_refund_within_amount', 'payment_credits_not_negative',
                  'checkout_key_once', 'invoice_number_once', 'adjustment_needs_a_second_person']) AS guard (name)
WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conname = guard.name AND convalidated)
UNION ALL
SELECT 'guard billing_entry_append_only', 'in force', 'missing or off'
WHERE NOT EXISTS (SELECT FROM pg_trigger WHERE tgname = 'billing_entry_append_only' AND tgenabled IN ('O', 'A'))
"""

CHECKS = [
    Check("Both balances of every wallet equal the sum of its entries", BALANCES),
    Check("What a wallet has reserved equals its held reservations", RESERVED),
    Check("Free messages left equal those granted less those used", FREE_MESSAGES),
    Check("The entries of every wallet are numbered without a gap", NUMBERS),
    Check("Every balance after an entry equals the sum up to it, and no bucket was ever below zero", RUNNING_SUMS),
    Check("No wallet is below zero", NEGATIVE),
    Check("The entries of every reservation add up to what became of it", RESERVATIONS),
    Check("Every reservation's entries are of its own wallet", STRAY_ENTRIES),
    Check("No reservation took or captured more than its price", CAPTURED),
    Check("No key was applied twice", KEYS),
    Check("What a budget counts equals what was spent and reserved under it in its period", BUDGETS),
    *(Check(says, sql) for says, sql in reconciliation_payments.CHECKS),
    Check("The database's own guards are in force", GUARDS),
]
COUNTS = """
SELECT (SELECT count(*) FROM billing_wallet), (SELECT count(*) FROM billing_entry),
       (SELECT count(*) FROM billing_reservation),
       (SELECT coalesce(sum(balance + bonus_balance), 0) FROM billing_wallet),
       (SELECT coalesce(sum(reserved), 0) FROM billing_wallet)
"""


def reconcile() -> Report:
    """Runs every check on one snapshot. Must not be called within a transaction."""
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SET LOCAL statement_timeout = 0")
        counts = fetch_one(COUNTS, [])
        assert counts
        wallets, entries, reservations, total, reserved = counts
        findings = [_find(check) for check in CHECKS]
    return Report(wallets, entries, reservations, total, reserved, findings)


def _find(check: Check) -> Finding:
    rows = fetch_all(f"SELECT *, count(*) OVER () FROM ({check.sql}) AS difference LIMIT %s", [EXAMPLES])  # noqa: S608
    if not rows:
        return Finding(check.says)
    examples = [{"what": what, "expected": expected, "found": found} for what, expected, found, _ in rows]
    return Finding(check.says, rows[0][3], examples)


def as_data(report: Report) -> dict[str, Any]:
    """The report as plain data, for machines."""
    return {
        "ok": report.ok,
        "wallets": report.wallets,
        "entries": report.entries,
        "reservations": report.reservations,
        "total": report.total,
        "reserved": report.reserved,
        "checks": [
            {"says": finding.says, "differences": finding.differences, "examples": finding.examples}
            for finding in report.findings
        ],
    }


def as_lines(report: Report) -> list[str]:
    """The report as lines for people."""
    counts = f"{report.wallets:,} wallets, {report.entries:,} entries, {report.reservations:,} reservations"
    money = f"{report.total.normalize():,f} credits to spend, {report.reserved.normalize():,f} reserved"
    lines = [f"{counts}; {money}.", ""]
    for finding in report.findings:
        lines.append(f"  {'DIFFERS' if finding.differences else 'ok     '}  {finding.says}.")
        lines += [
            f"             {example['what']}: {example['expected']} expected, {example['found']} found"
            for example in finding.examples
        ]
        if finding.differences > len(finding.examples):
            lines.append(f"             … and {finding.differences - len(finding.examples):,} more")
    return [*lines, "", "The books agree." if report.ok else "The books DO NOT agree."]

"""The ledger's SQL. Each statement changes one wallet and writes what goes with it, in a single round trip.

All have the same shape, which is what makes them right under READ COMMITTED however many run at once:

1. `locked` locks the wallet and reads it as it is after the lock was granted, not as the statement's snapshot saw it.
2. The entry or the reservation is inserted from those values. Where its key is there already, nothing is inserted:
   `ON CONFLICT` raises no error that would spoil an outer transaction.
3. The wallet is set from `locked` and what was inserted: no insert, no change. It is never set from its own columns:
   an UPDATE that meets a newer row is tried on the snapshot's old one first, and its CHECK constraints with it, so that
   old values beside new ones would be refused now and then.

Every statement locks the wallet before anything else, so two of them can't wait for each other. No row in the answer
means that nothing was changed; the caller then looks up why.

What budgets may bind comes as a pair: one statement for wallets without budgets, which does nothing where there are
any, and one that counts them, which is right for every wallet but costs more. Budgets are locked after their wallet and
set like it, from what was read under the lock. A budget that was made after the statement's snapshot would not be seen,
so the wallet counts them: where the locked wallet's `budgets_version` is not the snapshot's, nothing is changed, and
the caller's next try sees it. A wallet that never had a budget has version 0. Periods are judged by `now`, which is
read once and after the lock is granted, and is the entry's time too, so that entries and budgets agree about which
period it was.
"""

import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

from common.database import fetch_one

# What every change returns first: the wallet as it is now, and whom to tell.
CHANGED = """wallet.balance, wallet.bonus_balance, wallet.reserved, wallet.free_messages,
          ARRAY(SELECT user_id FROM accounts_membership WHERE organization_id = wallet.organization_id)"""


class Pair(NamedTuple):
    """The same change of a wallet without budgets, and of any wallet."""

    plain: str
    counting: str


WITHOUT_BUDGETS = "locked.budgets_version = 0"

# The budgets that bind a spend, as they are in the period that it is now.
BUDGETS = """, budget AS (
    SELECT budget.id, budget."limit", GREATEST(budget.period_start, begun.at) AS period_start,
           CASE WHEN budget.period_start < begun.at THEN 0 ELSE budget.spent END AS spent
    FROM locked
    JOIN billing_budget AS budget ON budget.organization_id = %(organization_id)s
     AND budget.subject_id = ANY(ARRAY[%(organization_id)s, %(member_id)s, %(api_key_id)s]::uuid[])
    CROSS JOIN LATERAL (SELECT date_trunc(budget.period, locked.now, 'UTC') AS at) AS begun
    WHERE locked.budgets_version > 0
    FOR NO KEY UPDATE OF budget
)"""

# Whether all budgets were seen. Within the one that locks it the wallet has another name.
SEEN = """(locked.budgets_version = 0
           OR locked.budgets_version = (SELECT budgets_version FROM billing_wallet WHERE id = locked.{wallet}))"""

COUNT = """, counted AS (
    UPDATE billing_budget AS kept
    SET spent = budget.spent + {amount}, period_start = budget.period_start
    FROM budget, {source}
    WHERE kept.id = budget.id
)"""

# Whether none of them is overdrawn.
WITHIN = f"""({SEEN.format(wallet="id")}
           AND NOT EXISTS (SELECT FROM budget WHERE spent + %(amount)s::numeric > "limit"))"""


def _take(budgets: str, within: str, count: str) -> str:
    return f"""
WITH locked AS (
    SELECT *, clock_timestamp() AS now
    FROM (SELECT id, balance, bonus_balance, balance + bonus_balance AS total, last_number, budgets_version,
                 LEAST(bonus_balance, %(amount)s::numeric) AS bonus
          FROM billing_wallet
          WHERE organization_id = %(organization_id)s
          FOR NO KEY UPDATE) AS wallet
){budgets}, entry AS (
    INSERT INTO billing_entry (id, wallet_id, number, main, bonus, balance_after, kind, key, feature,
                               reference_type, reference_id, description, created_at, member_id, api_key_id)
    SELECT %(id)s, id, last_number + 1, bonus - %(amount)s::numeric, -bonus, total - %(amount)s::numeric, %(kind)s,
           %(key)s, %(feature)s, %(reference_type)s, %(reference_id)s, %(description)s, now, %(member_id)s::uuid,
           %(api_key_id)s::uuid
    FROM locked
    WHERE total >= %(amount)s::numeric AND {within}
    ON CONFLICT (key) DO NOTHING
    RETURNING wallet_id, number, main, bonus, created_at
){count}
UPDATE billing_wallet AS wallet
SET balance = locked.balance + entry.main, bonus_balance = locked.bonus_balance + entry.bonus,
    last_number = entry.number, updated_at = entry.created_at
FROM locked JOIN entry ON entry.wallet_id = locked.id
WHERE wallet.id = locked.id
RETURNING {CHANGED},
          entry.main, entry.bonus, entry.created_at
"""  # noqa: S608


TAKE = Pair(
    _take("", WITHOUT_BUDGETS, ""),
    _take(BUDGETS, WITHIN, COUNT.format(amount="%(amount)s::numeric", source="entry")),
)

POST = f"""
WITH locked AS (
    SELECT id, balance, bonus_balance, balance + bonus_balance AS total, last_number
    FROM billing_wallet
    WHERE organization_id = %(organization_id)s
      AND balance + %(main)s::numeric >= 0 AND bonus_balance + %(bonus)s::numeric >= 0
    FOR NO KEY UPDATE
), entry AS (
    INSERT INTO billing_entry (id, wallet_id, number, main, bonus, balance_after, kind, key, feature,
                               reference_type, reference_id, description, created_at)
    SELECT %(id)s, id, last_number + 1, %(main)s::numeric, %(bonus)s::numeric,
           total + %(main)s::numeric + %(bonus)s::numeric, %(kind)s, %(key)s, %(feature)s,
           %(reference_type)s, %(reference_id)s, %(description)s, clock_timestamp()
    FROM locked
    ON CONFLICT (key) DO NOTHING
    RETURNING wallet_id, number, main, bonus, created_at
)
UPDATE billing_wallet AS wallet
SET balance = locked.balance + entry.main, bonus_balance = locked.bonus_balance + entry.bonus,
    last_number = entry.number, updated_at = entry.created_at
FROM locked JOIN entry ON entry.wallet_id = locked.id
WHERE wallet.id = locked.id
RETURNING {CHANGED},
          entry.main, entry.bonus, entry.created_at
"""  # noqa: S608


def _reserve(budgets: str, within: str, count: str) -> str:
    return f"""
WITH locked AS (
    SELECT *, clock_timestamp() AS now
    FROM (SELECT id, balance, bonus_balance, balance + bonus_balance AS total, reserved, free_messages,
                 free_messages_granted, last_number, budgets_version,
                 (%(free_message)s AND free_messages > 0)::int AS free
          FROM billing_wallet
          WHERE organization_id = %(organization_id)s
          FOR NO KEY UPDATE) AS wallet
){budgets}, taken AS (
    SELECT id, total, last_number, free, now,
           CASE free WHEN 1 THEN 0 ELSE LEAST(bonus_balance, %(amount)s::numeric) END AS bonus,
           CASE free WHEN 1 THEN 0 ELSE %(amount)s::numeric - LEAST(bonus_balance, %(amount)s::numeric) END AS main
    FROM locked
    WHERE free = 1 OR total >= %(amount)s::numeric AND {within}
), reservation AS (
    INSERT INTO billing_reservation (id, wallet_id, status, amount, main, bonus, free_messages, captured_main,
                                     captured_bonus, feature, reference_type, reference_id, key, expires_at,
                                     created_at, updated_at, member_id, api_key_id)
    SELECT %(id)s, id, 'held', %(amount)s::numeric, main, bonus, free, 0, 0, %(feature)s, %(reference_type)s,
           %(reference_id)s, %(key)s, now + %(expires_in)s, now, now, %(member_id)s::uuid, %(api_key_id)s::uuid
    FROM taken
    ON CONFLICT (key) DO NOTHING
    RETURNING id, wallet_id, main, bonus, free_messages, expires_at, created_at
), entry AS (
    INSERT INTO billing_entry (id, wallet_id, number, main, bonus, balance_after, kind, key, feature,
                               reference_type, reference_id, description, reservation_id, created_at,
                               member_id, api_key_id)
    SELECT %(entry_id)s, taken.id, taken.last_number + 1, -taken.main, -taken.bonus,
           taken.total - taken.main - taken.bonus, 'reserve', %(entry_key)s, %(feature)s,
           %(reference_type)s, %(reference_id)s, %(description)s, reservation.id, reservation.created_at,
           %(member_id)s::uuid, %(api_key_id)s::uuid
    FROM reservation JOIN taken ON taken.id = reservation.wallet_id
    WHERE taken.free = 0
){count}
UPDATE billing_wallet AS wallet
SET balance = locked.balance - reservation.main, bonus_balance = locked.bonus_balance - reservation.bonus,
    reserved = locked.reserved + reservation.main + reservation.bonus,
    free_messages = locked.free_messages - reservation.free_messages,
    free_messages_granted = locked.free_messages_granted,
    last_number = locked.last_number + 1 - reservation.free_messages, updated_at = reservation.created_at
FROM locked JOIN reservation ON reservation.wallet_id = locked.id
WHERE wallet.id = locked.id
RETURNING {CHANGED},
          wallet.id, reservation.main, reservation.bonus, reservation.free_messages, reservation.expires_at,
          reservation.created_at
"""  # noqa: S608


RESERVE = Pair(
    _reserve("", WITHOUT_BUDGETS, ""),
    _reserve(
        BUDGETS,
        WITHIN,
        COUNT.format(
            amount="reservation.main + reservation.bonus",
            source="(SELECT * FROM reservation WHERE free_messages = 0) AS reservation",
        ),
    ),
)


# `was` is the status that the caller decided upon; where it is another one by now, nothing happens. `main`, `bonus`,
# `reserved` and `free` are what the wallet gets (or, below zero, gives); the lists are the entries that say so.
def _settle(budgets: str, within: str) -> str:
    return f"""
WITH locked AS (
    SELECT *
    FROM (SELECT wallet.id AS wallet_id, wallet.balance, wallet.bonus_balance, wallet.reserved, wallet.free_messages,
                 wallet.free_messages_granted, wallet.last_number, wallet.budgets_version, wallet.organization_id,
                 reservation.id, reservation.feature, reservation.reference_type, reservation.reference_id,
                 reservation.member_id, reservation.api_key_id, reservation.created_at
          FROM billing_wallet AS wallet JOIN billing_reservation AS reservation ON reservation.wallet_id = wallet.id
          WHERE reservation.id = %(id)s AND reservation.status = %(was)s
            AND wallet.balance + %(main)s::numeric >= 0 AND wallet.bonus_balance + %(bonus)s::numeric >= 0
            AND wallet.free_messages + %(free)s::int >= 0
          FOR NO KEY UPDATE OF wallet, reservation) AS locked
    WHERE {within}
){budgets}, settled AS (
    UPDATE billing_reservation AS reservation
    SET status = %(status)s, capture_asked = %(capture_asked)s::numeric, captured_main = %(captured_main)s::numeric,
        captured_bonus = %(captured_bonus)s::numeric, free_messages = %(free_messages)s::int,
        updated_at = clock_timestamp()
    FROM locked
    WHERE reservation.id = locked.id
), entry AS (
    INSERT INTO billing_entry (id, wallet_id, number, main, bonus, balance_after, kind, key, feature,
                               reference_type, reference_id, description, reservation_id, created_at,
                               member_id, api_key_id)
    SELECT line.id, locked.wallet_id, locked.last_number + line.n, line.main, line.bonus,
           locked.balance + locked.bonus_balance + sum(line.main + line.bonus) OVER (ORDER BY line.n),
           line.kind, line.key, locked.feature, locked.reference_type, locked.reference_id, line.description,
           locked.id, clock_timestamp(), locked.member_id, locked.api_key_id
    FROM locked, unnest(%(ids)s::uuid[], %(kinds)s::text[], %(keys)s::text[], %(mains)s::numeric[],
                        %(bonuses)s::numeric[], %(descriptions)s::text[])
                 WITH ORDINALITY AS line (id, kind, key, main, bonus, description, n)
)
UPDATE billing_wallet AS wallet
SET balance = locked.balance + %(main)s::numeric, bonus_balance = locked.bonus_balance + %(bonus)s::numeric,
    reserved = locked.reserved + %(reserved)s::numeric, free_messages = locked.free_messages + %(free)s::int,
    free_messages_granted = locked.free_messages_granted,
    last_number = locked.last_number + cardinality(%(ids)s::uuid[]), updated_at = clock_timestamp()
FROM locked
WHERE wallet.id = locked.wallet_id
RETURNING {CHANGED}
"""  # noqa: S608


# What goes back leaves the budgets that counted it, unless they are in a later period already.
GIVEN_BACK = """, budget AS (
    SELECT budget.id, begun.at AS period_start,
           CASE WHEN budget.period_start < begun.at THEN 0 ELSE budget.spent END AS spent
    FROM locked
    JOIN billing_budget AS budget ON budget.organization_id = locked.organization_id
     AND budget.subject_id = ANY(ARRAY[locked.organization_id, locked.member_id, locked.api_key_id])
    CROSS JOIN LATERAL (SELECT date_trunc(budget.period, locked.created_at, 'UTC') AS at) AS begun
    WHERE locked.budgets_version > 0 AND budget.period_start <= begun.at
    FOR NO KEY UPDATE OF budget
), counted AS (
    UPDATE billing_budget AS kept
    SET spent = GREATEST(budget.spent - %(main)s::numeric - %(bonus)s::numeric, 0), period_start = budget.period_start
    FROM budget
    WHERE kept.id = budget.id
)"""

SETTLE = Pair(_settle("", WITHOUT_BUDGETS), _settle(GIVEN_BACK, SEEN.format(wallet="wallet_id")))

RESERVATION = """
SELECT reservation.id, reservation.created_at, reservation.updated_at, reservation.wallet_id, reservation.status,
       reservation.amount, reservation.main, reservation.bonus, reservation.free_messages, reservation.capture_asked,
       reservation.captured_main, reservation.captured_bonus, reservation.feature, reservation.reference_type,
       reservation.reference_id, reservation.key, reservation.expires_at,
       reservation.member_id, reservation.api_key_id,
       wallet.id, wallet.organization_id, wallet.balance, wallet.bonus_balance, wallet.free_messages,
       wallet.budgets_version
FROM billing_reservation AS reservation JOIN billing_wallet AS wallet ON wallet.id = reservation.wallet_id
WHERE reservation.id = %(id)s
"""

# What budgets count: what was spent at once, and what reservations hold or have captured.
MOVEMENTS = """
SELECT wallet_id, member_id, api_key_id, created_at, -(main + bonus) AS amount
FROM billing_entry WHERE kind = 'spend' AND reservation_id IS NULL
UNION ALL
SELECT wallet_id, member_id, api_key_id, created_at,
       CASE status WHEN 'held' THEN main + bonus ELSE captured_main + captured_bonus END
FROM billing_reservation WHERE status IN ('held', 'captured')
"""

# For a budget that was made just now, with its wallet locked: what its period has seen before.
COUNT_BUDGET = f"""
UPDATE billing_budget AS budget
SET period_start = date_trunc(budget.period, statement_timestamp(), 'UTC'), spent = (
    SELECT coalesce(sum(movement.amount), 0)
    FROM billing_wallet AS wallet JOIN ({MOVEMENTS}) AS movement ON movement.wallet_id = wallet.id
    WHERE wallet.organization_id = budget.organization_id
      AND budget.subject_id IN (wallet.organization_id, movement.member_id, movement.api_key_id)
      AND movement.created_at >= date_trunc(budget.period, statement_timestamp(), 'UTC')
)
WHERE id = %(id)s
RETURNING period_start, spent
"""  # noqa: S608

READ = """
SELECT balance, bonus_balance, reserved, free_messages FROM billing_wallet WHERE organization_id = %(organization_id)s
"""


def run(sql: str, params: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Runs one of the statements above; gives its row, or None."""
    return fetch_one(sql, params, prepared=True)


# Organisations that were seen to have budgets: with which of a pair to begin. The wrong one changes nothing.
_with_budgets: set[uuid.UUID] = set()
REMEMBERED = 10_000


def run_of(pair: Pair, organization_id: uuid.UUID, params: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Runs the one of a pair that this wallet needs, as far as it is known."""
    return run(pair.counting if organization_id in _with_budgets else pair.plain, params)


def remember_budgets(organization_id: uuid.UUID) -> None:
    if len(_with_budgets) >= REMEMBERED:
        _with_budgets.clear()
    _with_budgets.add(organization_id)

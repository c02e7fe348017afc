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
"""

from collections.abc import Mapping
from typing import Any

from common.database import fetch_one

# What every change returns first: the wallet as it is now, and whom to tell.
CHANGED = """wallet.balance, wallet.bonus_balance, wallet.reserved, wallet.free_messages,
          ARRAY(SELECT user_id FROM accounts_membership WHERE organization_id = wallet.organization_id)"""

TAKE = f"""
WITH locked AS (
    SELECT id, balance, bonus_balance, balance + bonus_balance AS total, last_number,
           LEAST(bonus_balance, %(amount)s::numeric) AS bonus
    FROM billing_wallet
    WHERE organization_id = %(organization_id)s
    FOR NO KEY UPDATE
), entry AS (
    INSERT INTO billing_entry (id, wallet_id, number, main, bonus, balance_after, kind, key, feature,
                               reference_type, reference_id, description, created_at)
    SELECT %(id)s, id, last_number + 1, bonus - %(amount)s::numeric, -bonus, total - %(amount)s::numeric, %(kind)s,
           %(key)s, %(feature)s, %(reference_type)s, %(reference_id)s, %(description)s, clock_timestamp()
    FROM locked
    WHERE total >= %(amount)s::numeric
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

RESERVE = f"""
WITH locked AS (
    SELECT id, balance, bonus_balance, balance + bonus_balance AS total, reserved, free_messages,
           free_messages_granted, last_number, (%(free_message)s AND free_messages > 0)::int AS free
    FROM billing_wallet
    WHERE organization_id = %(organization_id)s
    FOR NO KEY UPDATE
), taken AS (
    SELECT id, total, last_number, free,
           CASE free WHEN 1 THEN 0 ELSE LEAST(bonus_balance, %(amount)s::numeric) END AS bonus,
           CASE free WHEN 1 THEN 0 ELSE %(amount)s::numeric - LEAST(bonus_balance, %(amount)s::numeric) END AS main
    FROM locked
    WHERE free = 1 OR total >= %(amount)s::numeric
), reservation AS (
    INSERT INTO billing_reservation (id, wallet_id, status, amount, main, bonus, free_messages, captured_main,
                                     captured_bonus, feature, reference_type, reference_id, key, expires_at,
                                     created_at, updated_at)
    SELECT %(id)s, id, 'held', %(amount)s::numeric, main, bonus, free, 0, 0, %(feature)s, %(reference_type)s,
           %(reference_id)s, %(key)s, clock_timestamp() + %(expires_in)s, clock_timestamp(), clock_timestamp()
    FROM taken
    ON CONFLICT (key) DO NOTHING
    RETURNING id, wallet_id, main, bonus, free_messages, expires_at, created_at
), entry AS (
    INSERT INTO billing_entry (id, wallet_id, number, main, bonus, balance_after, kind, key, feature,
                               reference_type, reference_id, description, reservation_id, created_at)
    SELECT %(entry_id)s, taken.id, taken.last_number + 1, -taken.main, -taken.bonus,
           taken.total - taken.main - taken.bonus, 'reserve', %(entry_key)s, %(feature)s,
           %(reference_type)s, %(reference_id)s, '', reservation.id, reservation.created_at
    FROM reservation JOIN taken ON taken.id = reservation.wallet_id
    WHERE taken.free = 0
)
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

# `was` is the status that the caller decided upon; where it is another one by now, nothing happens. `main`, `bonus`,
# `reserved` and `free` are what the wallet gets (or, below zero, gives); the lists are the entries that say so.
SETTLE = f"""
WITH locked AS (
    SELECT wallet.id AS wallet_id, wallet.balance, wallet.bonus_balance, wallet.reserved, wallet.free_messages,
           wallet.free_messages_granted, wallet.last_number, reservation.id, reservation.feature,
           reservation.reference_type, reservation.reference_id
    FROM billing_wallet AS wallet JOIN billing_reservation AS reservation ON reservation.wallet_id = wallet.id
    WHERE reservation.id = %(id)s AND reservation.status = %(was)s
      AND wallet.balance + %(main)s::numeric >= 0 AND wallet.bonus_balance + %(bonus)s::numeric >= 0
      AND wallet.free_messages + %(free)s::int >= 0
    FOR NO KEY UPDATE OF wallet, reservation
), settled AS (
    UPDATE billing_reservation AS reservation
    SET status = %(status)s, capture_asked = %(capture_asked)s::numeric, captured_main = %(captured_main)s::numeric,
        captured_bonus = %(captured_bonus)s::numeric, free_messages = %(free_messages)s::int,
        updated_at = clock_timestamp()
    FROM locked
    WHERE reservation.id = locked.id
), entry AS (
    INSERT INTO billing_entry (id, wallet_id, number, main, bonus, balance_after, kind, key, feature,
                               reference_type, reference_id, description, reservation_id, created_at)
    SELECT line.id, locked.wallet_id, locked.last_number + line.n, line.main, line.bonus,
           locked.balance + locked.bonus_balance + sum(line.main + line.bonus) OVER (ORDER BY line.n),
           line.kind, line.key, locked.feature, locked.reference_type, locked.reference_id, line.description,
           locked.id, clock_timestamp()
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

RESERVATION = """
SELECT reservation.id, reservation.created_at, reservation.updated_at, reservation.wallet_id, reservation.status,
       reservation.amount, reservation.main, reservation.bonus, reservation.free_messages, reservation.capture_asked,
       reservation.captured_main, reservation.captured_bonus, reservation.feature, reservation.reference_type,
       reservation.reference_id, reservation.key, reservation.expires_at,
       wallet.id, wallet.organization_id, wallet.balance, wallet.bonus_balance, wallet.free_messages
FROM billing_reservation AS reservation JOIN billing_wallet AS wallet ON wallet.id = reservation.wallet_id
WHERE reservation.id = %(id)s
"""

READ = """
SELECT balance, bonus_balance, reserved, free_messages FROM billing_wallet WHERE organization_id = %(organization_id)s
"""


def run(sql: str, params: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Runs one of the statements above; gives its row, or None."""
    return fetch_one(sql, params, prepared=True)

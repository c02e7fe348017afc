"""What the auditor asks of payments and subscriptions: that the ledger moved what their rows say, once.

Statements in the style of `billing.reconciliation`, each a row (what, expected, found) for every difference. The
entries of a payment are found by their keys: `payment:{id}:main`, `:bonus`, `:back:{n}:{bucket}`, `:again:{n}`.
"""

PURCHASES = """
SELECT 'payment ' || payment.id,
       format('main %%s, bonus %%s', trim_scale(expected.main), trim_scale(expected.bonus)),
       format('main %%s, bonus %%s', trim_scale(coalesce(main.main, 0)), trim_scale(coalesce(bonus.bonus, 0)))
FROM billing_payment AS payment
CROSS JOIN LATERAL (
    -- what a plan's months bring is added to its payment's bonus later, by entries of the subscription
    SELECT CASE WHEN paid_at IS NULL THEN 0 ELSE credits END AS main,
           CASE WHEN paid_at IS NULL OR subscription_id IS NOT NULL THEN 0 ELSE bonus_credits END AS bonus
) AS expected
LEFT JOIN billing_wallet AS wallet ON wallet.organization_id = payment.organization_id
LEFT JOIN billing_entry AS main ON main.key = 'payment:' || payment.id || ':main' AND main.kind = 'purchase'
 AND main.wallet_id = wallet.id
LEFT JOIN billing_entry AS bonus ON bonus.key = 'payment:' || payment.id || ':bonus' AND bonus.kind = 'grant'
 AND bonus.wallet_id = wallet.id
WHERE coalesce(main.main, 0) <> expected.main OR coalesce(bonus.bonus, 0) <> expected.bonus
   OR coalesce(main.bonus, 0) <> 0 OR coalesce(bonus.main, 0) <> 0
"""

STRAY_PURCHASES = """
SELECT 'entry ' || entry.id || ' (' || entry.key || ')', 'a payment that was received', 'none'
FROM billing_entry AS entry
WHERE (entry.kind = 'purchase' OR entry.key LIKE 'payment:%%')
  AND NOT EXISTS (SELECT FROM billing_payment AS payment
                  WHERE payment.paid_at IS NOT NULL AND payment.id::text = split_part(entry.key, ':', 2)
                    AND split_part(entry.key, ':', 1) = 'payment')
"""

TAKEN_BACK = """
SELECT 'payment ' || payment.id, trim_scale(payment.taken_back)::text, trim_scale(coalesce(moved.credits, 0))::text
FROM billing_payment AS payment
LEFT JOIN (
    SELECT split_part(key, ':', 2) AS id, -sum(main + bonus) AS credits
    FROM billing_entry WHERE key LIKE 'payment:%%' AND split_part(key, ':', 3) IN ('back', 'again')
    GROUP BY split_part(key, ':', 2)
) AS moved ON moved.id = payment.id::text
WHERE payment.taken_back <> coalesce(moved.credits, 0)
"""

OWED = """
SELECT 'payment ' || id || ' (' || status || ')', trim_scale(owed)::text,
       format('%%s taken back, %%s missing', trim_scale(taken_back), trim_scale(missing))
FROM billing_payment
CROSS JOIN LATERAL (
    SELECT CASE WHEN paid_at IS NULL THEN 0
                WHEN disputed OR refunded_amount >= amount THEN credits + bonus_credits
                ELSE round((credits + bonus_credits) * refunded_amount / amount, 7) END AS owed
) AS due
-- the months of a plan come after its payment, so that its share is brought up only when it is next read
WHERE CASE WHEN subscription_id IS NULL THEN taken_back + missing <> owed ELSE taken_back + missing > owed END
"""

SESSIONS = """
SELECT 'checkout ' || session.id || ' (' || session.status || ')',
       CASE WHEN session.status = 'paid' THEN 'one payment received' ELSE 'no payment received' END,
       coalesce(received.payments, 0)::text
FROM billing_checkoutsession AS session
LEFT JOIN (SELECT session_id, count(*) AS payments FROM billing_payment WHERE paid_at IS NOT NULL GROUP BY session_id)
  AS received ON received.session_id = session.id
WHERE (session.status = 'paid') <> (coalesce(received.payments, 0) > 0)
   OR received.payments > 1 AND session.type <> 'subscription'
"""

MONTHS = """
SELECT 'subscription ' || subscription.id, format('%%s months, %%s credits', subscription.months_granted,
       trim_scale(coalesce(paid.credits, 0))),
       format('month %%s, %%s credits', moved.months, trim_scale(coalesce(moved.credits, 0)))
FROM billing_subscription AS subscription
LEFT JOIN (
    SELECT split_part(key, ':', 2) AS id, sum(main + bonus) AS credits,
           max(split_part(key, ':', 4)::int + 1) FILTER (WHERE split_part(key, ':', 3) = 'month') AS months
    FROM billing_entry WHERE key LIKE 'subscription:%%' AND kind = 'grant' GROUP BY split_part(key, ':', 2)
) AS moved ON moved.id = subscription.id::text
LEFT JOIN (
    SELECT subscription_id, sum(bonus_credits) AS credits FROM billing_payment
    WHERE paid_at IS NOT NULL GROUP BY subscription_id
) AS paid ON paid.subscription_id = subscription.id
WHERE coalesce(moved.credits, 0) <> coalesce(paid.credits, 0)
   OR coalesce(moved.months, 0) > subscription.months_granted OR subscription.unspent > coalesce(moved.credits, 0)
"""

REFUNDS = """
SELECT 'payment ' || payment.id, 'at most ' || payment.amount || ' given back', sum(refund.amount)::text
FROM billing_refund AS refund JOIN billing_payment AS payment ON payment.id = refund.payment_id
WHERE refund.status = 'succeeded'
GROUP BY payment.id, payment.amount HAVING sum(refund.amount) > payment.amount
"""

INVOICES = """
SELECT 'payment ' || payment.id, 'an invoice', 'none'
FROM billing_payment AS payment
WHERE payment.paid_at IS NOT NULL
  AND NOT EXISTS (SELECT FROM billing_invoice AS invoice WHERE invoice.payment_id = payment.id)
UNION ALL
SELECT 'invoices of ' || year, 'numbers 1 to ' || count(*), format('%%s to %%s', min(serial), max(serial))
FROM billing_invoice GROUP BY year HAVING min(serial) <> 1 OR max(serial) <> count(*)
"""

CHECKS = [
    ("Every payment received brought its credits, once, and no other payment any", PURCHASES),
    ("No purchase stands in the ledger without its payment", STRAY_PURCHASES),
    ("What went back for a payment equals its entries of refunds and disputes", TAKEN_BACK),
    ("What was taken back and what is missing equal what refunds and disputes ask for", OWED),
    ("Every checkout that is paid has its payment, and one alone", SESSIONS),
    ("The months that a plan gave equal their entries, and stand with its payments", MONTHS),
    ("No more was given back than was paid", REFUNDS),
    ("Every payment received has its invoice, numbered without a gap", INVOICES),
]

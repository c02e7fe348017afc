"""Every way in which credits and money move.

Each call of the ledger is one statement (settling a reservation: one read and one statement), needs no transaction of
its own, and raises its errors without spoiling the caller's. Each is safe to repeat: a key, or a reservation's id,
applies once.
"""

from billing.services.adjustments import (
    approve_adjustment,
    needs_second_person,
    refuse_adjustment,
    request_adjustment,
)
from billing.services.budgets import budget_of_key, change_budget, create_budget, delete_budget
from billing.services.checkouts import follow_session, open_at_provider, session_for, start_checkout
from billing.services.credits import (
    SpendResult,
    adjust_credits,
    grant_credits,
    grant_free_messages,
    open_wallet,
    spend,
    write_off,
)
from billing.services.following import follow, follow_root
from billing.services.inbox import process_event, receive_webhook, replay_event
from billing.services.plan_changes import (
    Change,
    cancel_subscription,
    change_plan,
    portal_url,
    preview_change,
    resume_subscription,
    start_trial,
    trial_is_open_to,
)
from billing.services.refunds import request_refund, send_refund, why_not_refundable
from billing.services.reservations import reserve
from billing.services.settlement import capture, release, sweep_expired_reservations
from billing.services.top_ups import set_top_up, watch_wallets
from billing.services.unmatched import close_unmatched, credit_unmatched, refund_unmatched

__all__ = [
    "Change",
    "SpendResult",
    "adjust_credits",
    "approve_adjustment",
    "budget_of_key",
    "cancel_subscription",
    "capture",
    "change_budget",
    "change_plan",
    "close_unmatched",
    "create_budget",
    "credit_unmatched",
    "delete_budget",
    "follow",
    "follow_root",
    "follow_session",
    "grant_credits",
    "grant_free_messages",
    "needs_second_person",
    "open_at_provider",
    "open_wallet",
    "portal_url",
    "preview_change",
    "process_event",
    "receive_webhook",
    "refund_unmatched",
    "refuse_adjustment",
    "release",
    "replay_event",
    "request_adjustment",
    "request_refund",
    "reserve",
    "resume_subscription",
    "send_refund",
    "session_for",
    "set_top_up",
    "spend",
    "start_checkout",
    "start_trial",
    "sweep_expired_reservations",
    "trial_is_open_to",
    "watch_wallets",
    "why_not_refundable",
    "write_off",
]

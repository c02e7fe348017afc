"""Every way in which credits move.

Each call is one statement (settling a reservation: one read and one statement), needs no transaction of its own, and
raises its errors without spoiling the caller's. Each is safe to repeat: a key, or a reservation's id, applies once.
"""

from billing.services.budgets import budget_of_key, change_budget, create_budget, delete_budget
from billing.services.credits import (
    SpendResult,
    adjust_credits,
    grant_credits,
    grant_free_messages,
    open_wallet,
    spend,
    write_off,
)
from billing.services.reservations import reserve
from billing.services.settlement import capture, release, sweep_expired_reservations

__all__ = [
    "SpendResult",
    "adjust_credits",
    "budget_of_key",
    "capture",
    "change_budget",
    "create_budget",
    "delete_budget",
    "grant_credits",
    "grant_free_messages",
    "open_wallet",
    "release",
    "reserve",
    "spend",
    "sweep_expired_reservations",
    "write_off",
]

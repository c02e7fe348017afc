"""What others read of money: wallets, the catalogue, payments and subscriptions."""

from billing.selectors.wallets import (
    as_strings,
    budget_fields,
    entries_for,
    entries_page,
    entry_data,
    entry_fields,
    wallet_data,
)

__all__ = [
    "as_strings",
    "budget_fields",
    "entries_for",
    "entries_page",
    "entry_data",
    "entry_fields",
    "wallet_data",
]

"""What others read of money: wallets, the catalogue, payments and subscriptions."""

from billing.plans import live_subscription, subscription_data
from billing.selectors.catalogue import catalogue_body, catalogue_data
from billing.selectors.payers import may_pay_for, require_payer
from billing.selectors.payments import (
    invoice_data,
    invoices_page,
    payment_data,
    payments_of_session,
    payments_page,
    session_data,
    session_status,
)
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
    "catalogue_body",
    "catalogue_data",
    "entries_for",
    "entries_page",
    "entry_data",
    "entry_fields",
    "invoice_data",
    "invoices_page",
    "live_subscription",
    "may_pay_for",
    "payment_data",
    "payments_of_session",
    "payments_page",
    "require_payer",
    "session_data",
    "session_status",
    "subscription_data",
    "wallet_data",
]

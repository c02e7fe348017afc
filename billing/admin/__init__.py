"""The operators' console of money, a file for each subject."""

from billing.admin import adjustments, catalogue, finance, inbox, ledger, payments, plans, stripe

__all__ = ["adjustments", "catalogue", "finance", "inbox", "ledger", "payments", "plans", "stripe"]

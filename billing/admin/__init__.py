"""The operators' console of money, a file for each subject."""

from billing.admin import catalogue, ledger, stripe

__all__ = ["catalogue", "ledger", "stripe"]

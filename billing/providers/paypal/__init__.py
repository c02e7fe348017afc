"""PayPal: one purchase by an order, plans by subscriptions, notifications checked without asking back."""

from billing.providers.paypal.member import PayPal

__all__ = ["PayPal"]

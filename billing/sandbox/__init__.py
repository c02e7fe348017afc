"""The sandbox: a payment provider of our own that moves no money, for development and tests.

It stands where a real one would stand, on the other side of a wall: `billing.providers.sandbox` is all that the shop
knows of it, and what it tells the shop are signed webhooks over HTTP. Nothing of it exists in production.
"""

from django.conf import settings


def is_open() -> bool:
    """Whether this site has a sandbox: in development and test alone, whatever the settings of providers say."""
    return settings.ENVIRONMENT in {"development", "test"} and "sandbox" in settings.PAYMENT_PROVIDERS

"""RQ jobs of the sandbox, which do nothing in production."""

from billing.sandbox import is_open, services, webhooks


def sweep() -> int:
    """Delivers what was left lying, renews subscriptions whose period is over, ends old checkouts."""
    if not is_open():
        return 0
    return webhooks.sweep() + services.renew_due() + services.expire_old()

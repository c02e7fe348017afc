"""RQ jobs of money and credits: sweeps over rows, each safe to run at any time."""

from billing import services
from billing.services import ends, inbox, refunds, subscriptions, sweeps, top_ups


def sweep_reservations() -> int:
    """Gives back what nobody reported on in time; returns how many reservations expired. Safe to run at any time."""
    return services.sweep_expired_reservations()


def work_off_webhooks() -> int:
    return inbox.work_off()


def send_due_refunds() -> int:
    return refunds.send_due_refunds()


def read_open_sessions() -> int:
    return sweeps.read_open_sessions()


def read_stale() -> int:
    """What lost webhooks left behind: subscriptions, payments on their way, payments that may have gone back."""
    return sweeps.read_stale_subscriptions() + sweeps.read_pending_payments() + sweeps.read_paid_payments()


def keep_plans() -> int:
    """Months that are due, plans that ran out, and those whose provider must still hear of it."""
    return subscriptions.grant_all_due() + subscriptions.end_lapsed() + ends.tell_providers()


def watch_wallets() -> int:
    """Tells whose wallets run low, and fills up those that ask for it."""
    return top_ups.watch_wallets()


def forget_webhook_bodies() -> int:
    return inbox.forget_bodies()

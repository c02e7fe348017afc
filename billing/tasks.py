"""RQ jobs of money and credits: sweeps over rows, each safe to run at any time."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta

import structlog

from billing import providers, reconciliation_providers, services
from billing.services import ends, inbox, refunds, subscriptions, sweeps, top_ups
from common.jobs import enqueue_on_commit

log = structlog.get_logger(__name__)


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


def reconcile_yesterday() -> None:
    """A job for each provider that compares yesterday's payments with it."""
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    for name in providers.names():
        enqueue_on_commit(reconcile_with, name, yesterday.isoformat(), queue="low")


def reconcile_with(provider: str, day: str) -> int:
    """Logs an error with counts where a provider says other than we do of a day; returns how many differences.

    Nothing is changed: `manage.py reconcile --day … --fix` does that, and the sweeps do meanwhile.
    """
    found = reconciliation_providers.compare(date.fromisoformat(day), provider)
    if found.error:
        log.error("reconcile could not ask", provider=provider, day=day, compared=found.compared, why=found.error)
    if found.differences:
        counts = Counter(difference.what for difference in found.differences)
        log.error("payments differ from their provider", provider=provider, day=day, counts=dict(counts))
    return len(found.differences)

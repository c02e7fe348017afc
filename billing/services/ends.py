"""Subscriptions that are over here, and must be at their provider too."""

from billing import providers
from billing.providers.base import ProviderError
from common.jobs import enqueue_on_commit


def later_at_provider(provider: str, subscription_id: str) -> None:
    """After the commit; a renewal that slips through is seen by the sweep, which asks again."""
    enqueue_on_commit(end_at_provider, provider, subscription_id, queue="webhooks")


def end_at_provider(provider: str, subscription_id: str) -> None:
    """For a job. Raises ProviderError where trying again helps."""
    try:
        providers.get(provider).cancel_subscription(subscription_id, at_period_end=False)
    except ProviderError as error:
        if not error.permanent:
            raise

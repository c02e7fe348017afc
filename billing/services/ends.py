"""Subscriptions that are over here, or are to be, and must be at their provider too.

The wish is a column of the subscription, and stands there until its provider has heard it.
"""

import uuid

import structlog

from billing import providers
from billing.models import Subscription
from billing.providers.base import ProviderError
from common.errors import Problem
from common.jobs import enqueue_on_commit

log = structlog.get_logger(__name__)

EndWanted = Subscription.EndWanted


def tell_provider_later(subscription: Subscription, wanted: Subscription.EndWanted) -> None:
    """After the commit. Saving the subscription is the caller's."""
    if subscription.provider_subscription_id:
        subscription.end_wanted = wanted
        enqueue_on_commit(tell_provider, subscription.pk, queue="webhooks")


def tell_provider(subscription_id: uuid.UUID) -> bool:
    """For a job, and for the sweep; True where the provider has heard it."""
    subscription = Subscription.objects.exclude(end_wanted="").filter(pk=subscription_id).first()
    if subscription is None:
        return False
    wanted, there = subscription.end_wanted, subscription.provider_subscription_id
    try:
        provider = providers.get(subscription.provider)
        provider.cancel_subscription(there, at_period_end=wanted == EndWanted.WITH_PERIOD)
    except (ProviderError, Problem) as error:
        log.warning("subscription not ended yet", subscription=str(subscription.pk), why=str(error))
        return False
    Subscription.objects.filter(pk=subscription.pk, end_wanted=wanted).update(end_wanted="")
    return True


def tell_providers() -> int:
    """What could not be told, or whose nudge was lost."""
    waiting = Subscription.objects.exclude(end_wanted="").order_by("updated_at").values_list("pk", flat=True)
    return sum(tell_provider(pk) for pk in waiting[:200])

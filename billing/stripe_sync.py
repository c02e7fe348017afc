"""Keeps dj-stripe's tables up to date: Stripe's own objects, for the operators to look at. No money moves by them."""

import json
from datetime import datetime
from typing import Any

import stripe
from django.conf import settings
from django.db import transaction
from djstripe.event_handlers import djstripe_receiver
from djstripe.models import (
    APIKey,
    Charge,
    Customer,
    Event,
    Invoice,
    PaymentIntent,
    PaymentMethod,
    Refund,
    Session,
    Subscription,
)

from billing.providers.stripe.client import RETRIES, http_client


def sync(event_body: str) -> None:
    """Hands an event, whose signature was verified, to dj-stripe, which reads its object afresh from Stripe and stores
    that with what it refers to. The same event again changes nothing; one that failed is done at the next try.

    Raises whatever dj-stripe does: the caller goes on without. Asks Stripe inside of a transaction, as dj-stripe does
    by its nature; none of our own rows is locked meanwhile.
    """
    block = settings.PAYMENT_PROVIDERS["stripe"]
    stripe.api_base = block["BASE_URL"].rstrip("/")
    stripe.api_version = settings.STRIPE_API_VERSION  # not every call of dj-stripe's says which one
    stripe.max_network_retries = RETRIES
    stripe.default_http_client = http_client()
    with transaction.atomic():
        Event.process(json.loads(event_body), api_key=block["SECRET_KEY"])
        # dj-stripe writes down the key that it worked with. A key has no place in the database, where a copy of it
        # would be found, and where it would be used on after the operators have changed theirs.
        APIKey.objects.all().delete()


@djstripe_receiver(["refund.created", "refund.updated", "refund.failed"])
def keep_refund(sender: type[Event], event: Event, **_: Any) -> None:
    """dj-stripe 2.11 has no handler for these, and a charge shows its refunds no more since 2022-11-15."""
    refund = event.data["object"]
    if refund.get("charge"):
        data = Refund(id=refund["id"]).api_retrieve(api_key=event.default_api_key)
        Refund.sync_from_stripe_data(data, api_key=event.default_api_key)


MIRRORED = (Session, Charge, PaymentIntent, Invoice, Subscription, PaymentMethod)


@transaction.atomic
def forget(customer_id: str) -> None:
    """Deletes what is mirrored of one customer: it has their name and address. Stripe keeps its own books."""
    for model in MIRRORED:
        model.objects.filter(stripe_data__customer=customer_id).delete()
    Customer.objects.filter(id=customer_id).delete()


def forget_old_events(before: datetime) -> int:
    """Deletes dj-stripe's copies of events; ours stay, without their bodies."""
    return Event.objects.filter(djstripe_created__lt=before).delete()[0]

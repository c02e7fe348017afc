"""The sandbox when many ask at once: what a provider promises of its keys holds for ours as well."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from billing.models import SandboxCharge, SandboxCheckout, SandboxDelivery, SandboxRefund, SandboxSubscription
from billing.providers.base import KeptCharge, Order, Payer, PlanChange, RefundOrder
from billing.sandbox import services

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 12


def order(**fields: Any) -> Order:
    values = {
        "reference": str(uuid.uuid4()),
        "description": "A purse of 100 credits",
        "amount": 999,
        "currency": "USD",
        "payer": Payer("ada@troupe.example", "Ada"),
        "success_url": "https://troupe.example/",
        "cancel_url": "https://troupe.example/",
        "expires_at": timezone.now() + timedelta(hours=1),
    }
    return Order(**values | fields)


def test_one_reference_opens_one_checkout(at_once):
    wish = order()
    opened = at_once([lambda: services.open_checkout(wish)] * MANY)
    assert {checkout.pk for checkout in opened} == {SandboxCheckout.objects.get().pk}


def test_paying_at_once_pays_once_and_tells_once(at_once):
    checkout = services.open_checkout(order(every="month"))
    at_once([lambda: services.pay(checkout.pk)] * MANY)
    assert SandboxCharge.objects.count() == SandboxSubscription.objects.count() == SandboxDelivery.objects.count() == 1


def test_paying_and_refusing_at_once_does_one_of_both(at_once):
    checkout = services.open_checkout(order())
    at_once([lambda: services.pay(checkout.pk), lambda: services.decline(checkout.pk)] * (MANY // 2))
    assert SandboxCharge.objects.count() == SandboxDelivery.objects.count() == 1
    checkout.refresh_from_db()
    assert checkout.status == {"paid": "paid", "failed": "failed"}[SandboxCharge.objects.get().status]


def test_one_key_refunds_once(at_once):
    services.pay(services.open_checkout(order()).pk)
    charge = SandboxCharge.objects.get()
    wish = RefundOrder(str(uuid.uuid4()), str(charge.pk), 300, "USD", 999, 0, "by mistake")
    refunds = at_once([lambda: services.refund(wish)] * MANY)
    assert {refund.pk for refund in refunds} == {SandboxRefund.objects.get().pk}
    charge.refresh_from_db()
    assert charge.refunded == 300


def test_no_more_goes_back_than_came(at_once):
    services.pay(services.open_checkout(order()).pk)
    charge = SandboxCharge.objects.get()
    at_once([lambda: services.refund_charge(charge.pk, 300)] * MANY)
    charge.refresh_from_db()
    assert charge.refunded == 900
    assert SandboxRefund.objects.count() == 3


def test_one_reference_charges_a_kept_card_once(at_once):
    services.pay(services.open_checkout(order(keep_method=True)).pk)
    kept = SandboxCharge.objects.get()
    wish = KeptCharge(str(uuid.uuid4()), "Top-up", 500, "USD", kept.customer_id, kept.method_id)
    charges = at_once([lambda: services.charge_kept(wish)] * MANY)
    assert len({charge.pk for charge in charges}) == 1
    assert SandboxCharge.objects.count() == 2


def test_sweeps_at_once_renew_once_and_one_key_changes_once(at_once):
    services.pay(services.open_checkout(order(every="month")).pk)
    SandboxSubscription.objects.update(period_end=timezone.now())
    at_once([services.renew_due] * MANY)
    subscription = SandboxSubscription.objects.get()
    assert subscription.charges.count() == 2
    change = PlanChange(str(uuid.uuid4()), str(subscription.pk), "Pro", 2999, "USD", "month", "")
    at_once([lambda: services.change_plan(change)] * MANY)
    subscription.refresh_from_db()
    assert subscription.amount == 2999
    assert subscription.charges.count() == 3

"""dj-stripe's copies of Stripe's objects: made from our inbox's events, safe to repeat, without the key."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, reverse
from djstripe import models
from stripe import HTTPClient, StripeError

from billing.providers.base import Charge, Order, Payer, SubscriptionState
from billing.providers.stripe import Stripe
from billing.stripe_sync import sync
from tests.people import Person
from tests.standins.stripe_server import StripeServer

pytestmark = pytest.mark.django_db
SHOWN = (models.Customer, models.Subscription, models.Invoice, models.Charge, models.PaymentIntent, models.Refund)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HTTPClient, "INITIAL_DELAY", 0.01)


@pytest.fixture
def server(settings: Any) -> Iterator[StripeServer]:
    with StripeServer() as server:
        settings.PAYMENT_PROVIDERS = {"stripe": server.block}
        settings.STRIPE_TEST_SECRET_KEY = server.secret_key
        yield server


def bought(server: StripeServer, **fields: Any) -> tuple[Charge, SubscriptionState | None]:
    stripe = Stripe(server.block)
    order = Order(
        **{
            "reference": str(uuid.uuid4()),
            "description": "A purse of 100 credits",
            "amount": 999,
            "currency": "EUR",
            "payer": Payer("ada@troupe.example", "Ada"),
            "success_url": "https://troupe.example/checkout/return",
            "cancel_url": "https://troupe.example/pricing",
            "expires_at": datetime.now(UTC) + timedelta(hours=2),
        }
        | fields
    )
    session_id = stripe.create_checkout(order).session_id
    server.pay(session_id)
    state = stripe.read_checkout(session_id, order.reference)
    assert state.charge
    return state.charge, state.subscription


def follow(server: StripeServer) -> list[str]:
    bodies = [delivery.body.decode() for delivery in server.taken()]
    for body in bodies:
        sync(body)
    return bodies


def test_a_purchase_its_refund_and_its_dispute_show(server):
    charge, _ = bought(server)
    server.refund(charge.intent_id, 300)
    server.dispute(charge.intent_id)
    follow(server)
    row = models.Charge.objects.get()
    assert (row.payment_intent.id, row.customer.email) == (charge.intent_id, "ada@troupe.example")
    assert row.stripe_data["amount_refunded"] == 300
    assert models.Session.objects.get().stripe_data["payment_status"] == "paid"
    assert models.Refund.objects.get().amount == 300
    assert models.Dispute.objects.get().payment_intent == row.payment_intent
    assert models.Account.objects.get().business_url == "https://troupe.example"


def test_a_subscription_shows_through_its_life(server):
    _, state = bought(server, every="month")
    follow(server)
    row = models.Subscription.objects.get()
    assert row.stripe_data["status"] == "active"
    assert models.SubscriptionItem.objects.get().subscription == row
    server.renew(state.subscription_id)
    server.cancel(state.subscription_id)
    follow(server)
    assert models.Subscription.objects.get().stripe_data["status"] == "canceled"
    assert models.Invoice.objects.count() == 2
    assert {row.customer.email for row in models.Invoice.objects.all()} == {"ada@troupe.example"}


def test_the_same_events_again_in_another_order_change_nothing(server):
    charge, _ = bought(server)
    server.refund(charge.intent_id)
    bodies = follow(server)
    before = [list(model.objects.order_by("pk").values("id", "stripe_data")) for model in SHOWN]
    asked = len(server.asked)
    for body in reversed(bodies):
        sync(body)
    assert [list(model.objects.order_by("pk").values("id", "stripe_data")) for model in SHOWN] == before
    assert len(server.asked) == asked
    assert models.Event.objects.count() == len(bodies)


def test_events_in_the_wrong_order_end_at_the_present(server):
    charge, _ = bought(server)
    server.refund(charge.intent_id)
    for delivery in reversed(server.taken()):
        sync(delivery.body.decode())
    assert models.Charge.objects.get().stripe_data["refunded"]


def test_what_failed_leaves_nothing_and_is_done_at_the_next_try(server):
    bought(server)
    body = next(delivery.body.decode() for delivery in server.taken() if b"charge.succeeded" in delivery.body)
    server.misbehave("GET", "/v1/charges/.*", times=3)
    with pytest.raises(StripeError):
        sync(body)
    assert not models.Event.objects.exists()
    assert not models.Charge.objects.exists()
    sync(body)
    assert models.Charge.objects.exists()


def test_the_key_is_not_written_down(server):
    bought(server)
    follow(server)
    assert not models.APIKey.objects.exists()
    for model in SHOWN:
        assert server.secret_key not in str(list(model.objects.values()))


def test_another_key_is_used_from_the_next_event_on(server, settings):
    charge, _ = bought(server)
    follow(server)
    server.secret_key = "sk_test_" + "n" * 24
    settings.PAYMENT_PROVIDERS = {"stripe": server.block}
    settings.STRIPE_TEST_SECRET_KEY = server.secret_key
    server.refund(charge.intent_id)
    follow(server)
    assert models.Refund.objects.exists()


def test_an_event_that_dj_stripe_has_no_name_for_is_kept_and_done_with(server):
    server.tell("invoice_payment.paid", server.customer("ada@troupe.example"))
    follow(server)
    assert models.Event.objects.get().type == "invoice_payment.paid"


# --- in the console ---------------------------------------------------------------------------------------------------

PAGES = [model for model in admin.site._registry if model._meta.app_label == "djstripe"]


@pytest.fixture
def console(staff: Person) -> Client:
    client = Client()
    client.force_login(staff.user)
    return client


def page(model: Any, name: str = "changelist", *key: Any) -> str:
    return reverse(f"admin:djstripe_{model._meta.model_name}_{name}", args=key)


def everything(server: StripeServer) -> None:
    charge, _ = bought(server)
    server.refund(charge.intent_id, 300)
    server.dispute(charge.intent_id)
    bought(server, every="month")
    follow(server)


def test_every_object_can_be_looked_at_and_none_written(server, console):
    everything(server)
    assert len(PAGES) == 12
    for model in PAGES:
        row = model.objects.first()
        assert console.get(page(model)).status_code == 200, model
        shown = console.get(page(model, "change", row.pk))
        assert shown.status_code == 200
        assert row.id in shown.content.decode()
        before = model.objects.values().get(pk=row.pk)
        for path in (page(model, "add"), page(model, "change", row.pk), page(model, "delete", row.pk)):
            assert console.post(path, {"post": "yes", "reason": "for fun"}).status_code == 403, path
        console.post(page(model), {"action": "_resync_instances", "_selected_action": [row.pk]})
        assert model.objects.values().get(pk=row.pk) == before


@pytest.mark.parametrize("model", PAGES, ids=lambda model: model.__name__)
def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(server, console, model):
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert console.get(page(model)).status_code == 200
        return len(captured)

    if model is not models.Account:
        everything(server)
    queries()
    few = queries()
    if model is not models.Account:
        everything(server)
    assert queries() == few


def test_an_object_is_found_by_its_id_and_its_customers(server, console):
    everything(server)
    charge = models.Charge.objects.first()
    other = models.Charge.objects.exclude(customer=charge.customer).first()
    for term in (charge.id, charge.customer_id, f" {charge.id} "):
        found = console.get(page(models.Charge), {"q": term}).content.decode()
        assert charge.id in found
        assert other.id not in found
    assert charge.id not in console.get(page(models.Charge), {"q": "ch_nobody"}).content.decode()


def test_what_a_browser_could_act_with_is_not_shown(server, console):
    charge, _ = bought(server)
    server.rows[charge.intent_id]["client_secret"] = "pi_1_secret_hush"
    follow(server)
    row = models.PaymentIntent.objects.get()
    assert row.stripe_data["client_secret"] == "pi_1_secret_hush"
    assert "hush" not in console.get(page(models.PaymentIntent, "change", row.pk)).content.decode()


def test_yen_are_shown_as_yen(server, console):
    bought(server, amount=500, currency="JPY")
    follow(server)
    row = models.Charge.objects.get()
    assert "¥500" in console.get(page(models.Charge)).content.decode()
    assert "¥5." not in console.get(page(models.Charge, "change", row.pk)).content.decode()


def test_dj_stripes_own_doors_are_not_there(console):
    for name in ("djstripe:webhook", "djstripe:djstripe_webhook_by_uuid", "admin:djstripe_apikey_changelist"):
        with pytest.raises(NoReverseMatch):
            reverse(name)

"""Payments of which many hear at once, each with a database connection of its own, against Stripe's stand-in."""

import random
from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from billing import services
from billing.models import CheckoutSession, Entry, Invoice, Payment, Refund, Subscription, WebhookEvent
from billing.services import refunds, subscriptions
from common.errors import Conflict
from tests.billing.shop import Shop, has, lines
from tests.standins.stripe_server import StripeServer

pytestmark = pytest.mark.django_db(transaction=True)

PREMIUM = {"type": "subscription", "plan_id": "premium", "package_id": ""}


@pytest.fixture(scope="module")
def _stripe():
    with StripeServer() as server:
        yield server


@pytest.fixture
def shop(_stripe, settings):
    settings.PAYMENT_PROVIDERS = {"stripe": _stripe.block}
    yield Shop(_stripe)
    _stripe.taken()
    _stripe.behave()


def names(results):
    return Counter(type(result).__name__ for result in results)


def followed(session):
    def follow():
        return services.follow_root(CheckoutSession.objects.get(pk=session.pk))

    return follow


class TestAPaidSession:
    def test_is_credited_once_by_sixteen_who_see_it(self, shop, api, owner, at_once):
        session = shop.checkout(api(owner))
        shop.provider.pay(session.provider_session_id)
        results = at_once([followed(session) for _ in range(16)])
        assert set(names(results)) <= {"CheckoutSession", "Conflict"}
        assert lines(owner) == [("purchase", 100)]
        assert Payment.objects.count() == Invoice.objects.count() == 1

    def test_is_stored_once_though_its_webhook_comes_sixteen_times_at_once(self, shop, api, owner, at_once):
        session = shop.checkout(api(owner))
        shop.provider.pay(session.provider_session_id)
        deliveries = shop.provider.taken() * 4
        random.shuffle(deliveries)
        answers = at_once([lambda delivery=delivery: Shop(shop.provider).post(delivery) for delivery in deliveries])
        assert {answer.status_code for answer in answers} == {200}
        assert WebhookEvent.objects.count() == len(deliveries) // 4
        waiting = list(WebhookEvent.objects.filter(status="waiting").values_list("pk", flat=True))
        at_once([lambda pk=pk: services.process_event(pk) for pk in waiting * 2])
        assert lines(owner) == [("purchase", 100)]

    def test_of_many_people_gives_each_invoice_a_number_of_its_own(self, shop, api, join, at_once):
        sessions = [shop.checkout(api(join(f"buyer{number}"))) for number in range(8)]
        for session in sessions:
            shop.provider.pay(session.provider_session_id)
        at_once([followed(session) for session in sessions])
        serials = sorted(Invoice.objects.values_list("serial", flat=True))
        assert serials == list(range(1, 9))


class TestRefund:
    def test_asked_for_by_eight_at_once_happens_once(self, shop, api, owner, at_once):
        payment = shop.buy(api(owner))

        def ask():
            return services.request_refund(payment_id=payment.pk, actor=owner.user, reason="By mistake")

        results = names(at_once([ask for _ in range(8)]))
        assert results == {"Refund": 1, "Conflict": 7}
        assert shop.provider.count("POST", "/v1/refunds") >= 1
        assert len(shop.provider.of("refund", payment_intent=payment.intent_id)) == 1
        assert lines(owner) == [("purchase", 100), ("adjustment", -100)]

    def test_sent_by_eight_workers_at_once_is_one(self, shop, api, owner, at_once):
        payment = shop.buy(api(owner))
        refund = Refund.objects.create(payment=payment, amount=499, reason="By mistake", requested_by=owner.user)
        assert at_once([lambda: refunds.send_refund(refund.pk) for _ in range(8)]).count(True) == 1
        assert has(owner) == (0, 20)

    def test_and_dispute_in_any_order_leave_what_is_true_at_the_end(self, shop, api, owner, at_once):
        payment = shop.buy(api(owner))

        def act(action):
            def run():
                getattr(shop.provider, action)(payment.intent_id)
                return followed(payment.session)()

            return run

        shop.provider.dispute(payment.intent_id)
        results = at_once([act("win_dispute"), *[followed(payment.session) for _ in range(7)]])
        assert set(names(results)) <= {"CheckoutSession", "Conflict"}
        followed(payment.session)()
        payment.refresh_from_db()
        assert payment.status == "paid"
        assert has(owner) == (100, 20)


class TestSubscription:
    def test_that_many_see_begin_is_one(self, shop, api, owner, at_once):
        session = shop.checkout(api(owner), **PREMIUM)
        shop.provider.pay(session.provider_session_id)
        at_once([followed(session) for _ in range(12)])
        assert Subscription.objects.count() == Payment.objects.count() == 1
        assert lines(owner) == [("grant", 200)]

    def test_gives_a_month_once_to_many_sweeps(self, shop, api, owner, at_once):
        shop.pay(shop.checkout(api(owner), **PREMIUM, billing_period="year"))
        began = timezone.now() - timedelta(days=40)
        Subscription.objects.update(started_at=began, next_grant_at=began + timedelta(days=31))
        at_once([subscriptions.grant_all_due for _ in range(8)])
        assert Entry.objects.filter(feature="plan", kind="grant").count() == 2

    def test_trial_is_taken_once_by_eight_clicks(self, shop, owner, at_once):
        results = names(at_once([lambda: services.start_trial(user=owner.user) for _ in range(8)]))
        assert results == {"Subscription": 1, Conflict.__name__: 7}

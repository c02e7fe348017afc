"""Payments that come slowly, in pieces or beside each other, and plans that are changed and given back on the way."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from dateutil.relativedelta import relativedelta
from django.db import connection, transaction
from django.utils import timezone

from billing import plans, services
from billing.models import CheckoutSession, Customer, Payment, Subscription, UnmatchedCharge
from billing.money import from_major
from billing.providers.base import About
from billing.services import subscriptions, sweeps
from tests.billing.shop import Shop, has, lines
from tests.standins.stripe_server import StripeServer

pytestmark = pytest.mark.django_db

PREMIUM = {"type": "subscription", "plan_id": "premium", "package_id": ""}
A_MONTH = {"type": "one_time", "plan_id": "premium", "package_id": ""}


@pytest.fixture(scope="module")
def _stripe():
    with StripeServer() as server:
        yield server


@pytest.fixture
def stripe(_stripe, settings):
    settings.PAYMENT_PROVIDERS = {"stripe": _stripe.block}
    yield _stripe
    _stripe.taken()
    _stripe.behave()


@pytest.fixture
def shop(stripe):
    return Shop(stripe)


@pytest.fixture
def buyer(api, owner):
    return api(owner)


def running(owner):
    return Subscription.objects.get(organization_id=owner.organization_id, status__in=Subscription.LIVE)


def change(buyer, plan):
    answer = buyer.post("/api/payments/subscription/upgrade", {"plan_id": plan})
    assert answer.status_code == 200, answer.content


def paid_slowly(shop, session, status):
    """A subscription's first payment is a bank's debit: days go by until it has come in."""
    shop.provider.pay(session.provider_session_id)
    shop.provider.taken()
    row = shop.provider.find("checkout.session", session.provider_session_id)
    row["payment_status"] = "unpaid"
    subscription = shop.provider.rows[row["subscription"]]
    subscription["status"] = status
    (intent,) = shop.provider.of("payment_intent", customer=row["customer"])
    invoice = shop.provider.rows[subscription["latest_invoice"]]
    intent["status"], invoice["status"] = "processing", "open"
    services.follow_root(session)

    def comes_in():
        row["payment_status"], subscription["status"] = "paid", "active"
        intent["status"], invoice["status"] = "succeeded", "paid"

    return subscription["id"], comes_in


class TestASlowFirstPayment:
    @pytest.mark.parametrize("status", ["incomplete", "active"])
    @pytest.mark.parametrize("heard", ["session", "subscription"])
    def test_brings_the_plan_and_its_credits_when_it_has_come_in(self, shop, owner, buyer, status, heard):
        session = shop.checkout(buyer, **PREMIUM)
        subscription_id, comes_in = paid_slowly(shop, session, status)
        assert lines(owner) == []
        comes_in()
        about = About(heard, subscription_id) if heard == "subscription" else None
        if about:
            services.follow("stripe", about)
        else:
            session.refresh_from_db()
            services.follow_root(session)
        session.refresh_from_db()
        payment = Payment.objects.get()
        assert (payment.status, payment.subscription, payment.session) == ("paid", running(owner), session)
        assert payment.period_end == running(owner).paid_until == running(owner).current_period_end
        assert lines(owner) == [("grant", 200)]
        assert payment.bonus_credits == 200
        assert session.status == "paid"

    def test_that_is_another_than_was_asked_for_is_nobodys(self, shop, stripe, owner, buyer):
        session = shop.checkout(buyer)
        price, _ = stripe.wanted[session.provider_session_id]
        price["unit_amount"] = 1
        stripe.pay_slowly(session.provider_session_id)
        shop.deliver()
        stripe.settle(session.provider_session_id)
        shop.deliver()
        assert lines(owner) == []
        assert UnmatchedCharge.objects.get().amount == 1


class TestChangingPlansToAndFro:
    def test_in_one_month_brings_the_credits_of_the_best_once(self, shop, owner, buyer):
        shop.pay(shop.checkout(buyer, **PREMIUM))
        for plan in ("pro", "premium", "pro", "premium", "unlimited", "pro"):
            change(buyer, plan)
            shop.deliver()
            assert running(owner).plan.name == plan
        best = plans.Plan.objects.get(name="unlimited").monthly_credits
        assert has(owner)[1] == pytest.approx(20 + best, abs=1)
        assert running(owner).unspent == has(owner)[1] - 20

    def test_in_a_later_month_brings_that_months_difference(self, shop, stripe, owner, buyer):
        shop.pay(shop.checkout(buyer, **PREMIUM))
        change(buyer, "pro")
        change(buyer, "premium")
        with time_machine.travel(datetime.now(UTC) + relativedelta(months=1, minutes=1)):
            stripe.taken()
            stripe.renew(running(owner).provider_subscription_id)
            shop.deliver()
            assert lines(owner)[-1] == ("grant", 200), "a renewal that the balance has paid"
            before = has(owner)[1]
            services.change_plan(organization_id=owner.organization_id, actor=owner.user, plan="pro", key="once more")
            assert has(owner)[1] - before == pytest.approx(400, abs=1)


class TestTimeBoughtTwice:
    @pytest.mark.parametrize("which", [0, 1])
    def test_of_which_one_is_given_back_leaves_the_other(self, shop, owner, buyer, which):
        payments = [shop.buy(buyer, **A_MONTH) for _ in range(2)]
        answer = buyer.post(f"/api/payments/{payments[which].pk}/refund", {"reason": "By mistake"})
        assert answer.status_code == 200, answer.content
        left = running(owner)
        assert left.current_period_end == left.paid_until
        assert timezone.now() + timedelta(days=27) < left.paid_until < timezone.now() + timedelta(days=32)
        assert subscriptions.grant_all_due() == 0
        buyer.post(f"/api/payments/{payments[1 - which].pk}/refund", {"reason": "Not for me"})
        assert not Subscription.objects.filter(status__in=Subscription.LIVE).exists()
        assert has(owner) == (0, 20)


class TestACardOfAnotherCustomer:
    def test_is_kept_with_its_customer(self, shop, stripe, owner, buyer):
        """The first was deleted at the provider, and the next purchase made a new one."""
        shop.buy(buyer)
        first = Customer.objects.get()
        del stripe.rows[first.customer_id]
        payment = shop.buy(buyer)
        kept = Customer.objects.get()
        intent = stripe.find("payment_intent", payment.intent_id)
        assert (kept.customer_id, kept.method_id) == (intent["customer"], intent["payment_method"])


class TestTheSweep:
    def test_finds_that_the_last_payment_of_an_ended_plan_was_contested(self, shop, stripe, owner, buyer):
        shop.pay(shop.checkout(buyer, **PREMIUM))
        with time_machine.travel(datetime.now(UTC) + relativedelta(months=5)):
            stripe.taken()
            subscription = running(owner)
            for _ in range(5):
                stripe.renew(subscription.provider_subscription_id)
            shop.deliver()
            stripe.cancel(subscription.provider_subscription_id)
            shop.deliver()
            last = Payment.objects.order_by("-id")[0]
            stripe.dispute(last.intent_id)
            stripe.taken()
            Subscription.objects.update(read_at=timezone.now() - timedelta(days=2))
            sweeps.read_stale_subscriptions()
            last.refresh_from_db()
            assert last.status == "disputed"

    def test_reads_what_began_a_plan_by_that_plan_so_that_two_answers_never_cross(self, shop, owner, buyer):
        session = shop.pay(shop.checkout(buyer, **PREMIUM))
        assert services.follow_root(session) == running(owner)
        CheckoutSession.objects.update(read_at=timezone.now() - timedelta(days=2))
        assert sweeps.read_paid_payments() == 1
        assert sweeps.read_paid_payments() == 0


@pytest.mark.django_db(transaction=True)
def test_a_refund_seen_by_the_checkout_undoes_nothing_that_happens_to_the_plan_meanwhile(shop, stripe, owner, buyer):
    payment = shop.buy(buyer, **A_MONTH)
    stripe.refund(payment.intent_id)
    held, seen = threading.Event(), []

    def follow():
        held.wait(5)
        try:
            seen.append(services.follow_root(CheckoutSession.objects.get(pk=payment.session_id)))
        finally:
            connection.close()

    thread = threading.Thread(target=follow)
    thread.start()
    with transaction.atomic():
        subscription = Subscription.objects.select_for_update(no_key=True).get()
        subscription.months_granted = 7
        subscription.save()
        Payment.objects.filter(pk=payment.pk).update(bonus_credits=payment.bonus_credits + 20)
        held.set()
        thread.join(2)
    thread.join(10)
    assert seen
    subscription.refresh_from_db()
    payment.refresh_from_db()
    assert (subscription.status, subscription.months_granted) == ("cancelled", 7)
    assert payment.taken_back + payment.missing == payment.bonus_credits == 220


def test_what_is_kept_of_a_plan_is_never_older_than_its_last_change(owner, monkeypatch):
    read, reads = plans._read, []

    def read_while_it_changes(organization_id):
        reads.append(organization_id)
        found = read(organization_id)
        if len(reads) == 1:
            plans._forget(organization_id)
        return found

    monkeypatch.setattr(plans, "_read", read_while_it_changes)
    for _ in range(3):
        plans.tier_of(owner.organization_id)
    assert len(reads) == 2


@pytest.mark.parametrize("text", ["1e999999", "NaN", "Infinity", "-1e999999", ""])
def test_what_is_no_amount_is_said_to_be_none(text):
    with pytest.raises(ValueError, match="not an amount"):
        from_major(text, "EUR")


def test_an_intent_that_can_be_nobodys_is_404(buyer, stripe, problem):
    assert problem(buyer.get("/api/payments/find-by-intent/pi_%00"))[0] in {400, 404}

"""Plans from the first month to the last, over the API and Stripe's stand-in."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from dateutil.relativedelta import relativedelta
from django.utils import timezone

from billing import plans, services
from billing.models import Payment, Plan, Subscription, UnmatchedCharge
from billing.services import subscriptions, sweeps
from common import redis
from common.errors import Conflict
from tests.billing.shop import Shop, has, lines
from tests.standins.stripe_server import StripeServer

pytestmark = pytest.mark.django_db

PREMIUM = {"type": "subscription", "plan_id": "premium", "package_id": ""}


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
def subscriber(api, owner):
    return api(owner)


@pytest.fixture
def later(stripe):
    """`later(months=1)`: from now on it is that much later."""
    travellers = []

    def travel(**delta):
        stripe.taken()  # what it told before is too old to be believed
        traveller = time_machine.travel(datetime.now(UTC) + relativedelta(**delta))
        traveller.start()
        travellers.append(traveller)

    yield travel
    for traveller in reversed(travellers):
        traveller.stop()


def running(owner):
    return Subscription.objects.get(organization_id=owner.organization_id, status__in=Subscription.LIVE)


def shown(owner):
    """What people see of their plan. It is kept for a while and dropped on commit, which no test here comes to."""
    redis.client().delete(f"plan:{owner.organization_id}")
    return plans.subscription_data(owner.organization_id)


def renewed(shop, subscription, *, paid=True):
    shop.provider.renew(subscription.provider_subscription_id, paid=paid)
    shop.deliver(times=2, shuffled=True)
    subscription.refresh_from_db()
    return subscription


class TestSubscribing:
    def test_begins_the_plan_and_gives_the_first_months_credits_into_the_bonus(self, shop, owner, subscriber):
        assert shown(owner)["plan"] == "free"
        shop.pay(shop.checkout(subscriber, **PREMIUM))
        assert has(owner) == (0, 220)
        assert {name: shown(owner)[name] for name in ("plan", "status", "provider", "cancel_at_period_end")} == {
            "plan": "premium",
            "status": "active",
            "provider": "stripe",
            "cancel_at_period_end": False,
        }
        shown(owner)
        me = subscriber.get("/api/auth/me").json()
        assert (me["user"]["plan"], me["user"]["is_premium"]) == ("premium", True)
        assert me["limits"] == {"tier": "premium", "generations_per_day": 100, "generations_in_all": None}

    def test_happens_once_however_its_webhooks_come(self, shop, stripe, owner, subscriber):
        session = shop.checkout(subscriber, **PREMIUM)
        stripe.pay(session.provider_session_id)
        shop.deliver(times=4, shuffled=True)
        assert Subscription.objects.count() == Payment.objects.count() == 1
        assert lines(owner) == [("grant", 200)]
        assert not UnmatchedCharge.objects.exists()

    def test_again_is_refused_while_it_runs(self, shop, owner, subscriber, problem):
        shop.pay(shop.checkout(subscriber, **PREMIUM))
        for wish in (PREMIUM, {"type": "subscription", "plan_id": "pro"}, {"type": "one_time", "plan_id": "premium"}):
            assert problem(subscriber.post("/api/payments/create-checkout", wish)) == (409, "CONFLICT")

    def test_twice_from_two_windows_keeps_the_first_and_shows_the_money_of_the_second(self, shop, owner, subscriber):
        first, second = shop.checkout(subscriber, **PREMIUM), shop.checkout(subscriber, **PREMIUM)
        shop.pay(first)
        shop.pay(second)
        assert running(owner).payments.count() == 1
        assert UnmatchedCharge.objects.count() == 1
        assert has(owner) == (0, 220)

    def test_for_a_team_is_for_its_payers_alone(self, shop, owner, stranger, subscriber, api, problem):
        team = subscriber.post("/api/organizations", {"name": "The Company"}).json()["id"]
        refused = api(stranger).post("/api/payments/create-checkout", PREMIUM | {"organization": team})
        assert problem(refused) == (404, "NOT_FOUND")
        shop.pay(shop.checkout(subscriber, **PREMIUM, organization=team))
        assert subscriber.get(f"/api/payments/subscription?organization={team}").json()["plan"] == "premium"
        assert shown(owner)["plan"] == "free"


class TestRenewal:
    def test_gives_the_next_months_credits_once(self, shop, owner, subscriber, later):
        shop.pay(shop.checkout(subscriber, **PREMIUM))
        later(months=1, minutes=1)
        renewed(shop, running(owner))
        assert has(owner) == (0, 420)
        assert [kind for kind, _ in lines(owner)] == ["grant", "grant"]

    def test_carries_over_one_month_and_lets_the_rest_run_out(self, shop, owner, subscriber, later):
        shop.pay(shop.checkout(subscriber, **PREMIUM))
        for _ in range(2):
            later(months=1, minutes=1)
            renewed(shop, running(owner))
        # 200 of the first month ran out: the second's carried over, the third's are new, and 20 were a gift
        assert lines(owner)[-2:] == [("expiry", -200), ("grant", 200)]
        assert has(owner) == (0, 420)

    def test_of_spent_credits_lets_nothing_run_out(self, shop, owner, subscriber, later):
        shop.pay(shop.checkout(subscriber, **PREMIUM))
        for _ in range(3):
            services.spend(organization_id=owner.organization_id, amount=150, feature="story")
            later(months=1, minutes=1)
            renewed(shop, running(owner))
        assert "expiry" not in [kind for kind, _ in lines(owner)]

    def test_of_a_year_comes_with_credits_each_month(self, shop, owner, subscriber, later):
        shop.pay(shop.checkout(subscriber, **PREMIUM, billing_period="year"))
        assert has(owner) == (0, 220)
        later(months=1, minutes=1)
        assert subscriptions.grant_all_due() == 1
        assert subscriptions.grant_all_due() == 0
        assert has(owner) == (0, 420)

    def test_that_nobody_told_us_of_is_found_by_the_sweep(self, shop, stripe, owner, subscriber, later):
        shop.pay(shop.checkout(subscriber, **PREMIUM))
        later(months=1, minutes=1)
        stripe.renew(running(owner).provider_subscription_id)
        stripe.taken()
        assert sweeps.read_stale_subscriptions() == 1
        assert has(owner) == (0, 420)

    def test_that_fails_keeps_the_plan_for_a_week_and_gives_no_credits(self, shop, owner, subscriber, later):
        shop.pay(shop.checkout(subscriber, **PREMIUM))
        later(months=1, minutes=1)
        renewed(shop, running(owner), paid=False)
        assert (shown(owner)["plan"], shown(owner)["status"]) == ("premium", "past_due")
        assert has(owner) == (0, 220)
        later(days=8)
        assert subscriptions.end_lapsed() == 1
        assert (shown(owner)["plan"], shown(owner)["status"]) == ("free", "expired")

    def test_that_fails_and_is_paid_after_all_goes_on(self, shop, owner, subscriber, later):
        shop.pay(shop.checkout(subscriber, **PREMIUM))
        later(months=1, minutes=1)
        subscription = renewed(shop, running(owner), paid=False)
        later(days=2)
        renewed(shop, subscription, paid=True)
        assert shown(owner)["status"] == "active"
        assert has(owner) == (0, 420)


class TestCancelling:
    def test_lets_it_end_with_the_period(self, shop, stripe, owner, subscriber, later):
        shop.pay(shop.checkout(subscriber, **PREMIUM))
        subscriber.post("/api/payments/subscription/cancel")
        said = shown(owner)
        assert (said["plan"], said["status"], said["cancel_at_period_end"]) == ("premium", "active", True)
        later(months=1, minutes=1)
        stripe.cancel(running(owner).provider_subscription_id)
        shop.deliver()
        assert (shown(owner)["plan"], shown(owner)["status"]) == ("free", "cancelled")
        assert has(owner) == (0, 220), "what came with it stays"

    def test_can_be_taken_back(self, shop, owner, subscriber):
        shop.pay(shop.checkout(subscriber, **PREMIUM))
        for _ in range(2):
            subscriber.post("/api/payments/subscription/cancel")
        for _ in range(2):
            subscriber.post("/api/payments/subscription/remove-cancellation")
        assert shown(owner)["cancel_at_period_end"] is False

    def test_at_once_ends_it_here_and_there(self, shop, stripe, owner, subscriber):
        shop.pay(shop.checkout(subscriber, **PREMIUM))
        there = running(owner).provider_subscription_id
        subscriber.post("/api/payments/subscription/cancel", {"at_once": True})
        assert (shown(owner)["plan"], shown(owner)["status"]) == ("free", "cancelled")
        assert stripe.find("subscription", there)["status"] == "canceled"

    def test_of_nothing_is_404(self, subscriber, stripe, problem):
        for path in ("cancel", "remove-cancellation"):
            assert problem(subscriber.post(f"/api/payments/subscription/{path}")) == (404, "NOT_FOUND")

    def test_at_the_provider_is_followed(self, shop, stripe, owner, subscriber):
        shop.pay(shop.checkout(subscriber, **PREMIUM))
        stripe.cancel(running(owner).provider_subscription_id)
        shop.deliver()
        assert shown(owner)["plan"] == "free"

    def test_leaves_the_plan_when_the_provider_does_not_answer(self, shop, stripe, owner, subscriber, problem):
        shop.pay(shop.checkout(subscriber, **PREMIUM))
        stripe.misbehave("POST", ".*", times=100, status=503)
        assert problem(subscriber.post("/api/payments/subscription/cancel")) == (503, "PROVIDER_UNAVAILABLE")
        assert not running(owner).cancel_at_period_end


class TestAnotherPlan:
    def test_is_shown_with_its_proration_before_it_is_confirmed(self, shop, owner, subscriber):
        shop.pay(shop.checkout(subscriber, **PREMIUM))
        path = "/api/payments/subscription/upgrade?preview=true"
        preview = subscriber.post(path, {"plan_id": "pro"}).json()
        assert preview["next_amount"] == {"amount_minor": 2499, "currency": "USD"}
        assert 1400 <= preview["due_now"]["amount_minor"] <= 1500
        assert Decimal(preview["credits_now"]) == pytest.approx(400, abs=1)
        assert running(owner).plan.name == "premium"

    def test_comes_at_once_with_the_rest_of_its_months_credits(self, shop, stripe, owner, subscriber):
        shop.pay(shop.checkout(subscriber, **PREMIUM))
        key = {"Idempotency-Key": "up"}
        for _ in range(2):
            answer = subscriber.post("/api/payments/subscription/upgrade", {"plan_id": "pro"}, **key)
            assert answer.status_code == 200, answer.content
        shop.deliver(times=2, shuffled=True)
        assert shown(owner)["plan"] == "pro"
        assert has(owner)[1] == pytest.approx(620, abs=1)
        assert sum(payment.amount for payment in running(owner).payments.all()) == pytest.approx(2499, abs=3)

    def test_that_it_is_already_or_that_nobody_sells_is_refused(self, shop, subscriber, problem):
        shop.pay(shop.checkout(subscriber, **PREMIUM))
        for plan, refusal in (
            ("premium", (409, "CONFLICT")),
            ("gold", (400, "VALIDATION_ERROR")),
            ("free", (400, "VALIDATION_ERROR")),
        ):
            assert problem(subscriber.post("/api/payments/subscription/upgrade", {"plan_id": plan})) == refusal


class TestTimeBoughtOnce:
    def test_holds_for_its_month_and_ends_by_itself(self, shop, owner, subscriber, later):
        shop.buy(subscriber, type="one_time", plan_id="premium", package_id="")
        assert (shown(owner)["plan"], shown(owner)["renews"]) == ("premium", False)
        assert has(owner) == (0, 220)
        later(months=1, minutes=1)
        assert plans.live_subscription(owner.organization_id) is None
        assert subscriptions.end_lapsed() == 1
        assert shown(owner)["plan"] == "free"

    def test_bought_again_goes_on_top(self, shop, owner, subscriber, later):
        for _ in range(2):
            shop.buy(subscriber, type="one_time", plan_id="premium", package_id="")
        assert running(owner).current_period_end > timezone.now() + timedelta(days=55)
        assert has(owner) == (0, 220)
        later(months=1, minutes=1)
        assert subscriptions.grant_all_due() == 1

    def test_given_back_ends_at_once(self, shop, owner, subscriber):
        payment = shop.buy(subscriber, type="one_time", plan_id="premium", package_id="")
        answer = subscriber.post(f"/api/payments/{payment.pk}/refund", {"reason": "Not for me"})
        assert answer.json()["status"] == "succeeded", answer.content
        assert shown(owner)["plan"] == "free"
        assert has(owner) == (0, 20)


class TestTrial:
    def test_is_taken_once(self, subscriber, stripe, owner, later):
        assert subscriber.post("/api/payments/subscription/trial").json()["status"] == "trialing"
        assert shown(owner)["plan"] == "trial"
        later(days=15)
        subscriptions.end_lapsed()
        assert shown(owner)["plan"] == "free"
        with pytest.raises(Conflict):
            services.start_trial(user=owner.user)

    def test_ends_when_a_plan_is_paid(self, shop, owner, subscriber):
        subscriber.post("/api/payments/subscription/trial")
        shop.pay(shop.checkout(subscriber, **PREMIUM))
        assert shown(owner)["plan"] == "premium"


class TestRefund:
    def test_of_the_present_month_ends_the_plan_and_takes_its_credits(self, shop, stripe, owner, subscriber):
        shop.pay(shop.checkout(subscriber, **PREMIUM))
        subscription = running(owner)
        stripe.refund(subscription.payments.get().intent_id)
        shop.deliver(times=2, shuffled=True)
        assert shown(owner)["plan"] == "free"
        assert has(owner) == (0, 20)


def test_a_plan_that_nobody_knows_counts_as_the_trial(db):
    Plan.objects.filter(name="free").delete()
    assert plans.tier_of(Subscription().pk).name == "trial"


@pytest.mark.django_db(transaction=True)
def test_what_is_kept_of_a_plan_is_dropped_when_it_changes(shop, owner, subscriber):
    assert subscriber.get("/api/payments/subscription").json()["plan"] == "free"
    shop.pay(shop.checkout(subscriber, **PREMIUM))
    assert subscriber.get("/api/payments/subscription").json()["plan"] == "premium"
    subscriber.post("/api/payments/subscription/cancel")
    assert subscriber.get("/api/payments/subscription").json()["cancel_at_period_end"] is True
    subscriber.post("/api/payments/subscription/cancel", {"at_once": True})
    assert subscriber.get("/api/payments/subscription").json()["plan"] == "free"
    assert subscriber.get("/api/auth/me").json()["user"]["plan"] == "free"

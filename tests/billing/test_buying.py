"""A pack from the price list to the ledger, and what goes wrong on the way."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from billing import services
from billing.models import CheckoutSession, Invoice, Payment, UnmatchedCharge, WebhookEvent
from billing.services import sweeps
from tests.billing.shop import Shop, has, lines, work_off
from tests.standins.stripe_server import StripeServer

pytestmark = pytest.mark.django_db


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
def buyer(owner, api):
    return api(owner)


class TestPack:
    def test_is_credited_when_it_is_paid(self, shop, owner, buyer):
        session = shop.checkout(buyer)
        assert (session.status, session.amount, session.currency) == ("open", 499, "USD")
        assert has(owner) == (0, 20)
        shop.pay(session)
        assert session.status == "paid"
        assert has(owner) == (100, 20)
        assert lines(owner) == [("purchase", 100)]

    def test_with_a_bonus_fills_both_buckets(self, shop, owner, buyer):
        shop.buy(buyer, package_id="creator")
        assert has(owner) == (500, 45)

    def test_is_credited_once_however_often_the_webhook_comes(self, shop, stripe, owner, buyer):
        session = shop.checkout(buyer)
        stripe.pay(session.provider_session_id)
        shop.deliver(times=5, shuffled=True)
        assert lines(owner) == [("purchase", 100)]
        assert Payment.objects.count() == Invoice.objects.count() == 1
        assert WebhookEvent.objects.exclude(status="done").count() == 0

    def test_is_credited_by_who_comes_back_before_the_webhook(self, shop, stripe, owner, buyer):
        session = shop.checkout(buyer)
        stripe.pay(session.provider_session_id)
        answer = buyer.get(f"/api/payments/session/{session.pk}/status").json()
        assert answer["status"] == "paid"
        assert answer["payment"]["credits"] == "100"
        shop.deliver()
        assert lines(owner) == [("purchase", 100)]

    def test_is_credited_by_the_sweep_when_every_webhook_is_lost(self, shop, stripe, owner, buyer, settings):
        session = shop.checkout(buyer)
        stripe.pay(session.provider_session_id)
        stripe.taken()
        aged(session)
        assert sweeps.read_open_sessions() == 1
        assert lines(owner) == [("purchase", 100)]

    def test_writes_an_invoice_without_a_gap_in_the_numbers(self, shop, buyer):
        for _ in range(3):
            shop.buy(buyer)
        items = buyer.get("/api/payments/invoices").json()["items"]
        serials = [int(item["number"].split("-")[1]) for item in items]
        assert serials == [3, 2, 1]
        assert items[0]["amount"] == {"amount_minor": 499, "currency": "USD"}

    def test_can_be_found_by_the_id_its_provider_gave(self, shop, api, stranger, buyer, problem):
        payment = shop.buy(buyer)
        path = f"/api/payments/find-by-intent/{payment.intent_id}"
        assert buyer.get(path).json()["id"] == str(payment.pk)
        assert problem(api(stranger).get(path)) == (404, "NOT_FOUND")

    def test_that_was_declined_is_not_credited_and_can_be_tried_again(self, shop, stripe, owner, buyer):
        session = shop.checkout(buyer)
        stripe.decline(session.provider_session_id)
        shop.deliver()
        assert has(owner) == (0, 20)
        shop.pay(session)
        assert has(owner) == (100, 20)

    def test_that_nobody_pays_expires(self, shop, stripe, owner, buyer):
        session = shop.checkout(buyer)
        stripe.expire(session.provider_session_id)
        shop.deliver()
        session.refresh_from_db()
        assert session.status == "expired"
        assert buyer.get(f"/api/public-payments/session/{session.pk}").json() == {
            "session_id": str(session.pk),
            "status": "expired",
        }


class TestKey:
    def test_leads_to_the_same_page_and_one_session(self, buyer, stripe):
        body = {"type": "one_time", "package_id": "starter"}
        first, again = (
            buyer.post("/api/payments/create-checkout", body, **{"Idempotency-Key": "once"}).json() for _ in range(2)
        )
        assert first == again
        assert CheckoutSession.objects.count() == 1

    def test_with_another_body_is_refused(self, buyer, stripe, problem):
        buyer.post(
            "/api/payments/create-checkout", {"type": "one_time", "package_id": "starter"}, **{"Idempotency-Key": "k"}
        )
        answer = buyer.post(
            "/api/payments/create-checkout", {"type": "one_time", "package_id": "studio"}, **{"Idempotency-Key": "k"}
        )
        assert problem(answer) == (409, "CONFLICT")
        assert CheckoutSession.objects.count() == 1

    def test_makes_one_checkout_though_the_first_answer_was_lost(self, buyer, stripe, problem):
        before = len(stripe.of("checkout.session"))
        stripe.misbehave("POST", "/v1/checkout/sessions", times=3, status=500, after=True)
        body, key = {"type": "one_time", "package_id": "starter"}, {"Idempotency-Key": "lost"}
        answers = [buyer.post("/api/payments/create-checkout", body, **key) for _ in range(2)]
        assert answers[-1].status_code == 200
        assert CheckoutSession.objects.count() == 1
        assert len(stripe.of("checkout.session")) == before + 1


class TestDoor:
    @pytest.mark.parametrize(
        ("wish", "field"),
        [
            ({"type": "one_time"}, "package_id"),
            ({"type": "one_time", "package_id": "starter", "plan_id": "pro"}, "package_id"),
            ({"type": "one_time", "package_id": "nothing"}, "package_id"),
            ({"type": "subscription", "plan_id": "free"}, "provider"),
            ({"type": "subscription"}, "package_id"),
            ({"type": "subscription", "package_id": "starter"}, "plan_id"),
            ({"type": "one_time", "package_id": "starter", "currency": "XXX"}, "provider"),
            ({"type": "one_time", "package_id": "starter", "success_url": "https://evil.example/"}, "success_url"),
            ({"type": "one_time", "package_id": "starter", "cancel_url": "javascript:alert(1)"}, "cancel_url"),
            ({"type": "gift", "package_id": "starter"}, "type"),
            ({"type": "event_sponsorship"}, "type"),
        ],
    )
    def test_refuses_what_is_not_sold(self, buyer, stripe, wish, field):
        answer = buyer.post("/api/payments/create-checkout", wish)
        assert answer.status_code == 400, answer.content
        assert list(answer.json()["errors"]) == [field]
        assert not CheckoutSession.objects.exists()

    def test_says_which_provider_is_not_set_up(self, buyer, stripe, problem):
        wish = {"type": "one_time", "package_id": "starter", "provider": "paypal"}
        assert problem(buyer.post("/api/payments/create-checkout", wish)) == (503, "PROVIDER_UNAVAILABLE")
        assert problem(buyer.post("/api/payments/create-checkout", wish | {"provider": "acme"})) == (404, "NOT_FOUND")

    def test_is_closed_to_who_is_not_signed_in(self, api, stripe, problem):
        wish = {"type": "one_time", "package_id": "starter"}
        assert problem(api().post("/api/payments/create-checkout", wish)) == (401, "UNAUTHENTICATED")

    def test_keeps_a_session_from_strangers(self, shop, buyer, api, stranger, problem):
        session = shop.checkout(buyer)
        assert problem(api(stranger).get(f"/api/payments/session/{session.pk}/status")) == (404, "NOT_FOUND")

    def test_shows_no_history_of_others(self, shop, buyer, api, stranger, owner, problem):
        shop.buy(buyer)
        path = f"/api/payments/history?organization={owner.organization_id}"
        assert len(buyer.get(path).json()["items"]) == 1
        assert problem(api(stranger).get(path)) == (404, "NOT_FOUND")
        assert api(stranger).get("/api/payments/history").json()["items"] == []

    def test_asks_the_same_of_the_database_for_one_payment_and_for_ten(
        self, shop, buyer, django_assert_num_queries, owner
    ):
        shop.buy(buyer)
        with django_assert_num_queries(2):
            buyer.get("/api/payments/history")
        for _ in range(9):
            shop.buy(buyer)
        with django_assert_num_queries(2):
            assert len(buyer.get("/api/payments/history").json()["items"]) == 10


class TestUnmatched:
    def test_money_for_nothing_of_ours_is_shown_to_the_finance_desk(self, shop, stripe, buyer, owner):
        session = shop.checkout(buyer)
        stripe.pay(session.provider_session_id)
        CheckoutSession.objects.all().delete()
        shop.deliver()
        found = UnmatchedCharge.objects.get()
        assert (found.amount, found.currency, found.resolved_at) == (499, "USD", None)
        assert has(owner) == (0, 20)

    def test_another_amount_than_was_asked_for_is_not_credited(self, shop, stripe, buyer, owner):
        session = shop.checkout(buyer)
        CheckoutSession.objects.filter(pk=session.pk).update(amount=500)
        stripe.pay(session.provider_session_id)
        shop.deliver(times=2)
        assert UnmatchedCharge.objects.get().reason == "500 USD was asked for."
        assert has(owner) == (0, 20)


class TestWebhook:
    def test_that_is_forged_leaves_nothing(self, shop, stripe, buyer, problem):
        session = shop.checkout(buyer)
        stripe.pay(session.provider_session_id)
        for delivery in stripe.taken():
            forged = type(delivery)(delivery.body + b" ", delivery.headers)
            assert problem(shop.post(forged)) == (400, "VALIDATION_ERROR")
        assert not WebhookEvent.objects.exists()

    @pytest.mark.parametrize("provider", ["paypal", "nobody", "sandbox"])
    def test_of_who_is_not_set_up_is_404(self, client, stripe, problem, provider):
        assert problem(client.post(f"/webhooks/{provider}", b"{}", content_type="application/json")) == (
            404,
            "NOT_FOUND",
        )

    def test_is_posted_and_nothing_else(self, client, stripe, problem):
        assert problem(client.get("/webhooks/stripe")) == (405, "METHOD_NOT_ALLOWED")

    def test_waits_while_the_provider_does_not_answer_and_is_not_lost(self, shop, stripe, buyer, owner):
        session = shop.checkout(buyer)
        stripe.pay(session.provider_session_id)
        stripe.misbehave("GET", ".*", times=1000, status=503)
        shop.deliver()
        waiting = WebhookEvent.objects.filter(status="waiting")
        assert waiting.exists()
        assert all(event.error and event.next_try_at for event in waiting)
        assert has(owner) == (0, 20)
        stripe.behave()
        work_off()
        assert has(owner) == (100, 20)

    def test_is_worked_off_by_one_worker_at_a_time(self, shop, stripe, buyer):
        session = shop.checkout(buyer)
        stripe.pay(session.provider_session_id)
        for delivery in stripe.taken():
            shop.post(delivery)
        event = WebhookEvent.objects.first()
        assert services.process_event(event.pk)
        assert not services.process_event(event.pk)

    def test_can_be_replayed_by_staff_with_a_reason(self, shop, stripe, buyer, staff, owner):
        shop.buy(buyer)
        event = WebhookEvent.objects.first()
        services.replay_event(event_id=event.pk, actor=staff.user, reason="to be sure")
        work_off()
        event.refresh_from_db()
        assert (event.status, event.attempts) == ("done", 1)
        assert lines(owner) == [("purchase", 100)]


class TestRefund:
    def test_takes_the_credits_back(self, shop, buyer, owner):
        payment = shop.buy(buyer)
        answer = buyer.post(f"/api/payments/{payment.pk}/refund", {"reason": "By mistake"}).json()
        assert (answer["status"], answer["payment"]["status"]) == ("succeeded", "refunded")
        assert has(owner) == (0, 20)
        shop.deliver(times=3, shuffled=True)
        assert lines(owner) == [("purchase", 100), ("adjustment", -100)]

    def test_is_refused_to_who_has_spent_them(self, shop, buyer, owner, problem):
        payment = shop.buy(buyer)
        services.spend(organization_id=owner.organization_id, amount=25, feature="story")
        refused = buyer.post(f"/api/payments/{payment.pk}/refund", {"reason": "By mistake"})
        assert problem(refused) == (409, "CONFLICT")
        payment.refresh_from_db()
        assert payment.status == "paid"

    def test_takes_what_is_left_where_the_provider_gave_it_back_and_records_what_is_not(
        self, shop, stripe, buyer, owner
    ):
        payment = shop.buy(buyer)
        services.spend(organization_id=owner.organization_id, amount=50, feature="story")  # 20 of the gift, 30 of these
        stripe.refund(payment.intent_id)
        shop.deliver(times=2)
        payment.refresh_from_db()
        assert (payment.status, payment.taken_back, payment.missing) == ("refunded", 70, 30)
        assert has(owner) == (0, 0)

    def test_of_a_part_takes_that_part(self, shop, stripe, buyer, owner):
        payment = shop.buy(buyer)
        stripe.refund(payment.intent_id, 250)
        shop.deliver()
        payment.refresh_from_db()
        assert payment.status == "partially_refunded"
        assert has(owner)[0] == 100 - Decimal("50.1002004")  # 250 of 499 cents
        stripe.refund(payment.intent_id)
        shop.deliver()
        assert has(owner) == (0, 20)

    def test_is_found_by_the_daily_reading_when_its_webhook_is_lost(self, shop, stripe, buyer, owner):
        payment = shop.buy(buyer)
        stripe.refund(payment.intent_id)
        stripe.taken()
        aged(payment.session)
        sweeps.read_paid_payments()
        assert has(owner) == (0, 20)

    def test_asked_for_twice_happens_once(self, shop, stripe, buyer, owner, problem):
        payment = shop.buy(buyer)
        stripe.misbehave("POST", "/v1/refunds", times=9, status=500, after=True)
        first = buyer.post(f"/api/payments/{payment.pk}/refund", {"reason": "Mistake"})
        assert first.json()["status"] in {"pending", "succeeded"}
        stripe.behave()
        again = buyer.post(f"/api/payments/{payment.pk}/refund", {"reason": "Mistake"})
        assert problem(again) == (409, "CONFLICT")
        refund = payment.refunds.get()
        type(refund).objects.filter(pk=refund.pk).update(next_try_at=None)
        services.send_refund(refund.pk)
        shop.deliver()
        assert len(stripe.of("refund", payment_intent=payment.intent_id)) == 1
        assert has(owner) == (0, 20)

    def test_of_somebody_elses_payment_is_404(self, shop, buyer, api, stranger, problem):
        payment = shop.buy(buyer)
        refused = api(stranger).post(f"/api/payments/{payment.pk}/refund", {"reason": "Mine now"})
        assert problem(refused) == (404, "NOT_FOUND")
        assert not payment.refunds.exists()


class TestDispute:
    def test_takes_everything_back_and_gives_it_again_when_it_is_won(self, shop, stripe, buyer, owner):
        payment = shop.buy(buyer)
        stripe.dispute(payment.intent_id)
        shop.deliver(times=2)
        payment.refresh_from_db()
        assert payment.status == "disputed"
        assert has(owner) == (0, 20)
        stripe.win_dispute(payment.intent_id)
        shop.deliver(times=2)
        payment.refresh_from_db()
        assert payment.status == "paid"
        assert has(owner) == (100, 20)


def aged(session):
    """As if it had been begun, and last been looked at, two days ago."""
    before = timezone.now() - timedelta(days=2)
    CheckoutSession.objects.filter(pk=session.pk).update(created_at=before, read_at=before)

"""The sandbox as one meets it: its pages, its webhooks over HTTP, its sweep, its doors for programs; and production,
where none of it exists."""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from billing import services as shop
from billing.models import (
    CheckoutSession,
    Payment,
    SandboxCharge,
    SandboxCheckout,
    SandboxDelivery,
    SandboxRefund,
    SandboxSubscription,
    Subscription,
    Wallet,
    WebhookEvent,
)
from billing.providers.base import Incoming, ProviderError
from billing.sandbox import services, tasks, webhooks

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    return Client(enforce_csrf_checks=False)


@pytest.fixture
def buy(owner: Any, settings: Any) -> Callable[..., CheckoutSession]:
    """`buy(pack="starter")`, `buy(plan="pro")`: sends the owner to the sandbox."""

    def start(person: Any = owner, **wish: Any) -> CheckoutSession:
        kind = "subscription" if "plan" in wish else "one_time"
        return shop.start_checkout(
            user=person.user,
            organization_id=person.organization_id,
            type=kind,
            key=str(uuid.uuid4()),
            provider="sandbox",
            success_url=f"{settings.PUBLIC_URL}/wallet",
            cancel_url=f"{settings.PUBLIC_URL}/pricing",
            **wish,
        )

    return start


@pytest.fixture
def paid(buy: Callable[..., CheckoutSession]) -> Callable[..., tuple[CheckoutSession, SandboxCharge]]:
    def pay(**wish: Any) -> tuple[CheckoutSession, SandboxCharge]:
        session = buy(**wish)
        services.pay(uuid.UUID(session.provider_session_id))
        return session, SandboxCharge.objects.get(reference=str(session.pk))

    return pay


class Shop:
    """Where the webhooks go: keeps what was posted, and hands it to the inbox unless it is to fail."""

    def __init__(self) -> None:
        self.posted: list[Incoming] = []
        self.status = 200

    def __enter__(self) -> "Shop":
        shop_itself = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                assert self.path == "/webhooks/sandbox"
                shop_itself.posted.append(Incoming(body, headers))
                self.send_response(shop_itself.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join(5)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_port}"

    def work_off(self) -> None:
        """Takes in what was posted, as the site's own door does, and works it off."""
        posted, self.posted = self.posted, []
        for incoming in posted:
            shop.receive_webhook("sandbox", incoming)
        for event in WebhookEvent.objects.filter(status="waiting"):
            assert shop.process_event(event.pk)


@pytest.fixture
def door(settings: Any) -> Iterator[Shop]:
    with Shop() as shop_door:
        block = settings.PAYMENT_PROVIDERS["sandbox"] | {"BASE_URL": shop_door.url}
        settings.PAYMENT_PROVIDERS = settings.PAYMENT_PROVIDERS | {"sandbox": block}
        yield shop_door


def path_of(session: CheckoutSession) -> str:
    return f"/sandbox/checkout/{session.provider_session_id}"


# --- the page to pay on -----------------------------------------------------------------------------------------------


def test_the_page_says_what_it_costs_and_that_no_money_moves(browser, buy):
    session = buy(pack="starter")
    assert session.checkout_url.endswith(path_of(session))
    page = browser.get(path_of(session))
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "no-store"
    text = page.content.decode()
    assert session.description in text
    assert "no money moves" in text
    assert 'name="robots" content="noindex"' in text


def test_paying_twice_pays_once_and_shows_the_way_back(browser, buy):
    session = buy(pack="starter")
    for _ in range(2):
        page = browser.post(path_of(session), {"act": "pay"}, follow=True)
        assert "Back to the theatre" in page.content.decode()
    assert SandboxCharge.objects.filter(status="paid").count() == 1
    assert [one.kind for one in SandboxDelivery.objects.all()] == ["checkout.paid"]


def test_a_refused_card_ends_the_checkout(browser, buy):
    session = buy(pack="starter")
    page = browser.post(path_of(session), {"act": "decline"}, follow=True)
    assert "The card was refused" in page.content.decode()
    browser.post(path_of(session), {"act": "pay"})
    assert list(SandboxCharge.objects.values_list("status", flat=True)) == ["failed"]
    shop.follow_session(session)
    session.refresh_from_db()
    assert session.status == "failed"


def test_what_expired_can_not_be_paid(browser, buy):
    session = buy(pack="starter")
    SandboxCheckout.objects.update(expires_at=timezone.now())
    page = browser.post(path_of(session), {"act": "pay"}, follow=True)
    assert "This checkout has ended" in page.content.decode()
    assert not SandboxCharge.objects.exists()


@pytest.mark.parametrize("act", ["", "steal", "pay\x00"])
def test_an_unknown_act_does_nothing(browser, buy, act):
    session = buy(pack="starter")
    assert browser.post(path_of(session), {"act": act}).status_code == 302
    assert not SandboxCharge.objects.exists()


def test_the_page_needs_the_forms_token(buy):
    session = buy(pack="starter")
    assert Client(enforce_csrf_checks=True).post(path_of(session), {"act": "pay"}).status_code == 403
    assert not SandboxCharge.objects.exists()


def test_nobody_finds_an_unknown_checkout_or_payer(browser):
    for path in (f"/sandbox/checkout/{uuid.uuid4()}", "/sandbox/stage-door/customer-nobody"):
        assert browser.get(path).status_code == 404
    for path in (f"/sandbox/charges/{uuid.uuid4()}", f"/sandbox/subscriptions/{uuid.uuid4()}"):
        assert browser.post(path, {"act": "refund"}).status_code == 404


# --- the bank ---------------------------------------------------------------------------------------------------------


def test_the_bank_refunds_a_part_and_no_more_than_there_is(browser, paid):
    _, charge = paid(pack="starter")
    for amount, refunded in (("1.50", 150), ("0", 150), ("-1", 150), ("x", 150), ("99999999", 150), ("1e400", 150)):
        assert browser.post(f"/sandbox/charges/{charge.pk}", {"act": "refund", "amount": amount}).status_code == 302
        charge.refresh_from_db()
        assert charge.refunded == refunded
    assert SandboxRefund.objects.count() == 1


def test_the_bank_disputes_and_settles(browser, paid):
    _, charge = paid(pack="starter")
    door = f"/sandbox/stage-door/{charge.customer_id}"
    for act, shown in (("dispute", "disputed"), ("shop_wins", "The shop won a dispute")):
        page = browser.post(f"/sandbox/charges/{charge.pk}", {"act": act}, follow=True)
        assert page.redirect_chain[-1][0] == door
        assert shown in page.content.decode()
    page = browser.post(f"/sandbox/charges/{charge.pk}", {"act": "dispute"}, follow=True)
    assert "can be disputed, and once" in page.content.decode()


def test_the_bank_renews_refuses_cancels_and_resumes(browser, paid):
    paid(plan="pro")
    subscription = SandboxSubscription.objects.get()
    path = f"/sandbox/subscriptions/{subscription.pk}"
    steps = [
        ("cancel", "active", True, 1),
        ("resume", "active", False, 1),
        ("renew", "active", False, 2),
        ("fail_next", "active", False, 2),
        ("renew", "past_due", False, 2),
        ("renew", "active", False, 3),
        ("cancel_now", "cancelled", False, 3),
        ("renew", "cancelled", False, 3),
    ]
    for act, status, ends, count in steps:
        assert browser.post(path, {"act": act}).status_code == 302
        subscription.refresh_from_db()
        assert (subscription.status, subscription.cancel_at_period_end) == (status, ends), act
        assert subscription.charges.filter(status="paid").count() == count, act


@pytest.mark.parametrize("back", ["javascript:alert(1)", "//elsewhere.example", "http://[", "data:text/html,x"])
def test_no_strange_address_becomes_a_link(browser, paid, back):
    _, charge = paid(pack="starter")
    page = browser.get(f"/sandbox/stage-door/{charge.customer_id}", {"back": back})
    assert "Back to the theatre" not in page.content.decode()


def test_the_bank_asks_as_much_for_many_charges_as_for_one(browser, paid, django_assert_num_queries):
    _, charge = paid(plan="pro")
    subscription = SandboxSubscription.objects.get()
    door = f"/sandbox/stage-door/{charge.customer_id}"
    with django_assert_num_queries(2):
        browser.get(door)
    for _ in range(5):
        services.renew(subscription.pk)
    with django_assert_num_queries(2):
        browser.get(door)


# --- webhooks ---------------------------------------------------------------------------------------------------------


def test_its_webhooks_pay_what_was_bought(paid, door, owner):
    before = Wallet.objects.get(organization=owner.organization_id).balance
    session, charge = paid(pack="starter")
    assert webhooks.sweep() == 1
    door.work_off()
    session.refresh_from_db()
    assert session.status == "paid"
    payment = Payment.objects.get()
    assert (payment.intent_id, payment.status, payment.amount) == (str(charge.pk), "paid", session.amount)
    assert Wallet.objects.get(organization=owner.organization_id).balance == before + session.credits
    assert webhooks.sweep() == 0


def test_a_refund_and_a_dispute_reach_the_shop(paid, door):
    _, charge = paid(pack="starter")
    webhooks.sweep()
    door.work_off()
    services.refund_charge(charge.pk, 100)
    webhooks.sweep()
    door.work_off()
    assert Payment.objects.get().status == "partially_refunded"
    services.dispute(charge.pk)
    webhooks.sweep()
    door.work_off()
    assert Payment.objects.get().status == "disputed"


def test_a_shop_that_is_away_is_told_again_later_with_the_same_id(paid, door):
    paid(pack="starter")
    door.status = 503
    assert webhooks.sweep() == 0
    delivery = SandboxDelivery.objects.get()
    assert (delivery.status, delivery.attempts, delivery.error) == ("waiting", 1, "answered 503")
    assert delivery.next_try_at > timezone.now()
    assert webhooks.sweep() == 0
    assert len(door.posted) == 1
    door.status = 200
    SandboxDelivery.objects.update(next_try_at=timezone.now())
    assert webhooks.sweep() == 1
    assert len({incoming.headers["webhook-id"] for incoming in door.posted}) == 1
    assert len(door.posted) == 2


def test_it_gives_up_in_the_end(paid, door):
    paid(pack="starter")
    door.status = 500
    SandboxDelivery.objects.update(attempts=webhooks.TRIES - 1)
    webhooks.sweep()
    assert SandboxDelivery.objects.get().status == "failed"
    SandboxDelivery.objects.update(next_try_at=timezone.now())
    assert webhooks.sweep() == 0
    assert len(door.posted) == 1


def test_two_workers_post_it_once(paid, door):
    paid(pack="starter")
    delivery = SandboxDelivery.objects.get()
    SandboxDelivery.objects.update(next_try_at=timezone.now() + timedelta(seconds=30))  # another is at it
    assert not webhooks.deliver(delivery.pk)
    assert door.posted == []


def test_what_it_tells_holds_no_secret(paid, door, settings):
    paid(pack="starter")
    webhooks.sweep()
    (incoming,) = door.posted
    assert json.loads(incoming.body).keys() == {"type", "timestamp", "data"}
    assert settings.SECRET_KEY not in f"{incoming}"


# --- time -------------------------------------------------------------------------------------------------------------


def test_the_sweep_renews_what_is_due_and_ends_what_nobody_pays(paid, door):
    paid(plan="pro")
    subscription = SandboxSubscription.objects.get()
    tasks.sweep()
    assert subscription.charges.count() == 1
    SandboxSubscription.objects.update(period_end=timezone.now())
    tasks.sweep()
    tasks.sweep()
    assert subscription.charges.count() == 2
    SandboxSubscription.objects.update(status="past_due", period_end=timezone.now() - timedelta(days=15))
    tasks.sweep()
    subscription.refresh_from_db()
    assert subscription.status == "cancelled"


def test_a_renewal_extends_the_plan_and_one_that_failed_makes_it_past_due(paid, door):
    paid(plan="pro")
    webhooks.sweep()
    door.work_off()
    plan = Subscription.objects.get()
    services.renew(uuid.UUID(plan.provider_subscription_id))
    webhooks.sweep()
    door.work_off()
    renewed = Subscription.objects.get()
    assert renewed.current_period_end > plan.current_period_end
    assert Payment.objects.filter(status="paid").count() == 2
    services.fail_next(uuid.UUID(plan.provider_subscription_id))
    services.renew(uuid.UUID(plan.provider_subscription_id))
    webhooks.sweep()
    door.work_off()
    assert Subscription.objects.get().status == "past_due"


@pytest.mark.parametrize(
    ("start", "every", "day", "end"),
    [
        ("2026-01-31", "month", 31, "2026-02-28"),
        ("2026-02-28", "month", 31, "2026-03-31"),
        ("2026-12-05", "month", 5, "2027-01-05"),
        ("2028-02-29", "year", 29, "2029-02-28"),
    ],
)
def test_a_short_month_does_not_shorten_the_next(start, every, day, end):
    begins = datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert services.period_after(begins, every, day).date().isoformat() == end


@pytest.mark.parametrize("period", ["month", "year"])
def test_time_that_is_bought_once_does_not_renew(api, owner, settings, period):
    session = shop.start_checkout(
        user=owner.user,
        organization_id=owner.organization_id,
        type="one_time",
        key=str(uuid.uuid4()),
        provider="sandbox",
        plan="pro",
        billing_period=period,
    )
    assert api(owner).post(f"/api/payments/test/complete-payment/{session.pk}").json()["status"] == "paid"
    assert not SandboxSubscription.objects.exists()
    plan = Subscription.objects.get()
    assert (plan.status, plan.renews) == ("active", False)


# --- by program -------------------------------------------------------------------------------------------------------


def test_a_program_pays_its_own_checkout_once(api, owner, buy):
    session = buy(pack="starter")
    for _ in range(2):
        answer = api(owner).post(f"/api/payments/test/complete-payment/{session.pk}")
        assert answer.status_code == 200, answer.content
        assert answer.json()["status"] == "paid"
        assert answer.json()["payment"]["status"] == "paid"
    assert Payment.objects.count() == 1


def test_a_program_pays_by_the_providers_id(api, owner, buy, problem):
    session = buy(pack="starter")
    first = api(owner).post(f"/api/payments/test/complete-by-intent/{session.provider_session_id}").json()
    assert first["status"] == "paid"
    again = api(owner).post(f"/api/payments/test/complete-by-intent/{first['payment']['intent_id']}").json()
    assert again == first
    assert problem(api(owner).post("/api/payments/test/complete-by-intent/nobody")) == (404, "NOT_FOUND")


def test_what_was_refused_or_is_another_providers_is_a_conflict(api, owner, buy, problem):
    session = buy(pack="starter")
    services.decline(uuid.UUID(session.provider_session_id))
    path = f"/api/payments/test/complete-payment/{session.pk}"
    assert problem(api(owner).post(path)) == (409, "CONFLICT")
    CheckoutSession.objects.update(provider="stripe")
    assert problem(api(owner).post(path)) == (409, "CONFLICT")
    assert not Payment.objects.filter(status="paid").exists()


def test_nobody_else_pays_it(api, stranger, staff, buy, problem):
    session = buy(pack="starter")
    for path in (
        f"/api/payments/test/complete-payment/{session.pk}",
        f"/api/payments/test/complete-by-intent/{session.provider_session_id}",
    ):
        assert problem(api().post(path)) == (401, "UNAUTHENTICATED")
        assert problem(api(stranger).post(path)) == (404, "NOT_FOUND")
        assert problem(api(staff).post(path)) == (404, "NOT_FOUND")
    assert not SandboxCharge.objects.exists()


def test_a_program_takes_a_plan(api, owner, problem):
    path = "/api/payments/test/create-manual-subscription"
    answer = api(owner).post(path, {"plan": "pro", "billing_period": "year"})
    assert answer.status_code == 200, answer.content
    taken = answer.json()
    assert (taken["plan"], taken["provider"], taken["status"]) == ("pro", "sandbox", "active")
    assert taken["organization"] == str(owner.organization_id)
    assert problem(api(owner).post(path, {"plan": "premium"})) == (409, "CONFLICT")
    assert Subscription.objects.count() == 1


@pytest.mark.parametrize("body", [{}, {"plan": "nobody"}, {"plan": "pro", "billing_period": "week"}, {"plan": 1}, []])
def test_a_wrong_plan_is_refused(api, owner, problem, body):
    assert problem(api(owner).post("/api/payments/test/create-manual-subscription", body)) == (400, "VALIDATION_ERROR")
    assert not Subscription.objects.exists()


def test_a_program_asks_where_the_site_stands(api, settings):
    answer = api().get("/api/public-payments/test/url-config").json()
    assert answer["public_url"] == settings.PUBLIC_URL
    assert answer["webhook_urls"]["sandbox"] == f"{settings.PUBLIC_URL}/webhooks/sandbox"
    assert answer["environment"] == "test"


# --- production -------------------------------------------------------------------------------------------------------


def test_in_production_its_pages_are_not_there(browser, paid, settings):
    session, charge = paid(plan="pro")
    other = SandboxSubscription.objects.get()
    to_production(settings)
    assert browser.get(path_of(session)).status_code == 404
    assert browser.post(path_of(session), {"act": "pay"}).status_code == 404
    assert browser.get(f"/sandbox/stage-door/{charge.customer_id}").status_code == 404
    assert browser.post(f"/sandbox/charges/{charge.pk}", {"act": "dispute"}).status_code == 404
    assert browser.post(f"/sandbox/subscriptions/{other.pk}", {"act": "renew"}).status_code == 404
    charge.refresh_from_db()
    assert charge.dispute == ""
    assert SandboxCharge.objects.count() == 1


def test_in_production_programs_find_nothing_either(api, owner, buy, settings, problem):
    session = buy(pack="starter")
    to_production(settings)
    for path, body in (
        (f"/api/payments/test/complete-payment/{session.pk}", {}),
        (f"/api/payments/test/complete-by-intent/{session.provider_session_id}", {}),
        ("/api/payments/test/create-manual-subscription", {"plan": "pro"}),
    ):
        assert problem(api(owner).post(path, body)) == (404, "NOT_FOUND")
        assert problem(api().post(path, body)) == (404, "NOT_FOUND")
    assert problem(api().get("/api/public-payments/test/url-config")) == (404, "NOT_FOUND")
    assert not SandboxCharge.objects.exists()
    assert not Subscription.objects.exists()


def test_in_production_its_tasks_do_nothing(paid, door, settings):
    paid(plan="pro")
    SandboxSubscription.objects.update(period_end=timezone.now())
    to_production(settings)
    delivery = SandboxDelivery.objects.get()
    assert tasks.sweep() == 0
    assert not webhooks.deliver(delivery.pk)
    with pytest.raises(ProviderError):
        services.renew(SandboxSubscription.objects.get().pk)
    assert door.posted == []
    assert SandboxCharge.objects.count() == 1


def to_production(settings: Any) -> None:
    """A site in production whose settings name the sandbox all the same."""
    settings.ENVIRONMENT, settings.IN_PRODUCTION = "production", True

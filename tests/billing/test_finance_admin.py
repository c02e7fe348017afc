"""The finance desk: who may do what, what each action does, its page and its files."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.test import AsyncClient, Client
from django.urls import reverse

from accounts import services as accounts
from accounts.models import User
from billing import exports, services
from billing.models import CheckoutSession, Entry, Payment, Refund, Subscription, UnmatchedCharge, WebhookEvent
from billing.selectors import finance
from common.models import AuditEntry
from tests.billing.shop import Shop, has, work_off
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
def payment(shop, api, owner):
    return shop.buy(api(owner))


@pytest.fixture
def of_role(join):
    """`of_role("finance")`: a browser of somebody who has the role."""

    def sign_in(role):
        person = join(f"sven-{role}")
        boss = User.objects.filter(is_superuser=True).first() or User.objects.create_superuser(
            "boss@troupe.example", username="boss"
        )
        accounts.set_access(user=person.user, role=role, is_active=True, actor=boss, reason="hired")
        client = Client()
        client.force_login(person.user)
        return client

    return sign_in


@pytest.fixture
def desk(of_role):
    return of_role("finance")


def act(client, row, action, **form):
    """Fills in an action's dialog."""
    page = reverse(f"admin:billing_{row._meta.model_name}_{action}", args=[row.pk])
    return client.post(page, {"reason": "the payer asked", "_form_submitted": "on"} | form)


def told(client):
    """The message on the next page."""
    return client.get("/admin/").content.decode()


def trail(action):
    return list(AuditEntry.objects.filter(action=action).values_list("reason", flat=True))


# --- payments ---------------------------------------------------------------------------------------------------------


class TestRefund:
    def test_gives_all_of_it_back(self, desk, payment, owner):
        act(desk, payment, "refund")
        payment.refresh_from_db()
        assert payment.status == "refunded"
        assert has(owner) == (0, 20)
        assert trail("payment.refund") == ["the payer asked"]

    def test_gives_a_part_back(self, desk, payment):
        act(desk, payment, "refund", amount="2.50")
        payment.refresh_from_db()
        assert (payment.status, payment.refunded_amount) == ("partially_refunded", 250)

    @pytest.mark.parametrize("amount", ["5.00", "0", "2.505", "-1", "much", "1e9"])
    def test_of_an_odd_amount_is_refused(self, desk, payment, amount):
        act(desk, payment, "refund", amount=amount)
        assert not Refund.objects.exists()
        assert trail("payment.refund") == []

    @pytest.mark.parametrize("reason", ["", " ", "no", "x" * 301])
    def test_wants_a_reason(self, desk, payment, reason):
        act(desk, payment, "refund", reason=reason)
        assert not Refund.objects.exists()

    def test_twice_gives_it_back_once(self, desk, payment):
        act(desk, payment, "refund")
        act(desk, payment, "refund")
        assert Refund.objects.count() == 1
        assert "Nothing was done" in told(desk)

    @pytest.mark.parametrize("role", ["support", "moderator", "member"])
    def test_is_closed_to_everybody_else(self, of_role, payment, role, owner):
        assert act(of_role(role), payment, "refund").status_code in {302, 403}
        assert not Refund.objects.exists()
        assert has(owner) == (100, 20)

    def test_says_so_where_the_provider_does_not_answer(self, desk, payment, stripe):
        stripe.misbehave("POST", "/v1/refunds", times=9, status=500)
        act(desk, payment, "refund")
        assert "pending" in told(desk)


def test_asking_the_provider_finds_what_nobody_told(desk, payment, stripe, owner):
    stripe.refund(payment.intent_id)
    act(desk, payment, "ask")
    payment.refresh_from_db()
    assert payment.status == "refunded"
    assert trail("payment.ask") == ["the payer asked"]


def test_asking_about_a_checkout_finds_its_payment(desk, shop, api, owner, stripe):
    session = shop.checkout(api(owner))
    stripe.pay(session.provider_session_id)
    act(desk, session, "ask")
    session.refresh_from_db()
    assert session.status == "paid"
    assert has(owner) == (100, 20)


class TestPlan:
    @pytest.fixture
    def subscription(self, shop, api, owner):
        shop.pay(shop.checkout(api(owner), **PREMIUM))
        return Subscription.objects.get()

    def test_is_read_again(self, desk, subscription, stripe):
        stripe.cancel(subscription.provider_subscription_id)
        act(desk, subscription, "ask")
        subscription.refresh_from_db()
        assert subscription.status == "cancelled"

    def test_is_cancelled_at_once(self, desk, subscription, stripe):
        act(desk, subscription, "cancel")
        subscription.refresh_from_db()
        assert subscription.status == "cancelled"
        assert trail("subscription.cancel") == ["the payer asked"]
        assert stripe.find("subscription", subscription.provider_subscription_id)["status"] == "canceled"
        act(desk, subscription, "cancel")
        assert "It has ended already" in told(desk)

    def test_is_not_cancelled_by_support(self, of_role, subscription):
        assert act(of_role("support"), subscription, "cancel").status_code == 403
        subscription.refresh_from_db()
        assert subscription.status == "active"


# --- unmatched charges ------------------------------------------------------------------------------------------------


class TestUnmatched:
    @pytest.fixture
    def charge(self, shop, api, owner):
        session = shop.checkout(api(owner))
        CheckoutSession.objects.filter(pk=session.pk).update(amount=500)
        shop.provider.pay(session.provider_session_id)
        shop.deliver()
        return UnmatchedCharge.objects.get()

    def test_is_given_back(self, desk, charge, stripe):
        act(desk, charge, "refund")
        charge.refresh_from_db()
        assert charge.resolved_at
        assert charge.resolution.startswith("Given back")
        assert len(stripe.of("refund", payment_intent=charge.intent_id)) == 1
        assert trail("unmatched.refund") == ["the payer asked"]

    def test_is_given_back_once_though_the_answer_was_lost(self, desk, charge, stripe):
        stripe.misbehave("POST", "/v1/refunds", times=3, status=500, after=True)
        act(desk, charge, "refund")
        charge.refresh_from_db()
        assert charge.resolved_at is None
        stripe.behave()
        act(desk, charge, "credit", organization=charge.session.organization_id, credits="100")
        assert "A refund of it was begun" in told(desk)
        act(desk, charge, "refund")
        charge.refresh_from_db()
        assert charge.resolved_at
        assert len(stripe.of("refund", payment_intent=charge.intent_id)) == 1

    def test_becomes_credits_once(self, desk, charge, owner):
        for _ in range(2):
            act(desk, charge, "credit", organization=owner.organization_id, credits="100")
        charge.refresh_from_db()
        assert charge.resolved_at
        assert has(owner) == (100, 20)
        assert Entry.objects.get(key=f"unmatched:{charge.pk}").feature == "purchase"

    def test_does_not_become_more_credits_than_one_person_may_give(self, desk, charge, owner):
        act(desk, charge, "credit", organization=owner.organization_id, credits="1001")
        assert "second person" in told(desk)
        assert has(owner) == (0, 20)

    def test_is_closed_with_a_note(self, desk, charge):
        act(desk, charge, "close", reason="settled by mail")
        charge.refresh_from_db()
        assert (charge.resolution, bool(charge.resolved_at)) == ("settled by mail", True)
        act(desk, charge, "refund")
        assert "resolved already" in told(desk)

    def test_is_not_touched_by_support(self, of_role, charge, owner):
        client = of_role("support")
        for action in ("refund", "credit", "close"):
            assert act(client, charge, action, organization=owner.organization_id, credits="1").status_code == 403
        charge.refresh_from_db()
        assert charge.resolved_at is None
        assert has(owner) == (0, 20)


# --- webhooks ---------------------------------------------------------------------------------------------------------


class TestReplay:
    def test_of_one_works_it_off_again(self, desk, payment):
        event = WebhookEvent.objects.first()
        act(desk, event, "replay")
        work_off()
        event.refresh_from_db()
        assert (event.status, event.attempts) == ("done", 1)
        assert trail("webhook.replay") == ["the payer asked"]

    def test_of_all_that_failed_takes_those_of_a_provider(self, desk, payment):
        WebhookEvent.objects.update(status="failed")
        count = WebhookEvent.objects.count()
        page = reverse("admin:billing_webhookevent_replay_failed")
        form = {"reason": "it is up again", "_form_submitted": "on"}
        desk.post(page, form | {"provider": "paypal"})
        assert WebhookEvent.objects.filter(status="failed").count() == count
        desk.post(page, form | {"provider": "stripe"})
        assert WebhookEvent.objects.filter(status="waiting").count() == count
        assert trail("webhook.replay") == ["it is up again"] * count

    def test_is_closed_to_support(self, of_role, payment):
        WebhookEvent.objects.update(status="failed")
        page = reverse("admin:billing_webhookevent_replay_failed")
        assert of_role("support").post(page, {"reason": "why not", "_form_submitted": "on"}).status_code == 403
        assert not WebhookEvent.objects.exclude(status="failed").exists()


# --- lists ------------------------------------------------------------------------------------------------------------

LISTS = ("payment", "checkoutsession", "subscription", "refund", "invoice", "customer", "unmatchedcharge")
LISTS += ("webhookevent", "topup", "tieruse", "adjustmentrequest")


@pytest.mark.parametrize("name", LISTS)
def test_every_list_is_found_by_id_and_read_only(desk, payment, name):
    page = reverse(f"admin:billing_{name}_changelist")
    for query in ("", f"?q={payment.organization_id}", f"?q={payment.intent_id}", "?q=%00'\"", "?q=2026-000001"):
        assert desk.get(page + query).status_code == 200, query
    assert desk.get(page + "add/").status_code == 403


@pytest.mark.parametrize("name", ["payment", "invoice", "webhookevent", "checkoutsession", "customer"])
def test_lists_ask_the_same_of_the_database_at_two_sizes(desk, shop, api, owner, name, payment):
    page = reverse(f"admin:billing_{name}_changelist")
    counted = _queries(desk, page)
    for _ in range(4):
        shop.buy(api(owner))
    assert _queries(desk, page) == counted


def _queries(client, page):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client.get(page)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(page).status_code == 200
    return len(queries)


def test_payments_are_found_by_what_the_provider_calls_them(desk, payment, shop, api, owner):
    shop.buy(api(owner))
    page = desk.get(reverse("admin:billing_payment_changelist") + f"?q={payment.intent_id}")
    assert [row.pk for row in page.context["cl"].queryset] == [payment.pk]
    page = desk.get(reverse("admin:billing_payment_changelist") + f"?q={owner.organization_id}&provider=stripe")
    assert page.context["cl"].queryset.count() == 2


# --- the page ---------------------------------------------------------------------------------------------------------


class TestPage:
    @pytest.fixture
    def sold(self, shop, api, owner, teammate):
        first, second = shop.buy(api(owner)), shop.buy(api(owner), package_id="creator")
        shop.provider.refund(first.intent_id, 100)
        shop.provider.dispute(second.intent_id)
        shop.deliver()
        shop.pay(shop.checkout(api(teammate), **PREMIUM))

    def test_shows_what_came_in_and_what_went_back(self, desk, sold):
        today = datetime.now(UTC).date()
        revenue = finance.revenue(today, today, "USD")
        total = revenue.total
        assert (total.payments, total.amount, total.refunded, total.disputed) == (3, 499 + 1999 + 999, 100, 1999)
        assert total.kept == 399 + 999
        assert [(row.name, row.amount) for row in revenue.by_thing] == [
            ("Creator", 1999), ("Premium", 999), ("Starter", 499)
        ]  # fmt: skip
        assert [(row.name, row.payments) for row in revenue.by_provider] == [("stripe", 3)]
        assert [row.name for row in revenue.by_day] == [today.isoformat()]
        text = desk.get("/admin/billing/payment/finance/").content.decode()
        for said in ("$34.97", "$1.00", "$19.99", "Creator", "Monthly recurring revenue", "$9.99"):
            assert said in text, said

    def test_counts_credits(self, sold, owner):
        services.spend(organization_id=owner.organization_id, amount=7, feature="story")
        today = datetime.now(UTC).date()
        moved = finance.credits_moved(today, today)
        assert (moved["sold"], moved["spent"], moved["expired"], moved["adjusted"]) == (625, 7, 0, 0)
        assert moved["granted"] == 200 + 20 * 2  # the month of the plan, and two who signed up
        assert moved["back"] > 500
        outstanding = finance.credits_outstanding()
        assert sum(outstanding.values()) == moved["sold"] + moved["granted"] - moved["back"] - 7
        yesterday = today - timedelta(days=1)
        assert not any(finance.credits_moved(yesterday, yesterday).values())

    def test_shows_plans_and_what_they_bring(self, sold):
        (premium,) = finance.plan_income("USD")
        assert (premium.plan, premium.running, premium.renewing, premium.monthly) == ("Premium", 1, 1, 999)
        Subscription.objects.update(billing_period="year", amount=9990)
        assert finance.plan_income("USD")[0].monthly == 833
        assert finance.plan_income("EUR")[0].monthly == 0

    def test_shows_what_waits(self, desk, sold):
        WebhookEvent.objects.update(status="failed")
        counts = finance.on_the_desk()
        assert counts["webhooks_failed"] == WebhookEvent.objects.count()
        assert counts["unmatched"] == counts["refunds_pending"] == 0

    def test_asks_the_same_of_the_database_at_two_sizes(self, desk, shop, api, owner):
        page = "/admin/billing/payment/finance/"
        shop.buy(api(owner))
        counted = _queries(desk, page)
        for _ in range(5):
            shop.buy(api(owner), package_id="creator")
        assert _queries(desk, page) == counted

    @pytest.mark.parametrize(
        "query", ["?since=2026-02-30", "?since=2020-01-01&until=2026-01-01", "?currency=XXX", "?until=%00", "?since=x"]
    )
    def test_of_an_odd_range_says_so(self, desk, query):
        answer = desk.get("/admin/billing/payment/finance/" + query)
        assert answer.status_code == 200
        assert 'role="alert"' in answer.content.decode()

    @pytest.mark.parametrize(
        ("role", "status"), [("finance", 200), ("admin", 200), ("support", 403), ("moderator", 403)]
    )
    def test_is_for_finance(self, of_role, role, status):
        client = of_role(role)
        assert client.get("/admin/billing/payment/finance/").status_code == status
        assert client.post("/admin/billing/payment/finance/export/", {}).status_code == (400 if status == 200 else 403)

    def test_has_no_inline_script_or_style(self, desk, sold):
        text = desk.get("/admin/billing/payment/finance/").content.decode()
        main = text[text.index('id="content-main"') : text.index("Take out a table")]
        assert "<script" not in main
        assert "style=" not in main


# --- files ------------------------------------------------------------------------------------------------------------


class TestExport:
    @pytest.fixture
    def form(self):
        today = datetime.now(UTC).date()
        return {"since": str(today), "until": str(today), "currency": "USD", "reason": "the accountant asked"}

    def rows(self, client, form, table):
        answer = client.post("/admin/billing/payment/finance/export/", form | {"table": table})
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))

    def test_of_payments(self, desk, payment, form):
        (row,) = self.rows(desk, form, "payments")
        assert (row["id"], row["amount"], row["currency"], row["credits"]) == (str(payment.pk), "4.99", "USD", "100")
        entry = AuditEntry.objects.get(action="finance.export")
        assert (entry.reason, entry.data["table"]) == ("the accountant asked", "payments")
        assert self.rows(desk, form | {"currency": "EUR"}, "payments") == []

    def test_of_entries_and_invoices(self, desk, payment, form):
        assert len(self.rows(desk, form, "entries")) == Entry.objects.count()
        (row,) = self.rows(desk, form, "invoices")
        assert row["payment"] == str(payment.pk)

    def test_runs_no_formula_of_what_people_wrote(self, desk, payment, form):
        for text in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "\r=1"):
            assert exports.cell(text).startswith("'"), text
        assert exports.cell(Decimal("-1.5000000")) == "-1.5"
        Payment.objects.update(description='=HYPERLINK("http://evil.example")')
        (row,) = self.rows(desk, form, "payments")
        assert row["description"].startswith("'=")

    def test_goes_page_by_page(self, desk, payment, owner, monkeypatch, form):
        monkeypatch.setattr(exports, "PAGE", 2)
        for number in range(5):
            services.grant_credits(organization_id=owner.organization_id, amount=1, key=f"gift:{number}")
        rows = self.rows(desk, form, "entries")
        assert len(rows) == len({row["id"] for row in rows}) == Entry.objects.count()

    @pytest.mark.parametrize("change", [{"reason": ""}, {"table": "secrets"}, {"since": "x"}, {"currency": "XXX"}])
    def test_is_refused_without_a_reason_or_of_odd_things(self, desk, form, change):
        form = form | {"table": "payments"} | change
        assert desk.post("/admin/billing/payment/finance/export/", form).status_code == 400
        assert not AuditEntry.objects.filter(action="finance.export").exists()

    @pytest.mark.django_db(transaction=True)
    async def test_streams_where_the_site_runs_on_asgi(self, form):
        from asgiref.sync import sync_to_async

        client = AsyncClient()
        boss = await sync_to_async(User.objects.create_superuser)("chief@troupe.example", username="chief")
        await client.aforce_login(boss)
        answer = await client.post("/admin/billing/payment/finance/export/", form | {"table": "entries"})
        assert answer.is_async
        text = "".join([part.decode() async for part in answer.streaming_content])
        assert text.startswith("id,created_at")

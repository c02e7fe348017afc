"""The books against payments, and payments against what providers say of a day."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from billing import services, tasks
from billing.models import CheckoutSession, Entry, Payment, Subscription, UnmatchedCharge
from billing.reconciliation import reconcile
from billing.reconciliation_providers import compare, fix
from tests.billing.shop import Shop, has
from tests.standins.midtrans_server import MidtransServer
from tests.standins.stripe_server import StripeServer

pytestmark = pytest.mark.django_db(transaction=True)
PREMIUM = {"type": "subscription", "plan_id": "premium", "package_id": ""}


@pytest.fixture(scope="module")
def servers():
    with StripeServer() as stripe, MidtransServer() as midtrans:
        yield {"stripe": stripe, "midtrans": midtrans}


@pytest.fixture(params=["stripe", "midtrans"])
def shop(request, servers, settings):
    """A provider with a list of a day, and one without."""
    settings.PAYMENT_PROVIDERS = {name: server.block for name, server in servers.items()}
    server = servers[request.param]
    server.taken()
    server.behave()
    return Shop(server)


@pytest.fixture
def buyer(owner, api):
    return api(owner)


def today():
    return datetime.now(UTC).date()


def of(payment):
    """What differs about one payment today."""
    found = compare(today(), payment.provider)
    assert not found.error
    return [difference for difference in found.differences if difference.intent_id == payment.intent_id]


def tampered(sql, *params):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE billing_entry DISABLE TRIGGER billing_entry_append_only")
        cursor.execute(sql, params)
        cursor.execute("ALTER TABLE billing_entry ENABLE TRIGGER billing_entry_append_only")


def differing():
    return {finding.says for finding in reconcile().findings if finding.differences}


# --- with a provider's day --------------------------------------------------------------------------------------------


def test_what_is_the_same_does_not_differ(shop, buyer):
    payment = shop.buy(buyer)
    assert of(payment) == []
    assert compare(today(), payment.provider).compared >= 1


def test_a_refund_that_nobody_told_us_of_is_found_and_followed(shop, buyer, owner):
    payment = shop.buy(buyer)
    shop.provider.refund(payment.intent_id)
    shop.provider.taken()
    (difference,) = of(payment)
    assert (difference.what, difference.ours, difference.theirs) == ("refunded", "0", str(payment.amount))
    fix(compare(today(), payment.provider))
    assert of(payment) == []
    assert has(owner) == (0, 20)


def test_a_dispute_that_nobody_told_us_of_is_found_and_followed(shop, buyer, owner):
    payment = shop.buy(buyer)
    shop.provider.dispute(payment.intent_id)
    shop.provider.taken()
    assert ("disputed", "no", "yes") in [(one.what, one.ours, one.theirs) for one in of(payment)]
    fix(compare(today(), payment.provider))
    assert of(payment) == []
    assert has(owner)[0] == 0


def test_another_amount_is_found(shop, buyer):
    payment = shop.buy(buyer)
    Payment.objects.filter(pk=payment.pk).update(amount=payment.amount + 100)
    assert [one.what for one in of(payment)] == ["amount"]


def test_another_status_is_found_and_followed(shop, buyer, owner):
    payment = shop.buy(buyer)
    Payment.objects.filter(pk=payment.pk).update(paid_at=None, status="pending")
    assert "status" in [one.what for one in of(payment)]


def test_what_the_provider_does_not_know_is_found(shop, buyer):
    payment = shop.buy(buyer)
    Payment.objects.filter(pk=payment.pk).update(intent_id="unheard-of")
    payment.refresh_from_db()
    assert [one.what for one in of(payment)] == ["missing there"]


def test_a_charge_that_is_missing_here_is_credited_by_the_fix(servers, settings, buyer, owner):
    settings.PAYMENT_PROVIDERS = {"stripe": servers["stripe"].block}
    shop = Shop(servers["stripe"])
    session = shop.checkout(buyer)
    shop.provider.pay(session.provider_session_id)
    shop.provider.taken()
    before = compare(today(), "stripe")
    assert "missing here" in {one.what for one in before.differences}
    fix(before)
    assert has(owner) == (100, 20)
    # and what is nobody's stands on the finance desk, and differs no more
    assert compare(today(), "stripe").ok


def test_a_charge_that_is_nobodys_is_recorded_once(servers, settings, buyer, owner):
    settings.PAYMENT_PROVIDERS = {"stripe": servers["stripe"].block}
    shop = Shop(servers["stripe"])
    session = shop.checkout(buyer)
    shop.provider.pay(session.provider_session_id)
    shop.provider.taken()
    CheckoutSession.objects.all().delete()
    fix(fix(compare(today(), "stripe")))
    assert UnmatchedCharge.objects.filter(amount=499).exists()
    assert has(owner) == (0, 20)


def test_a_provider_that_does_not_answer_proves_nothing(shop, buyer):
    payment = shop.buy(buyer)
    shop.provider.misbehave("GET", ".*", times=50, status=500)
    found = compare(today(), payment.provider)
    assert found.error
    assert not found.ok
    shop.provider.behave()


def run(*arguments):
    out = StringIO()
    try:
        call_command("reconcile", *arguments, stdout=out)
    except SystemExit as end:
        return end.code, out.getvalue()
    return 0, out.getvalue()


class TestCommand:
    @pytest.fixture
    def shop(self, servers, settings):
        settings.PAYMENT_PROVIDERS = {"midtrans": servers["midtrans"].block}
        return Shop(servers["midtrans"])

    def test_exits_with_one_on_a_difference_and_with_none_after_the_fix(self, shop, buyer, owner):
        payment = shop.buy(buyer)
        day = ("--day", today().isoformat())
        assert run(*day)[0] == 0
        shop.provider.refund(payment.intent_id)
        code, text = run(*day, "--provider", "midtrans")
        assert code == 1
        assert f"{payment.intent_id}: refunded (ours: 0; theirs: {payment.amount})" in text
        assert has(owner) == (100, 20)
        code, text = run(*day, "--fix")
        assert code == 0
        assert "After following them:" in text
        assert has(owner) == (0, 20)

    def test_reports_to_machines(self, shop, buyer):
        payment = shop.buy(buyer)
        Payment.objects.update(amount=1)
        code, text = run("--day", today().isoformat(), "--json")
        report = json.loads(text)
        assert (code, report["ok"]) == (1, False)
        assert report["found"][0]["differences"][0]["intent_id"] == payment.intent_id

    def test_looks_at_that_day_only(self, shop, buyer):
        shop.buy(buyer)
        Payment.objects.update(amount=1)
        assert run("--day", (today() - timedelta(days=3)).isoformat())[0] == 0

    @pytest.mark.parametrize(
        "arguments",
        [("--fix",), ("--provider", "stripe"), ("--day", "2026-01-01", "--provider", "nobody"), ("--day", "yesterday")],
    )
    def test_refuses_what_makes_no_sense(self, shop, arguments):
        with pytest.raises(CommandError):
            run(*arguments)

    def test_the_daily_task_counts(self, shop, buyer):
        shop.buy(buyer)
        assert tasks.reconcile_with("midtrans", today().isoformat()) == 0
        Payment.objects.update(amount=1)
        assert tasks.reconcile_with("midtrans", today().isoformat()) == 1


# --- the books with payments ------------------------------------------------------------------------------------------


class TestBooks:
    @pytest.fixture
    def shop(self, servers, settings):
        settings.PAYMENT_PROVIDERS = {"stripe": servers["stripe"].block}
        return Shop(servers["stripe"])

    @pytest.fixture
    def busy(self, shop, api, owner, teammate):
        """Packs, one of them refunded in part, another disputed and won; a plan that renews."""
        buyer = api(owner)
        packs = [shop.buy(buyer, package_id="creator") for _ in range(3)]
        services.spend(organization_id=owner.organization_id, amount=1400, feature="story")
        shop.provider.refund(packs[0].intent_id, 700)
        shop.provider.dispute(packs[1].intent_id)
        shop.deliver()
        shop.provider.win_dispute(packs[1].intent_id)
        shop.deliver()
        shop.pay(shop.checkout(api(teammate), **PREMIUM))
        return packs

    def test_agree_after_refunds_disputes_and_months(self, busy):
        assert Subscription.objects.filter(status="active", months_granted=1).exists()
        assert differing() == set()

    @pytest.mark.parametrize(
        ("sql", "says"),
        [
            (
                "UPDATE billing_payment SET credits = credits + 1 WHERE subscription_id IS NULL",
                "Every payment received",
            ),
            ("UPDATE billing_payment SET bonus_credits = 3 WHERE subscription_id IS NULL", "Every payment received"),
            ("UPDATE billing_payment SET paid_at = NULL", "No purchase stands in the ledger"),
            ("UPDATE billing_payment SET taken_back = taken_back + 1", "What went back for a payment"),
            ("UPDATE billing_payment SET missing = missing + 1", "What was taken back and what is missing"),
            ("UPDATE billing_payment SET refunded_amount = 0", "What was taken back and what is missing"),
            ("UPDATE billing_checkoutsession SET status = 'open' WHERE status = 'paid'", "Every checkout that is paid"),
            ("UPDATE billing_subscription SET months_granted = 0", "The months that a plan gave"),
            ("UPDATE billing_subscription SET unspent = unspent + 1", "The months that a plan gave"),
            (
                "UPDATE billing_payment SET bonus_credits = 1 WHERE subscription_id IS NOT NULL",
                "The months that a plan",
            ),
            ("DELETE FROM billing_invoice WHERE serial = 2", "Every payment received has its invoice"),
        ],
    )
    def test_whatever_is_tampered_with_is_found(self, busy, sql, says):
        tampered(sql)
        assert any(found.startswith(says) for found in differing()), differing()

    def test_a_purchase_without_a_payment_is_found(self, busy):
        entry = Entry.objects.filter(kind="purchase").first()
        tampered("UPDATE billing_entry SET key = 'payment:0:main' WHERE id = %s", entry.pk)
        assert {"No purchase stands in the ledger without its payment"} < differing()

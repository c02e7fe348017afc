"""What is for sale, edited by operators: with a reason, never what was paid, and on the price lists at once."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from billing.models import CheckoutSession, Pack, Plan, Price
from billing.selectors.catalogue import CATALOGUE
from common.models import AuditEntry
from common.shared_reads import shared_read

pytestmark = pytest.mark.django_db


@pytest.fixture
def console(staff):
    client = Client()
    client.force_login(staff.user)
    return client


def address(model, page="add", *args):
    return reverse(f"admin:billing_{model._meta.model_name}_{page}", args=args)


def price_form(**fields):
    plan = Plan.objects.get(name="premium")
    form = {"plan": plan.pk, "billing_period": "month", "recurring": "on", "currency": "GBP", "amount": "899"}
    return form | {"is_active": "on", "reason": "a new market"} | fields


def test_a_plan_is_edited_with_a_reason_line_by_line(console, staff):
    plan = Plan.objects.get(name="premium")
    form = {
        "title": "Premium", "features": " 300 credits a month \n\n100 generations a day", "rank": "2",
        "is_active": "on", "monthly_credits": "300", "carry_over": "0", "generations_per_day": "100",
    }  # fmt: skip
    assert console.post(address(Plan, "change", plan.pk), form).status_code == 200
    assert Plan.objects.get(pk=plan.pk).monthly_credits == 200
    assert console.post(address(Plan, "change", plan.pk), form | {"reason": "more for all"}).status_code == 302
    plan.refresh_from_db()
    assert (plan.monthly_credits, plan.features) == (300, ["300 credits a month", "100 generations a day"])
    entry = AuditEntry.objects.get(action="admin.change")
    assert (entry.actor_id, entry.reason) == (staff.id, "more for all")
    assert set(entry.data["fields"]) >= {"features", "monthly_credits"}


def test_the_name_of_a_plan_stays_what_it_was(console):
    plan = Plan.objects.get(name="free")
    form = {"name": "gratis", "title": "Free", "rank": "0", "monthly_credits": "0", "carry_over": "0"}
    assert console.post(address(Plan, "change", plan.pk), form | {"reason": "a better word"}).status_code == 302
    assert Plan.objects.filter(name="free", title="Free", pk=plan.pk).exists()


@pytest.mark.parametrize(
    "features", ["x" * 121, "\n".join(f"line {number}" for number in range(13))], ids=["too long", "too many"]
)
def test_odd_lines_of_a_plan_are_refused(console, features):
    plan = Plan.objects.get(name="premium")
    form = {"title": "P", "features": features, "rank": "2", "monthly_credits": "1", "carry_over": "0", "reason": "why"}
    assert console.post(address(Plan, "change", plan.pk), form).status_code == 200
    assert Plan.objects.get(pk=plan.pk).title == "Premium"


def test_a_price_is_added(console):
    assert console.post(address(Price), price_form()).status_code == 302
    assert Price.objects.filter(currency="GBP", amount=899, recurring=True, plan__name="premium").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"amount": "0"},
        {"amount": "-5"},
        {"amount": "9.99"},
        {"currency": "gbp"},
        {"currency": "EURO"},
        {"plan": ""},
        {"billing_period": ""},
        {"billing_period": "week"},
        {"provider": "nobody"},
        {"currency": "USD"},  # there is such a price already
        {"reason": ""},
    ],
    ids=str,
)
def test_an_odd_price_is_refused(console, change):
    before = Price.objects.count()
    assert console.post(address(Price), price_form(**change)).status_code == 200
    assert Price.objects.count() == before
    assert not AuditEntry.objects.exists()


def test_a_price_is_of_one_thing_only(console):
    pack = Pack.objects.first()
    assert console.post(address(Price), price_form(pack=pack.pk)).status_code == 200
    assert console.post(address(Price), price_form(pack=pack.pk, plan="")).status_code == 200
    once = price_form(pack=pack.pk, plan="", billing_period="")
    del once["recurring"]
    assert console.post(address(Price), once).status_code == 302


@pytest.fixture
def price(owner):
    """One that a payer has been sent to pay."""
    pack = Pack.objects.get(name="starter")
    price = pack.prices.get(currency="USD")
    CheckoutSession.objects.create(
        organization_id=owner.organization_id, user=owner.user, provider="sandbox", type="one_time", status="paid",
        price=price, pack=pack, description="Starter pack", amount=499, currency="USD", key="k",
        expires_at=timezone.now(),
    )  # fmt: skip
    return price


def test_a_price_that_was_paid_keeps_its_amount_and_can_be_switched_off(console, price):
    changed = {"amount": "1", "currency": "EUR", "provider": "stripe", "provider_ref": "x", "reason": "cheaper"}
    assert console.post(address(Price, "change", price.pk), changed).status_code == 302
    after = Price.objects.get(pk=price.pk)
    assert (after.amount, after.currency, after.provider, after.provider_ref) == (499, "USD", "", "")
    assert after.is_active is False


def test_a_price_that_nobody_paid_may_change(console):
    price = Pack.objects.get(name="studio").prices.get(currency="USD")
    form = {"pack": price.pack_id, "currency": "USD", "amount": "6499", "is_active": "on", "reason": "cheaper"}
    assert console.post(address(Price, "change", price.pk), form).status_code == 302
    assert Price.objects.get(pk=price.pk).amount == 6499


@pytest.mark.parametrize("model", [Plan, Pack, Price])
def test_nothing_is_deleted(console, model):
    row = model.objects.first()
    assert console.post(address(model, "delete", row.pk), {"post": "yes", "reason": "gone"}).status_code == 403
    assert model.objects.filter(pk=row.pk).exists()


def test_a_price_list_is_made_afresh_after_a_change(console, django_capture_on_commit_callbacks):
    assert shared_read(CATALOGUE, "list", lambda: b"old").body == b"old"
    assert shared_read(CATALOGUE, "list", lambda: b"new").body == b"old"
    with django_capture_on_commit_callbacks(execute=True):
        console.post(address(Price), price_form())
    assert shared_read(CATALOGUE, "list", lambda: b"new").body == b"new"


@pytest.mark.parametrize("model", [Plan, Pack, Price])
def test_who_is_not_of_the_finance_desk_sees_and_writes_nothing(owner, model):
    client = Client()
    for role in ("support", "moderator", "member"):
        type(owner.user).objects.filter(pk=owner.id).update(role=role)
        owner.user.refresh_from_db()
        client.force_login(owner.user)
        row = model.objects.first()
        before = model.objects.filter(pk=row.pk).values().get()
        assert client.get(address(model, "changelist")).status_code in {302, 403}
        assert client.post(address(model, "change", row.pk), {"is_active": "", "reason": "mine"}).status_code in {
            302,
            403,
        }
        assert model.objects.filter(pk=row.pk).values().get() == before

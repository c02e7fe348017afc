"""Who leaves is not charged again, takes their papers along, and finds their plan if they come back in time."""

from datetime import timedelta

import pytest
from django.utils import timezone
from djstripe.models import Customer as StripeCustomer

from accounts import services as accounts
from billing import own_payments, services
from billing.models import Customer, Invoice, Subscription, WebhookEvent
from billing.services import ends, inbox
from tests.billing.shop import Shop
from tests.standins.stripe_server import StripeServer

pytestmark = pytest.mark.django_db

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


def there(shop):
    subscription = Subscription.objects.get()
    return shop.provider.find("subscription", subscription.provider_subscription_id)


class TestDeletingAnAccount:
    def test_ends_its_plan_with_the_period(self, shop, api, owner):
        shop.pay(shop.checkout(api(owner), **PREMIUM))
        accounts.delete_account(user_id=owner.id, actor=owner.user)
        assert Subscription.objects.get().cancel_at_period_end
        assert ends.tell_providers() == 1
        assert there(shop)["cancel_at_period_end"] is True
        assert ends.tell_providers() == 0

    def test_tells_the_provider_as_soon_as_it_answers(self, shop, api, owner):
        shop.pay(shop.checkout(api(owner), **PREMIUM))
        accounts.delete_account(user_id=owner.id, actor=owner.user)
        shop.provider.misbehave("POST", "/v1/subscriptions/.*", times=20, status=503)
        assert ends.tell_providers() == 0
        assert Subscription.objects.get().end_wanted == "period"
        shop.provider.behave()
        assert ends.tell_providers() == 1

    def test_for_good_forgets_cards_and_what_is_mirrored(self, shop, api, owner):
        shop.buy(api(owner))
        assert StripeCustomer.objects.count() == 1
        assert Customer.objects.get().method_id
        own_payments.forget_cards(owner.user)
        assert not StripeCustomer.objects.exists()
        assert Customer.objects.get().method_id == ""
        assert Invoice.objects.count() == 1


class TestWebhooks:
    def test_keep_their_bodies_for_thirty_days(self, shop, api, owner):
        shop.buy(api(owner))
        assert inbox.forget_bodies() == 0
        old = timezone.now() - timedelta(days=31)
        WebhookEvent.objects.update(created_at=old)
        events = WebhookEvent.objects.count()
        assert inbox.forget_bodies() == events
        assert {event.body for event in WebhookEvent.objects.all()} == {""}
        services.process_event(WebhookEvent.objects.all()[0].pk)


class TestTeam:
    def test_is_kept_while_its_plan_renews(self, shop, api, owner, problem):
        team = api(owner).post("/api/organizations", {"name": "The Company"}).json()["id"]
        shop.pay(shop.checkout(api(owner), **PREMIUM, organization=team))
        refused = api(owner).delete(f"/api/organizations/{team}")
        assert problem(refused) == (409, "CONFLICT")
        assert "renews" in refused.json()["detail"] or "credits" in refused.json()["detail"]


class TestOwnCopy:
    def test_has_payments_invoices_and_plans(self, shop, api, owner):
        from accounts.registry import export_parts

        shop.buy(api(owner))
        shop.pay(shop.checkout(api(owner), **PREMIUM))
        files = dict(export_parts()["payments"].read(owner.user))
        assert [row["status"] for row in files["payments.json"].items] == ["paid", "paid"]
        assert len(list(files["invoices.json"].items)) == 2
        assert [row["plan"] for row in files["plans.json"]] == ["premium"]
        assert files["top_up.json"]["enabled"] is False

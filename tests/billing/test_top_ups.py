"""Wallets that fill themselves up, and whose people hear that they run low. Stripe's stand-in keeps the card."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from accounts import services as accounts
from accounts.models import Membership
from billing import services
from billing.models import CheckoutSession, Customer, Entry, Payment, TopUp, Wallet
from billing.services import top_ups
from common.models import AuditEntry, OutgoingMail
from notifications.models import Notification
from tests.billing.shop import Shop, has
from tests.standins.stripe_server import StripeServer

CHARGES = "/v1/payment_intents"


@pytest.fixture(scope="module")
def _stripe():
    with StripeServer() as server:
        yield server


@pytest.fixture
def stripe(_stripe, settings):
    settings.PAYMENT_PROVIDERS = {"stripe": _stripe.block}
    yield _stripe
    _stripe.taken()
    _stripe._troubles.clear()
    _stripe.declining.clear()


@pytest.fixture
def payer(db, stripe, api, owner):
    """The owner, whose card Stripe keeps since they bought a pack: 100 credits and the gift of 20 are there."""
    Shop(stripe).buy(api(owner))
    return owner


def switch_on(person, **changes):
    wish = {
        "enabled": True, "threshold": 10, "low_balance_at": 0, "pack": "starter", "provider": "stripe",
        "monthly_cap": 1500, "currency": "USD",
    }  # fmt: skip
    return services.set_top_up(organization_id=person.organization_id, actor=person.user, **wish | changes)


def spend_down(person, left=5):
    total = Wallet.objects.get(organization_id=person.organization_id).total
    if total > left:
        services.spend(organization_id=person.organization_id, amount=total - left, feature="story")


def later():
    """What was put off is due."""
    TopUp.objects.update(next_try_at=None)


def sessions():
    return CheckoutSession.objects.filter(automatic=True).order_by("id")


def charged(stripe):
    """How often a card was charged while nobody was there."""
    return sum(
        1
        for row in stripe.of("payment_intent")
        if "automatic" in (row["description"] or "") and row["status"] == "succeeded"
    )


def news(person, kind):
    return list(Notification.objects.filter(user_id=person.id, kind=kind).order_by("id"))


@pytest.mark.django_db
class TestFillingUp:
    def test_happens_below_the_threshold_and_only_then(self, payer, stripe):
        switch_on(payer)
        before = charged(stripe)
        assert services.watch_wallets() == 0
        spend_down(payer)
        assert services.watch_wallets() == 1
        assert has(payer) == (105, 0)
        assert charged(stripe) == before + 1
        assert services.watch_wallets() == 0
        session = sessions().get()
        assert (session.status, session.key) == ("paid", f"topup:{payer.organization_id}:1")
        payment = Payment.objects.get(session=session)
        assert (payment.status, payment.amount, payment.user_id) == ("paid", 499, payer.id)

    def test_is_off_by_default(self, payer):
        spend_down(payer, left=0)
        assert services.watch_wallets() == 0
        assert not TopUp.objects.get(organization=payer.organization_id).enabled
        assert not sessions().exists()

    def test_never_goes_above_the_cap_of_the_month(self, payer, stripe):
        switch_on(payer, monthly_cap=999)
        before = charged(stripe)
        for _ in range(4):
            spend_down(payer)
            services.watch_wallets()
            later()
        assert charged(stripe) == before + 2
        assert sessions().count() == 2
        assert top_ups.charged_this_month(payer.organization_id, "USD") == 998
        assert TopUp.objects.get().enabled

    def test_begins_anew_with_the_month(self, payer, stripe):
        switch_on(payer, monthly_cap=499)
        for _ in range(2):
            spend_down(payer)
            services.watch_wallets()
            sessions().update(created_at=timezone.now() - timedelta(days=32))
        assert sessions().count() == 2

    def test_that_is_refused_backs_off_and_ends_itself_after_three(self, payer, stripe):
        switch_on(payer)
        stripe.declining.add(Customer.objects.get().method_id)
        spend_down(payer)
        for failures in (1, 2, 3):
            services.watch_wallets()
            row = TopUp.objects.get()
            assert row.failures == failures
            assert row.next_try_at > timezone.now() + timedelta(minutes=50)
            services.watch_wallets()
            assert sessions().count() == failures
            later()
        assert not row.enabled
        assert [session.status for session in sessions()] == ["failed"] * 3
        services.watch_wallets()
        assert sessions().count() == 3
        assert has(payer) == (5, 0)
        assert "Automatic top-up is off" in [one.title for one in news(payer, "top_up_off")]

    def test_that_works_again_counts_from_nothing(self, payer, stripe):
        switch_on(payer)
        card = Customer.objects.get().method_id
        stripe.declining.add(card)
        spend_down(payer)
        services.watch_wallets()
        stripe.declining.clear()
        later()
        services.watch_wallets()
        assert TopUp.objects.get().failures == 0
        assert has(payer) == (105, 0)

    def test_without_a_card_any_more_ends_itself(self, payer, stripe):
        switch_on(payer)
        Customer.objects.update(method_id="")
        spend_down(payer)
        for _ in range(3):
            services.watch_wallets()
            later()
        assert not TopUp.objects.get().enabled
        assert not sessions().exists()


@pytest.mark.django_db
class TestCrashes:
    """A charge that nobody has an answer to is asked for again under the same key."""

    @pytest.fixture
    def thirsty(self, payer):
        switch_on(payer)
        spend_down(payer)
        return payer

    @pytest.mark.parametrize("hang_up", [True, False])
    def test_an_answer_that_was_lost_is_fetched(self, thirsty, stripe, hang_up):
        before = charged(stripe)
        stripe.misbehave("POST", CHARGES, after=True, hang_up=hang_up, times=10)
        services.watch_wallets()
        assert has(thirsty) == (5, 0)
        assert sessions().get().status == "open"
        stripe._troubles.clear()
        later()
        services.watch_wallets()
        assert charged(stripe) == before + 1
        assert sessions().get().status == "paid"
        assert has(thirsty) == (105, 0)

    def test_one_that_was_never_asked_for_is(self, thirsty, stripe):
        """The process died after the row was committed."""
        session = top_ups._begin(TopUp.objects.get().pk)
        assert session.status == "open"
        assert services.watch_wallets() == 0, "its lease is another's"
        later()
        before = charged(stripe)
        assert services.watch_wallets() == 1
        assert charged(stripe) == before + 1
        assert has(thirsty) == (105, 0)

    def test_one_that_the_webhook_told_of_first_is_credited_once(self, thirsty, stripe):
        stripe.misbehave("POST", CHARGES, after=True, times=10)
        services.watch_wallets()
        stripe._troubles.clear()
        Shop(stripe).deliver()
        assert has(thirsty) == (105, 0)
        later()
        services.watch_wallets()
        assert has(thirsty) == (105, 0)
        assert Entry.objects.filter(kind="purchase").count() == 2

    def test_one_without_an_answer_for_a_day_is_given_up(self, thirsty, stripe):
        stripe.misbehave("POST", CHARGES, times=10)
        services.watch_wallets()
        stripe._troubles.clear()
        sessions().update(expires_at=timezone.now() - timedelta(seconds=1))
        later()
        asked = stripe.count("POST", CHARGES)
        services.watch_wallets()
        assert sessions().first().status == "failed"
        assert stripe.count("POST", CHARGES) == asked
        assert TopUp.objects.get().failures == 1

    def test_a_provider_that_is_down_is_asked_ever_more_rarely(self, thirsty, stripe):
        stripe.misbehave("POST", CHARGES, times=10)
        services.watch_wallets()
        first = TopUp.objects.get()
        assert first.failures == 0
        assert first.next_try_at - timezone.now() < timedelta(minutes=2)
        sessions().update(created_at=timezone.now() - timedelta(hours=3))
        later()
        stripe.misbehave("POST", CHARGES, times=10)
        services.watch_wallets()
        assert TopUp.objects.get().next_try_at - timezone.now() > timedelta(hours=2)


@pytest.mark.django_db(transaction=True)
def test_any_number_of_watches_at_once_charge_once(payer, stripe, at_once):
    switch_on(payer)
    spend_down(payer)
    before = charged(stripe)
    results = at_once([services.watch_wallets for _ in range(8)])
    assert sum(results) == 1
    assert charged(stripe) == before + 1
    assert sessions().count() == 1
    assert has(payer) == (105, 0)


@pytest.mark.django_db(transaction=True)
def test_any_number_who_ask_again_at_once_ask_once(payer, stripe, at_once):
    switch_on(payer)
    spend_down(payer)
    top_ups._begin(TopUp.objects.get().pk)
    later()
    before = charged(stripe)
    assert sum(at_once([services.watch_wallets for _ in range(6)])) == 1
    assert charged(stripe) == before + 1


@pytest.mark.django_db
class TestTelling:
    def test_of_a_low_wallet_happens_once_until_it_was_above(self, payer):
        switch_on(payer, enabled=False, low_balance_at=10)
        spend_down(payer, left=10)
        services.watch_wallets()
        assert news(payer, "low_balance") == []
        spend_down(payer, left=Decimal("9.5"))
        for _ in range(3):
            services.watch_wallets()
        assert [one.title for one in news(payer, "low_balance")] == ["9.5 credits left"]
        services.grant_credits(organization_id=payer.organization_id, amount=50, key="more")
        services.watch_wallets()
        spend_down(payer, left=3)
        services.watch_wallets()
        assert [one.title for one in news(payer, "low_balance")] == ["9.5 credits left", "3 credits left"]

    def test_can_be_switched_off(self, payer):
        switch_on(payer, enabled=False, low_balance_at=0)
        spend_down(payer, left=0)
        services.watch_wallets()
        assert news(payer, "low_balance") == []

    @pytest.mark.parametrize(
        ("locale", "title"), [("de", "Noch 3 Credits"), ("fr", "Il reste 3 crédits"), ("xx", "3 credits left")]
    )
    def test_is_in_the_readers_language_and_mailed(self, payer, locale, title):
        type(payer.user).objects.filter(pk=payer.id).update(locale=locale, email_verified=True)
        spend_down(payer, left=3)
        services.watch_wallets()
        assert news(payer, "low_balance")[0].title == title
        mail = OutgoingMail.objects.get(kind="low_balance")
        assert mail.context == {"left": "3", "organization": ""}

    def test_of_a_payment_names_it_and_its_sum(self, payer):
        (told,) = news(payer, "payment_received")
        assert told.title == "Paid: $4.99"
        assert "Starter pack" in told.body

    def test_of_a_teams_wallet_reaches_its_owners_alone(self, db, stripe, owner, teammate):
        team = accounts.create_team(user_id=owner.id, name="The Wings")
        Membership.objects.create(organization=team, user=teammate.user, role="member")
        TopUp.objects.create(organization=team)
        services.watch_wallets()
        assert "The Wings" in news(owner, "low_balance")[0].body
        assert news(teammate, "low_balance") == []


WISH = {
    "enabled": True, "threshold": "10", "package_id": "starter", "provider": "stripe",
    "monthly_cap": {"amount_minor": 1000, "currency": "USD"}, "low_balance_at": "3",
}  # fmt: skip


@pytest.mark.django_db
class TestApi:
    def test_reads_and_writes_all_of_it(self, api, payer):
        person = api(payer)
        first = person.get("/api/wallet/top-up").json()
        assert (first["enabled"], first["low_balance_at"], first["monthly_cap"]) == (False, "5", None)
        assert first["providers"] == [{"id": "stripe", "title": "Stripe"}]
        answer = person.put("/api/wallet/top-up", WISH)
        assert answer.status_code == 200, answer.content
        kept = person.get("/api/wallet/top-up").json()
        assert kept == answer.json()
        assert (kept["enabled"], kept["threshold"], kept["package_id"]) == (True, "10", "starter")
        assert kept["monthly_cap"] == {"amount_minor": 1000, "currency": "USD"}
        assert kept["charged_this_month"] == {"amount_minor": 0, "currency": "USD"}
        assert AuditEntry.objects.filter(action="top_up.set", actor=payer.user).exists()

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"package_id": "nothing"}, "package_id"),
            ({"package_id": ""}, "package_id"),
            ({"provider": "paypal"}, "provider"),
            ({"provider": ""}, "provider"),
            ({"threshold": "0"}, "threshold"),
            ({"threshold": "-1"}, "threshold"),
            ({"threshold": "NaN"}, "threshold"),
            ({"low_balance_at": "1e99"}, "low_balance_at"),
            ({"monthly_cap": {"amount_minor": 498, "currency": "USD"}}, "monthly_cap"),
            ({"monthly_cap": {"amount_minor": 1000, "currency": "XXX"}}, "currency"),
            ({"monthly_cap": {"amount_minor": -1, "currency": "USD"}}, "monthly_cap.amount_minor"),
            ({"monthly_cap": {"amount_minor": 2**60, "currency": "USD"}}, "monthly_cap.amount_minor"),
            ({"monthly_cap": None}, "monthly_cap"),
            ({"enabled": "yes"}, "enabled"),
            ({"more": 1}, "more"),
        ],
        ids=str,
    )
    def test_refuses_what_is_odd_and_changes_nothing(self, api, payer, problem, change, field):
        answer = api(payer).put("/api/wallet/top-up", WISH | change)
        assert problem(answer) == (400, "VALIDATION_ERROR")
        assert field in answer.json()["errors"]
        assert not TopUp.objects.get().enabled

    def test_needs_a_card_that_somebody_keeps(self, api, stripe, owner, problem):
        assert problem(api(owner).put("/api/wallet/top-up", WISH)) == (400, "VALIDATION_ERROR")

    def test_is_for_who_pays(self, api, payer, teammate, stranger, problem):
        team = accounts.create_team(user_id=payer.id, name="The Wings")
        Membership.objects.create(organization=team, user=teammate.user, role="member")
        address = f"/api/wallet/top-up?organization={team.pk}"
        off = WISH | {"enabled": False}
        for person, status in ((teammate, 403), (stranger, 404), (None, 401)):
            caller = api(person) if person else api()
            assert problem(caller.get(address))[0] == status
            assert problem(caller.put(address, off))[0] == status
        assert not TopUp.objects.filter(organization=team).exists()
        assert api(payer).put(address, off).status_code == 200


@pytest.mark.django_db
class TestPage:
    @pytest.fixture
    def page(self, client, owner):
        client.force_login(owner.user, backend="accounts.backends.EmailBackend")
        return client

    def test_without_a_card_asks_about_the_notice_alone(self, page, stripe, owner):
        answer = page.get("/wallet/top-up")
        assert list(answer.context["form"].fields) == ["low_balance_at"]
        assert page.post("/wallet/top-up", {"low_balance_at": "7.5"}).status_code == 302
        assert TopUp.objects.get(organization=owner.organization_id).low_balance_at == Decimal("7.5")

    def test_switches_it_on_and_off(self, page, payer):
        form = {"low_balance_at": "3", "enabled": "on", "threshold": "10", "offer": "starter|stripe|USD"}
        assert page.post("/wallet/top-up", form | {"monthly_cap": "4"}).status_code == 400
        assert page.post("/wallet/top-up", form | {"monthly_cap": "20"}).status_code == 302
        row = TopUp.objects.get()
        assert (row.enabled, row.monthly_cap, row.currency, row.user_id) == (True, 2000, "USD", payer.id)
        assert b"$0.00 of $20.00" in page.get("/wallet/top-up").content
        del form["enabled"]
        assert page.post("/wallet/top-up", form | {"monthly_cap": "20"}).status_code == 302
        assert not TopUp.objects.get().enabled

    @pytest.mark.parametrize(
        "change",
        [{"offer": "x"}, {"offer": ""}, {"threshold": "x"}, {"monthly_cap": "1e40"}, {"low_balance_at": ""}],
        ids=str,
    )
    def test_says_what_is_odd(self, page, payer, change):
        form = {
            "low_balance_at": "3",
            "enabled": "on",
            "threshold": "10",
            "offer": "starter|stripe|USD",
            "monthly_cap": "9",
        }
        assert page.post("/wallet/top-up", form | change).status_code == 400
        assert not TopUp.objects.get().enabled

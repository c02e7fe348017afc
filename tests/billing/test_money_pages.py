"""The pages of money: buying, coming back, what was paid, the plan. Money goes through Stripe's stand-in."""

import re
import uuid

import pytest
from django.test import Client

from accounts import services as accounts
from accounts.models import Membership
from billing import plans, services
from billing.models import CheckoutSession, Payment, Plan, Refund, Subscription
from tests.billing.shop import Shop, has
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


@pytest.fixture
def shop(stripe):
    return Shop(stripe)


@pytest.fixture
def browser():
    def browser(person):
        client = Client()
        client.force_login(person.user, backend="accounts.backends.EmailBackend")
        return client

    return browser


@pytest.fixture
def page(browser, owner):
    return browser(owner)


def text(answer):
    return re.sub(r"\s+", " ", answer.content.decode())


def wish(page, **changes):
    key = page.get("/pricing").context["key"]
    return {"key": key, "type": "one_time", "pack": "starter", "currency": "USD", "provider": ""} | changes


def buy(page, **changes):
    return page.post("/pricing/buy", wish(page, **changes))


def bought(page, shop, **changes):
    """Presses the button, pays, and comes back: the checkout."""
    buy(page, **changes)
    session = CheckoutSession.objects.latest("created_at")
    return shop.pay(session)


def fresh():
    """What a commit would do, which these tests never come to: what is kept of plans is dropped."""
    plans._forget_all()


PREMIUM = {"type": "subscription", "pack": "", "plan": "premium", "billing_period": "month"}


class TestPricing:
    def test_is_for_everybody(self, stripe):
        answer = Client().get("/pricing")
        assert answer.status_code == 200
        assert "Premium" in text(answer)
        assert "$9.99" in text(answer)
        assert "Sign in to buy: $4.99" in text(answer)
        assert "<form" not in text(answer).split("<main")[1]

    def test_is_read_without_a_query(self, stripe, django_assert_num_queries):
        Client().get("/pricing")
        with django_assert_num_queries(0):
            Client().get("/pricing")

    @pytest.mark.parametrize(
        ("query", "words"),
        [
            ("period=year", "$99.90"),
            ("currency=EUR", "€9.99"),
            ("period=year&currency=EUR", "€99.90"),
            ("currency=IDR", "IDR"),
            ("provider=stripe", "$9.99"),
        ],
    )
    def test_shows_what_was_chosen(self, stripe, query, words):
        assert words in text(Client().get(f"/pricing?{query}"))

    @pytest.mark.parametrize(
        "query", ["period=x", "currency=%00", "provider=nobody", "period[]=1", "currency=" + "x" * 3000]
    )
    def test_takes_an_odd_wish_for_none(self, stripe, query):
        assert "$9.99" in text(Client().get(f"/pricing?{query}"))

    def test_says_that_it_is_closed_where_nobody_takes_money(self, settings, page):
        settings.PAYMENT_PROVIDERS = {}
        answer = page.get("/pricing")
        assert "The box office is closed" in text(answer)
        assert "pricing/buy" not in text(answer)

    def test_knows_the_readers_plan_and_offers_the_trial_once(self, stripe, page, owner):
        assert "Begin the trial" in text(page.get("/pricing"))
        assert page.post("/wallet/plan/trial").headers["Location"] == "/wallet/plan"
        assert Subscription.objects.get().status == "trialing"
        fresh()
        answer = page.get("/pricing")
        assert [plan["id"] for plan in answer.context["plans"] if plan["present"]] == ["trial"]
        assert "Begin the trial" not in text(answer)
        page.post("/wallet/plan/trial")
        assert Subscription.objects.count() == 1

    def test_says_who_pays_and_who_may(self, stripe, browser, owner, teammate):
        team = accounts.create_team(user_id=owner.id, name="The Wings")
        Membership.objects.create(organization=team, user=teammate.user, role="member")
        for person, may in ((owner, True), (teammate, False)):
            client = browser(person)
            client.post("/organizations/switch", {"organization": str(team.pk), "next": "/pricing"})
            answer = client.get("/pricing")
            assert "“The Wings” pays" in text(answer)
            assert ("Buy for" in text(answer)) is may
            client.post("/pricing/buy", wish(client))
        assert CheckoutSession.objects.get().user_id == owner.id


class TestBuying:
    def test_needs_a_sign_in(self, stripe):
        answer = Client().post("/pricing/buy", {"key": "k", "type": "one_time", "pack": "starter"})
        assert "/sign-in" in answer.headers["Location"]
        assert not CheckoutSession.objects.exists()

    def test_leads_to_the_provider(self, page, stripe):
        answer = buy(page)
        session = CheckoutSession.objects.get()
        assert answer.headers["Location"] == f"/checkout/go?session={session.pk}"
        leaving = page.get(answer.headers["Location"])
        assert f'content="0; url={session.checkout_url}"' in leaving.content.decode().replace("&amp;", "&")

    def test_twice_with_one_page_opens_one_checkout_for_each_thing(self, page, stripe):
        form = wish(page)
        first, second = page.post("/pricing/buy", form), page.post("/pricing/buy", form)
        assert first.headers["Location"] == second.headers["Location"]
        page.post("/pricing/buy", form | {"pack": "creator"})
        assert CheckoutSession.objects.count() == 2

    def test_again_after_it_was_paid_leads_to_what_became_of_it(self, page, shop):
        form = wish(page)
        page.post("/pricing/buy", form)
        session = shop.pay(CheckoutSession.objects.get())
        assert page.post("/pricing/buy", form).headers["Location"] == f"/checkout/return?session={session.pk}"

    @pytest.mark.parametrize(
        "change",
        [
            {"pack": "nothing"},
            {"pack": ""},
            {"plan": "premium"},
            {"provider": "nobody"},
            {"provider": "xendit"},
            {"currency": "XXX", "provider": "stripe"},
            {"pack": "x" * 5000},
            {"pack": "\x00"},
        ],
        ids=str,
    )
    def test_of_something_odd_comes_back_with_the_reason(self, page, stripe, change):
        answer = buy(page, back="period=year", **change)
        assert answer.headers["Location"].startswith("/pricing?period=year")
        assert not CheckoutSession.objects.exists()
        assert "toast" in text(page.get("/pricing"))

    def test_without_a_key_is_not_found(self, page, stripe):
        assert page.post("/pricing/buy", {"type": "one_time", "pack": "starter"}).status_code == 404
        assert buy(page, type="event_sponsorship").status_code == 404
        assert not CheckoutSession.objects.exists()

    def test_leads_nowhere_else(self, page, stripe):
        buy(page)
        assert page.get("/checkout/go?session=x").status_code == 404
        assert page.get(f"/checkout/go?session={uuid.uuid4()}").status_code == 404
        assert buy(page, back="x#y\r\nz", pack="no").headers["Location"] == "/pricing?"


class TestComingBack:
    @pytest.fixture
    def session(self, page, stripe):
        buy(page)
        return CheckoutSession.objects.get()

    def test_waits_and_asks_again_ever_more_rarely(self, page, session):
        first = page.get(f"/checkout/return?session={session.pk}")
        assert "Waiting for Stripe" in text(first)
        assert first.context["pause"] == 2
        later = page.get(f"/checkout/return?session={session.pk}&asked=12", headers={"HX-Request": "true"})
        assert later.context["pause"] == 15
        assert "<html" not in text(later)
        assert "hx-get" not in text(page.get(f"/checkout/return?session={session.pk}&asked=999"))

    def test_after_paying_shows_the_purchase_and_its_papers(self, page, session, stripe, owner):
        stripe.pay(session.provider_session_id)
        answer = text(page.get(f"/checkout/return?session={session.pk}"))
        assert "Paid. Thank you." in answer
        assert "/wallet/invoices/" in answer
        assert has(owner) == (100, 20)

    def test_without_paying_says_so_and_leads_on(self, page, session):
        answer = text(page.get(f"/checkout/return?session={session.pk}&cancelled=1"))
        assert "nothing was charged" in answer
        assert f"/checkout/go?session={session.pk}" in answer

    def test_of_one_that_is_over_leads_back_to_the_prices(self, page, session, stripe):
        stripe.expire(session.provider_session_id)
        assert "Too late" in text(page.get(f"/checkout/return?session={session.pk}"))

    @pytest.mark.parametrize("query", ["", "session=", "session=x", "session=%00"])
    def test_with_an_odd_address_is_not_found(self, page, stripe, query):
        assert page.get(f"/checkout/return?{query}").status_code == 404

    def test_is_nobody_elses(self, browser, stranger, session):
        assert browser(stranger).get(f"/checkout/return?session={session.pk}").status_code == 404
        assert browser(stranger).get(f"/checkout/go?session={session.pk}").status_code == 404
        assert "/sign-in" in Client().get(f"/checkout/return?session={session.pk}").headers["Location"]


class TestPayments:
    def test_are_listed_with_one_page_each(self, page, shop):
        bought(page, shop)
        answer = page.get("/wallet/payments")
        (item,) = answer.context["payments"]
        assert (item["price"], item["words"]) == ("$4.99", "Paid")
        assert "Starter pack" in text(page.get(f"/wallet/payments/{item['id']}"))

    def test_are_read_by_the_same_queries_however_many(self, page, shop):
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        counts = []
        for _ in range(2):
            for _ in range(2):
                bought(page, shop)
            for path in ("/wallet/payments", "/wallet/invoices"):
                with CaptureQueriesContext(connection) as asked:
                    page.get(path)
                counts.append(len(asked))
        assert counts[:2] == counts[2:]

    def test_go_back_with_a_reason(self, page, shop, owner):
        bought(page, shop)
        payment = Payment.objects.get()
        address = f"/wallet/payments/{payment.pk}"
        assert "I want my money back" in text(page.get(address))
        page.post(f"{address}/refund", {"reason": "a"})
        assert not Refund.objects.exists()
        page.post(f"{address}/refund", {"reason": "I pressed the wrong button."})
        payment.refresh_from_db()
        assert payment.status == "refunded"
        assert has(owner) == (0, 20)
        answer = text(page.get(address))
        assert "I pressed the wrong button." in answer
        assert "I want my money back" not in answer

    def test_of_which_something_is_spent_stay(self, page, shop, owner):
        bought(page, shop)
        services.spend(organization_id=owner.organization_id, amount=50, feature="story")
        payment = Payment.objects.get()
        address = f"/wallet/payments/{payment.pk}"
        assert "credits are spent" in text(page.get(address))
        page.post(f"{address}/refund", {"reason": "All the same."})
        assert not Refund.objects.exists()

    def test_and_their_papers_are_nobody_elses(self, page, shop, browser, stranger):
        bought(page, shop)
        payment = Payment.objects.get()
        for path in (f"/wallet/payments/{payment.pk}", f"/wallet/invoices/{payment.invoice.pk}"):
            assert page.get(path).status_code == 200
            assert browser(stranger).get(path).status_code == 404
            assert "/sign-in" in Client().get(path).headers["Location"]
        assert browser(stranger).post(f"/wallet/payments/{payment.pk}/refund", {"reason": "Mine."}).status_code == 404
        assert not Refund.objects.exists()

    def test_of_a_team_are_for_who_pays_for_it(self, stripe, browser, owner, teammate):
        team = accounts.create_team(user_id=owner.id, name="The Wings")
        Membership.objects.create(organization=team, user=teammate.user, role="member")
        client = browser(teammate)
        client.post("/organizations/switch", {"organization": str(team.pk), "next": "/wallet"})
        for path in ("payments", "invoices", "plan", "top-up"):
            answer = client.get(f"/wallet/{path}")
            assert (answer.status_code, "For those who pay" in text(answer)) == (403, True)
        assert client.get("/wallet").status_code == 200

    def test_print_as_an_invoice_of_the_seller(self, page, shop, settings):
        settings.SELLER_NAME, settings.SELLER_TAX_ID = "The House", "EU123"
        settings.SELLER_ADDRESS = ["1 Stage Lane", "Bath"]
        bought(page, shop)
        answer = text(page.get(f"/wallet/invoices/{Payment.objects.get().invoice.pk}"))
        for words in ("The House", "1 Stage Lane<br>Bath", "Tax number EU123", "$4.99", "olivia@troupe.example"):
            assert words in answer

    @pytest.mark.parametrize("path", ["payments", "invoices"])
    def test_with_an_odd_cursor_are_not_found(self, page, stripe, path):
        for cursor in ("x", "%00", "WzFd"):
            assert page.get(f"/wallet/{path}?cursor={cursor}").status_code == 404


class TestPlan:
    def test_of_everybody_is_free_at_first(self, page, stripe):
        answer = text(page.get("/wallet/plan"))
        assert "<h1>Free</h1>" in answer
        assert "<b>0</b> of 50 generations" in answer

    @pytest.fixture
    def premium(self, page, shop):
        bought(page, shop, **PREMIUM)
        fresh()
        return Subscription.objects.get()

    def test_is_cancelled_and_taken_up_again(self, page, shop, premium):
        assert "$9.99" in text(page.get("/wallet/plan"))
        page.post("/wallet/plan/cancel", {"when": "period_end"})
        premium.refresh_from_db()
        assert premium.cancel_at_period_end
        assert "Go on with it after all" in text(page.get("/wallet/plan"))
        page.post("/wallet/plan/resume")
        premium.refresh_from_db()
        assert not premium.cancel_at_period_end

    def test_is_changed_after_its_price_was_shown(self, page, shop, premium):
        answer = page.get("/wallet/plan/change?plan=pro&period=month")
        assert "Go over to Pro" in text(answer)
        assert "$24.99" in text(answer)
        premium.refresh_from_db()
        assert premium.plan.name == "premium"
        page.post("/wallet/plan/confirm", {"plan": "pro", "period": "month", "key": answer.context["key"]})
        premium.refresh_from_db()
        assert premium.plan.name == "pro"

    @pytest.mark.parametrize("query", ["", "plan=", "plan=%00", "plan=pro&period=week", "plan=" + "x" * 40])
    def test_of_an_odd_name_is_not_found(self, page, premium, query):
        assert page.get(f"/wallet/plan/change?{query}").status_code == 404

    def test_that_is_not_for_sale_is_refused_with_the_reason(self, page, premium):
        for name in ("nothing", "premium", "free"):
            assert page.get(f"/wallet/plan/change?plan={name}&period=month").headers["Location"] == "/wallet/plan"
        premium.refresh_from_db()
        assert premium.plan.name == "premium"

    def test_past_due_says_what_to_do(self, page, shop, stripe, premium):
        stripe.fail_renewal(premium.provider_subscription_id)
        shop.deliver()
        answer = text(page.get("/wallet/plan"))
        assert "The last renewal was not paid" in answer
        assert "Look after my card" in answer
        portal = page.post("/wallet/plan/portal")
        assert 'http-equiv="refresh"' in portal.content.decode()

    def test_running_by_itself_is_changed_rather_than_bought(self, page, premium):
        answer = text(page.get("/pricing"))
        assert "Change to Pro" in answer
        assert "Take Pro" not in answer
        assert "Take Pro" not in text(page.get("/pricing?period=year"))

    def test_of_others_is_nobodys_to_change(self, browser, stranger, teammate, premium, owner):
        client = browser(stranger)
        for path in ("cancel", "resume", "portal"):
            client.post(f"/wallet/plan/{path}", {"when": "at_once"})
        client.post("/wallet/plan/confirm", {"plan": "pro", "period": "month", "key": "k"})
        premium.refresh_from_db()
        assert (premium.status, premium.plan.name, premium.cancel_at_period_end) == ("active", "premium", False)
        for path in ("cancel", "resume", "portal", "confirm", "trial"):
            assert "/sign-in" in Client().post(f"/wallet/plan/{path}").headers["Location"]

    def test_bought_for_a_month_ends_by_itself(self, page, shop):
        bought(page, shop, pack="", plan="premium", billing_period="month")
        fresh()
        assert "Nothing more will be charged" in text(page.get("/wallet/plan"))
        answer = page.get("/pricing")
        cards = {plan["id"]: plan for plan in answer.context["plans"]}
        assert cards["premium"]["may_take_once"]
        assert cards["pro"]["follows"]
        assert "One month more" in text(answer)


def test_the_book_tells_of_what_was_bought_and_given_back_and_leads_there(page, shop, browser, owner):
    bought(page, shop, pack="creator")
    payment = Payment.objects.get()
    answer = text(page.get("/wallet"))
    assert f'<a href="/wallet/payments/{payment.pk}">You bought the Creator pack' in answer
    assert "Creator pack, on the house" in answer
    services.request_refund(payment_id=payment.pk, actor=owner.user, reason="A slip of the hand.")
    answer = page.get("/wallet")
    assert "Creator pack, given back" in text(answer)
    assert answer.context["lines"][0]["left"] == "20"


def test_the_words_of_a_gone_plan_are_kept(page, stripe, owner):
    """A plan that is no longer for sale is still whose it is."""
    Plan.objects.filter(name="free").update(is_active=False)
    assert "<h1>Free</h1>" in text(page.get("/wallet/plan"))

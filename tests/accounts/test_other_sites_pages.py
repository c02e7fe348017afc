"""Signing in by other sites in the web app, by requests: what is bound to the session, and what each page says."""

from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount
from django.conf import settings as site_settings
from django.test import Client
from django.utils import timezone

from accounts.models import AuthSession, MailKey, User
from accounts.selectors.connections import public_id
from common.models import OutgoingMail
from config import csp
from tests.accounts.conftest import PASSWORD
from tests.accounts.elsewhere import SITES, WITH_ADDRESS
from tests.hostile.conftest import unchanged
from tests.standins.identity_server import NILS, UMA, VERA, VICTOR
from tests.tables import contents

pytestmark = pytest.mark.django_db


class Browser:
    """Opens our pages, follows the way to another site and back, one step at a time."""

    def __init__(self, identity, client=None):
        self.identity, self.client = identity, client or Client()

    def begin(self, provider, path="/sign-in/with/{}", **form):
        response = self.client.post(path.format(provider), form)
        assert response.status_code == 302, response.content
        return response.headers["Location"]

    def choose(self, address, person):
        """The address of ours that the other site sends the browser back to."""
        returned = self.identity.choose(address, person)
        back = urlsplit(parse_qs(urlsplit(address).query)["redirect_uri"][0])
        given = {"code": returned.code} if returned.code else {"error": returned.error}
        return f"{back.path}?{urlencode(given | {'state': returned.state})}"

    def sign_in(self, provider, person, **form):
        return self.client.get(self.choose(self.begin(provider, **form), person))

    def connect(self, provider, person):
        return self.client.get(self.choose(self.begin(provider, "/account/connections/{}"), person), follow=True)

    @property
    def user(self):
        return self.client.get("/api/auth/me").json().get("user")


@pytest.fixture
def browser(identity):
    return Browser(identity)


@pytest.fixture
def member(identity, make_user):
    """`member()`: somebody who has just signed in by password."""

    def make(**fields):
        user = make_user(PASSWORD, **{"email_verified": True} | fields)
        client = Client()
        assert client.post("/sign-in", {"email": user.email, "password": PASSWORD}).status_code == 302
        browser = Browser(identity, client)
        browser.account = user
        return browser

    return make


def without_sessions(before, after):
    """Tables that have changed, but for Django's own sessions, in which the browser's errand is crossed off."""
    return {name for name in after if before.get(name) != after[name]} - {"django_session"}


# --- in ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/sign-in", "/sign-up"])
def test_only_sites_that_are_on_are_offered(identity, settings, client, path):
    page = client.get(path).content.decode()
    for title in ("Google", "Discord", "X", "Local identity (development)"):
        assert f"Continue with {title}</button>" in page
    settings.SIGN_IN_PROVIDERS = {"discord": settings.SIGN_IN_PROVIDERS["discord"]}
    page = client.get(path).content.decode()
    assert "Continue with Discord" in page
    assert "Google" not in page
    settings.SIGN_IN_PROVIDERS = {}
    assert "Continue with" not in client.get(path).content.decode()


@pytest.mark.parametrize("provider", WITH_ADDRESS)
def test_there_and_back_opens_a_session_and_goes_on(browser, provider):
    response = browser.sign_in(provider, VERA, next="/chats")
    assert (response.status_code, response.headers["Location"]) == (302, "/chats")
    assert browser.user["email"] == VERA.email
    session = AuthSession.objects.get()
    assert (session.kind, session.method) == ("web", provider)


def test_the_cookie_is_new_after_signing_in(browser):
    address = browser.begin("google")
    before = browser.client.cookies[site_settings.SESSION_COOKIE_NAME].value
    browser.client.get(browser.choose(address, VERA))
    assert browser.client.cookies[site_settings.SESSION_COOKIE_NAME].value != before


@pytest.mark.parametrize("where", ["https://evil.example", "//evil.example", "javascript:alert(1)"])
def test_it_goes_on_nowhere_but_inside(browser, where):
    assert browser.sign_in("google", VERA, next=where).headers["Location"] == "/"


def test_who_is_signed_in_is_led_on(member):
    response = member().client.post("/sign-in/with/google", {"next": "/chats"})
    assert response.headers["Location"] == "/chats"


def test_only_our_own_page_may_begin(identity):
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/sign-in/with/google").status_code == 403
    assert strict.get("/sign-in/with/google").status_code == 405


def test_beginning_is_limited(browser, settings):
    settings.RATE_LIMIT_FACTOR = 1
    answers = [browser.client.post("/sign-in/with/google").status_code for _ in range(11)]
    assert 429 in answers


def test_a_site_that_is_off_is_not_there(browser, settings):
    settings.SIGN_IN_PROVIDERS = {}
    assert browser.client.post("/sign-in/with/google").status_code == 404
    assert browser.client.post("/sign-in/with/nobody").status_code == 404
    assert browser.client.get("/sign-in/with/nobody/callback?state=x&code=x").status_code == 404
    assert browser.client.get("/sign-in/with/google/callback?state=x&code=x").status_code == 404


def test_a_second_factor_is_asked_for(browser, make_user):
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes

    user = make_user(email=VERA.email, email_verified=True)
    RecoveryCodes.activate(user)
    response = browser.sign_in("google", VERA, next="/chats")
    assert response.headers["Location"] == "/sign-in/second-factor"
    assert browser.user is None


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_what_was_begun_in_another_browser_is_not_finished_in_this_one(browser, identity):
    """Else a stranger could sign somebody in as themselves, and read what they then write."""
    back = Browser(identity).choose(Browser(identity).begin("google"), VERA)
    with unchanged():
        response = browser.client.get(back)
    assert response.status_code == 400
    assert "This sign-in was not started here" in response.content.decode()
    assert browser.user is None


@pytest.mark.parametrize(
    "query", ["", "?code=x", "?state=x&code=x", "?state=&code=", "?state=%00&code=%00", "?error=access_denied"]
)
@pytest.mark.parametrize("provider", SITES)
def test_a_callback_out_of_nowhere_changes_nothing(browser, provider, query):
    with unchanged():
        response = browser.client.get(f"/sign-in/with/{provider}/callback{query}")
    assert response.status_code == 400
    assert "not started here" in response.content.decode()


def test_a_callback_is_good_once(browser):
    back = browser.choose(browser.begin("google"), VERA)
    assert browser.client.get(back).status_code == 302
    with unchanged():
        again = browser.client.get(back)
    assert again.status_code == 400


def test_a_replayed_code_is_refused(browser, identity):
    back = browser.choose(browser.begin("google"), VERA)
    browser.client.get(back)
    other = Browser(identity)
    address = other.begin("google")
    state = parse_qs(urlsplit(address).query)["state"][0]
    code = parse_qs(urlsplit(back).query)["code"][0]
    before = contents()
    response = other.client.get(f"/sign-in/with/google/callback?{urlencode({'code': code, 'state': state})}")
    assert response.status_code == 400
    assert "start again" in response.content.decode()
    assert without_sessions(before, contents()) == set()
    assert other.user is None


def test_a_state_of_one_site_is_not_taken_at_the_door_of_another(browser):
    back = browser.choose(browser.begin("google"), VERA)
    response = browser.client.get(back.replace("/google/", "/local/"))
    assert response.status_code == 400
    assert browser.user is None


def test_who_turns_back_is_met_kindly(browser):
    before_begin = User.objects.count()
    response = browser.sign_in("google", None)
    page = response.content.decode()
    assert response.status_code == 200
    assert "You turned back" in page
    assert "Nothing was changed" in page
    assert User.objects.count() == before_begin


def test_a_site_that_fails_is_told_of(browser, identity):
    address = browser.begin("discord")
    back = browser.choose(address, VERA)
    identity.fault("/api/oauth2/token", status=500, body="{}")
    response = browser.client.get(back)
    assert response.status_code == 502
    assert "Discord did not answer as it should. Nothing was changed" in response.content.decode()
    assert not User.objects.exists()


def test_a_site_that_fails_at_the_beginning_is_told_of(browser, identity):
    identity.fault("/.well-known/openid-configuration", status=503, body="{}")
    response = browser.client.post("/sign-in/with/local")
    assert response.status_code == 502
    assert "did not answer" in response.content.decode()


def test_an_unconfirmed_account_at_the_address_is_not_entered(browser, make_user):
    make_user(PASSWORD, email=VERA.email)
    response = browser.sign_in("google", VERA)
    assert response.status_code == 409
    assert "Forgotten password" in response.content.decode()
    assert browser.user is None
    assert not SocialAccount.objects.exists()


def test_who_is_banned_is_told_so(browser, make_user):
    make_user(email=VERA.email, email_verified=True, banned_until=timezone.now() + timedelta(days=1))
    assert "banned until" in browser.sign_in("google", VERA).content.decode()
    assert browser.user is None


def test_no_page_runs_what_a_site_says(browser, identity):
    person = identity.invent(name="<script>alert(1)</script>")
    page = browser.client.get(browser.sign_in("local", person).headers["Location"]).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


# --- without an address -----------------------------------------------------------------------------------------------


def test_who_has_no_address_gives_one_and_comes_in_by_its_mail(browser, identity):
    response = browser.sign_in("twitter", NILS)
    assert (response.status_code, response.headers["Location"]) == (302, "/sign-in/address")
    page = browser.client.get("/sign-in/address").content.decode()
    assert "@nils" in page
    assert browser.client.post("/sign-in/address", {"email": "not one"}).status_code == 400
    sent = browser.client.post("/sign-in/address", {"email": "nils@example.org"})
    assert "nils@example.org" in sent.content.decode()
    assert not User.objects.exists()

    from common.keys import seal

    link = OutgoingMail.objects.get().link
    other = Browser(identity)  # the mail is read elsewhere
    key = seal(link["purpose"], MailKey.objects.get().pk)
    assert "nils@example.org" in other.client.get("/auth/callback", {"key": key}).content.decode()
    assert other.client.post("/auth/callback", {"key": key}).status_code == 302
    assert other.user["email"] == "nils@example.org"
    assert AuthSession.objects.get().method == "twitter"


def test_an_address_the_site_does_not_vouch_for_stands_in_the_field(browser):
    browser.sign_in("google", UMA)
    assert f'value="{UMA.email}"' in browser.client.get("/sign-in/address").content.decode()


def test_the_page_for_an_address_is_for_who_was_sent_there(browser, member):
    for each in (browser, member()):
        assert each.client.get("/sign-in/address").headers["Location"] == "/sign-in"
        assert each.client.post("/sign-in/address", {"email": "a@example.org"}).status_code == 302
    assert not OutgoingMail.objects.filter(kind="oauth_confirm").exists()


# --- connecting -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", SITES)
def test_a_member_connects_and_disconnects(member, provider):
    mira = member()
    page = mira.connect(provider, VERA).content.decode()
    assert "is connected" in page
    account = SocialAccount.objects.get()
    assert account.user == mira.account
    response = mira.client.post(f"/account/connections/{public_id(account)}/remove", follow=True)
    assert "Disconnected" in response.content.decode()
    assert not SocialAccount.objects.exists()


def test_the_last_way_in_stays(browser):
    browser.sign_in("google", VERA)
    User.objects.update(email_verified=False)
    account = SocialAccount.objects.get()
    response = browser.client.post(f"/account/connections/{public_id(account)}/remove", follow=True)
    assert "your only way in" in response.content.decode()
    assert SocialAccount.objects.exists()


def test_somebody_elses_identity_is_refused(member):
    stella, mira = member(), member()
    stella.connect("google", VERA)
    response = mira.connect("google", VERA)
    assert response.status_code == 409
    assert "connected to another account" in response.content.decode()
    assert SocialAccount.objects.get().user == stella.account


def test_nobody_removes_what_is_not_theirs(member):
    stella, mira = member(), member()
    stella.connect("google", VERA)
    account = SocialAccount.objects.get()
    mira.client.post(f"/account/connections/{public_id(account)}/remove")
    assert Client().post(f"/account/connections/{public_id(account)}/remove").headers["Location"].startswith("/sign-in")
    assert SocialAccount.objects.exists()


def test_who_began_must_still_be_the_one_who_is_signed_in(member):
    mira, stella = member(), member()
    back = mira.choose(mira.begin("google", "/account/connections/{}"), VERA)
    mira.client.post("/sign-out")
    with unchanged():
        assert mira.client.get(back).status_code == 400
        assert stella.client.get(back).status_code == 400
    assert not SocialAccount.objects.exists()


def test_an_old_session_is_asked_for_proof_first(member):
    mira = member()
    session = mira.client.session
    records = session["account_authentication_methods"]
    session["account_authentication_methods"] = [record | {"at": record["at"] - 400} for record in records]
    session.save()
    response = mira.client.post("/account/connections/google")
    assert response.headers["Location"] == "/account/security/confirm?next=%2Faccount%2Fconnections"


def test_who_has_no_password_proves_themselves_by_the_site_they_come_by(browser):
    browser.sign_in("google", VERA)
    session = browser.client.session
    records = session["account_authentication_methods"]
    session["account_authentication_methods"] = [record | {"at": record["at"] - 400} for record in records]
    session.save()
    confirm = browser.client.post("/account/connections/discord").headers["Location"]
    page = browser.client.get(confirm).content.decode()
    assert "Continue with Google" in page
    assert "Continue with Discord" not in page  # not connected, so no proof
    path = "/account/connections/{}/prove"
    wrong = browser.client.get(browser.choose(browser.begin("google", path, next="/account/connections"), VICTOR))
    assert "somebody else" in wrong.content.decode()
    right = browser.client.get(browser.choose(browser.begin("google", path, next="/account/connections"), VERA))
    assert right.headers["Location"] == "/account/connections"
    assert "is connected" in browser.connect("discord", VERA).content.decode()


def test_staff_see_which_variables_are_missing(member, settings):
    settings.SIGN_IN_PROVIDERS = {}
    assert "GOOGLE_CLIENT_ID" in member(role="support").client.get("/account/connections").content.decode()
    assert "GOOGLE_CLIENT_ID" not in member().client.get("/account/connections").content.decode()


def test_an_empty_page_says_what_to_do(member, settings):
    mira = member()
    assert "Connect one below" in mira.client.get("/account/connections").content.decode()
    settings.SIGN_IN_PROVIDERS = {}
    assert "none to offer" in mira.client.get("/account/connections").content.decode()


def test_the_page_takes_the_same_queries_however_many_there_are(member, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    mira = member()
    counts = []
    for people in ((), (VERA,), (VICTOR, UMA, NILS)):
        for person in people:
            mira.connect("discord", person)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            mira.client.get("/account/connections")
        counts.append(len(queries))
    assert counts[1] == counts[2]


# --- the policy -------------------------------------------------------------------------------------------------------


def test_a_form_leads_to_exactly_the_sites_that_are_on(identity, settings):
    assert set(csp.door_targets()) == {identity.url}
    block = {"CLIENT_ID": "x", "CLIENT_SECRET": "y", "BASE_URL": ""}
    settings.SIGN_IN_PROVIDERS = {"google": block, "twitter": block}
    assert csp.door_targets() == ["https://accounts.google.com", "https://x.com", "https://twitter.com"]
    policy = csp.PolicyMiddleware(lambda request: None)
    for path in ("/sign-in", "/sign-up", "/sign-in/address", "/account/connections", "/account/security/confirm"):
        assert "form-action 'self' https://accounts.google.com https://x.com https://twitter.com" in policy._policy_for(
            path
        )
    for path in ("/", "/chats", "/account/security", "/signed", "/sign-out", "/account"):
        assert "form-action 'self';" in f"{policy._policy_for(path)};"
    settings.SIGN_IN_PROVIDERS = {}
    assert csp.PolicyMiddleware(lambda request: None)._policy_for("/sign-in") == policy.strict

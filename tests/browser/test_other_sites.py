"""Signing in by other sites, in a real browser against a real server: every site's way, and every refusal."""

import re
import uuid
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser import pages
from tests.browser.test_every_page import screens

pytestmark = pytest.mark.browser

TITLES = {"google": "Google", "discord": "Discord", "twitter": "X", "local": "Local identity (development)"}
WITH_ADDRESS = ("google", "discord", "local")


@pytest.fixture
def elsewhere(identity, watch):
    """The other site, which the windows of these tests may visit."""
    watch.forgive(identity.url)
    return identity


@pytest.fixture
def vera(elsewhere):
    return elsewhere.invent(name="Vera Vaughan", email=f"{uuid.uuid4().hex}@identity.example", verified=True)


@pytest.fixture
def uma(elsewhere):
    return elsewhere.invent(name="Uma Underhill", email=f"{uuid.uuid4().hex}@identity.example")


def leave(page, provider, path="/sign-in", verb="Continue with"):
    page.goto(path)
    page.get_by_role("button", name=f"{verb} {TITLES[provider]}", exact=True).click()
    expect(page.get_by_role("heading", name="Who are you today?")).to_be_visible()


def choose(page, person):
    name = re.compile(f"^{person.name}") if person else "Turn back"
    page.get_by_role("button", name=name).last.press("Enter")


def sign_in(page, provider, person, path="/sign-in"):
    leave(page, provider, path)
    choose(page, person)


def member(window, join, **options):
    """A window of somebody's who has signed in by password just now."""
    person = join(email_verified=True)
    person.user.set_password("velvet curtain 9")
    person.user.save()
    page = window(**options)
    page.goto("/sign-in")
    page.get_by_label("Email").fill(person.user.email)
    page.get_by_label("Password").fill("velvet curtain 9")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(re.compile("/$"))
    return page


def email_of(page):
    answer = page.request.get("/api/auth/me")
    return answer.json()["user"]["email"] if answer.ok else None


def accounts_of(person):
    from accounts.models import User

    return User.objects.filter(email=person.email)


# --- in ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/sign-in", "/sign-up"])
@pytest.mark.parametrize("provider", WITH_ADDRESS)
def test_there_and_back(window, site, vera, provider, path):
    page = window()
    sign_in(page, provider, vera, path)
    expect(page).to_have_url(f"{site.url}/")
    expect(page.get_by_role("link", name="Conversations").first).to_be_attached()
    assert email_of(page) == vera.email
    again = window()
    sign_in(again, provider, vera, "/sign-in?next=/chats")
    expect(again).to_have_url(f"{site.url}/chats")
    assert email_of(again) == vera.email
    assert accounts_of(vera).count() == 1


def test_it_needs_no_javascript(window, site, vera):
    page = window(java_script_enabled=False)
    sign_in(page, "google", vera)
    expect(page).to_have_url(f"{site.url}/")


@pytest.mark.parametrize("provider", ["twitter", "discord", "local"])
def test_who_has_no_address_is_asked_for_one_and_comes_in_by_its_mail(window, site, elsewhere, provider):
    from accounts.models import MailKey
    from common.keys import seal
    from common.models import OutgoingMail

    nils = elsewhere.invent(name="Nils Nightingale")
    email = f"{uuid.uuid4().hex}@troupe.example"
    page = window()
    sign_in(page, provider, nils)
    expect(page.get_by_role("heading", name="One thing is missing")).to_be_visible()
    page.get_by_label("Email").fill(email)
    page.get_by_role("button", name="Mail me the link").click()
    expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()
    assert email_of(page) is None
    link = OutgoingMail.objects.get(to=email).link
    key = seal(link["purpose"], MailKey.objects.get(email=email).pk)
    other = window()  # the mail is read in another browser
    other.goto(f"{link['path']}?key={key}")
    other.get_by_role("button", name="Confirm and sign in").click()
    expect(other).to_have_url(f"{site.url}/")
    assert email_of(other) == email
    sign_in(page, provider, nils)  # and from now on the site is enough
    expect(page).to_have_url(f"{site.url}/")
    assert email_of(page) == email


def test_an_account_at_the_address_is_connected_if_both_sides_vouch_for_it(window, site, vera, join):
    person = join(email_verified=True)
    type(person.user).objects.filter(pk=person.user.pk).update(email=vera.email)
    page = window()
    sign_in(page, "google", vera)
    expect(page).to_have_url(f"{site.url}/")
    assert page.request.get("/api/auth/me").json()["user"]["id"] == str(person.user.pk)


# --- refusals ---------------------------------------------------------------------------------------------------------


def callback_of(page, elsewhere, provider, person):
    """The address that the other site would send this window back to, without its going there."""
    returned = elsewhere.choose(page.url, person)
    return f"/sign-in/with/{provider}/callback?{urlencode({'code': returned.code, 'state': returned.state})}"


@pytest.mark.parametrize("provider", TITLES)
def test_what_was_begun_in_another_browser_is_refused(window, watch, elsewhere, vera, provider):
    watch.forgive("status of 400")
    stranger, page = window(), window()
    leave(stranger, provider)
    link = callback_of(stranger, elsewhere, provider, vera)
    page.goto(link)
    expect(page.get_by_role("heading", name="This sign-in was not started here")).to_be_visible()
    expect(page.get_by_text("Nothing was changed.")).to_be_visible()
    assert email_of(page) is None
    assert not accounts_of(vera).exists()
    page.get_by_role("link", name="To the sign-in page").click()
    expect(page).to_have_url(re.compile("/sign-in$"))


@pytest.mark.parametrize("provider", TITLES)
def test_a_state_that_was_changed_on_the_way_is_refused(window, watch, elsewhere, vera, provider):
    watch.forgive("status of 400")
    page = window()
    leave(page, provider)
    link = callback_of(page, elsewhere, provider, vera)
    page.goto(f"{link}x")
    expect(page.get_by_role("heading", name="This sign-in was not started here")).to_be_visible()
    assert email_of(page) is None
    assert not accounts_of(vera).exists()


@pytest.mark.parametrize("provider", WITH_ADDRESS)
def test_a_code_is_good_once(window, watch, elsewhere, vera, provider):
    from accounts.models import AuthSession

    watch.forgive("status of 400")
    page = window()
    leave(page, provider)
    link = callback_of(page, elsewhere, provider, vera)
    page.goto(link)
    assert email_of(page) == vera.email
    page.context.clear_cookies()
    page.goto(link)  # out of the history, say
    expect(page.get_by_role("heading", name="This sign-in was not started here")).to_be_visible()
    leave(page, provider)
    fresh = callback_of(page, elsewhere, provider, vera)
    query = {"state": parse_qs(urlsplit(fresh).query)["state"][0], "code": parse_qs(urlsplit(link).query)["code"][0]}
    page.goto(f"{urlsplit(link).path}?{urlencode(query)}")
    expect(page.get_by_role("heading", name="That did not work")).to_be_visible()
    assert email_of(page) is None
    assert AuthSession.objects.filter(user__email=vera.email).count() == 1


@pytest.mark.parametrize("provider", WITH_ADDRESS)
@pytest.mark.parametrize("confirmed", [True, False])
def test_an_unverified_address_takes_over_no_account(window, uma, join, provider, confirmed):
    from allauth.socialaccount.models import SocialAccount

    person = join(email_verified=confirmed)
    type(person.user).objects.filter(pk=person.user.pk).update(email=uma.email)
    page = window()
    sign_in(page, provider, uma)
    expect(page.get_by_role("heading", name="One thing is missing")).to_be_visible()
    assert email_of(page) is None
    assert not SocialAccount.objects.filter(user=person.user).exists()


@pytest.mark.parametrize("provider", WITH_ADDRESS)
def test_an_account_that_nobody_confirmed_is_not_entered(window, watch, vera, join, provider):
    from allauth.socialaccount.models import SocialAccount

    watch.forgive("status of 409")
    person = join()
    type(person.user).objects.filter(pk=person.user.pk).update(email=vera.email)
    page = window()
    sign_in(page, provider, vera)
    expect(page.get_by_text("which nobody has confirmed")).to_be_visible()
    expect(page.get_by_role("link", name="Forgotten password")).to_be_visible()
    assert email_of(page) is None
    assert not SocialAccount.objects.filter(user=person.user).exists()


@pytest.mark.parametrize("provider", TITLES)
def test_who_turns_back_is_met_kindly(window, provider, elsewhere):
    page = window()
    leave(page, provider)
    choose(page, None)
    expect(page.get_by_role("heading", name="You turned back")).to_be_visible()
    assert email_of(page) is None


@pytest.mark.parametrize(
    ("provider", "path"),
    [("google", "/token"), ("discord", "/api/users/@me"), ("twitter", "/2/users/me"), ("local", "/userinfo")],
)
def test_a_site_that_fails_is_told_of(window, watch, vera, elsewhere, provider, path):
    watch.forgive("status of 502")
    page = window()
    leave(page, provider)
    elsewhere.fault(path, status=500, body="{}")
    choose(page, vera)
    expect(page.get_by_text(f"{TITLES[provider]} did not answer as it should")).to_be_visible()
    assert email_of(page) is None
    elsewhere.forget()
    page.get_by_role("link", name="To the sign-in page").click()
    leave(page, provider)


# --- connecting -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", TITLES)
def test_a_member_connects_and_disconnects(window, site, join, vera, provider):
    page = member(window, join)
    leave(page, provider, "/account/connections", "Connect")
    choose(page, vera)
    expect(page).to_have_url(f"{site.url}/account/connections")
    expect(page.get_by_role("status")).to_contain_text("is connected")
    row = page.get_by_role("listitem").filter(has_text=TITLES[provider])
    expect(row).to_be_visible()
    row.get_by_role("button", name=re.compile("^Disconnect")).click()
    expect(page.get_by_text("None yet.")).to_be_visible()


def test_somebody_elses_identity_is_refused(window, watch, join, vera):
    watch.forgive("status of 409")
    for number, page in enumerate((member(window, join), member(window, join))):
        leave(page, "google", "/account/connections", "Connect")
        choose(page, vera)
        said = "is connected." if number == 0 else "is connected to another account here"
        expect(page.get_by_text(said).first).to_be_visible()


def test_the_last_way_in_stays(window, site, vera):
    page = window()
    sign_in(page, "google", vera)
    expect(page).to_have_url(f"{site.url}/")
    accounts_of(vera).update(email_verified=False)  # no password, and no mailbox to send a link to
    page.goto("/account/connections")
    page.get_by_role("button", name=re.compile("^Disconnect")).click()
    expect(page.get_by_role("status")).to_contain_text("your only way in")
    expect(page.get_by_role("button", name=re.compile("^Disconnect"))).to_be_visible()


# --- the pages --------------------------------------------------------------------------------------------------------


@screens
def test_every_page_of_it(window, watch, join, vera, elsewhere, screen):
    watch.forgive("status of 400")
    nils = elsewhere.invent(name="Nils Nightingale")
    page = window(**screen)
    sign_in(page, "twitter", nils)
    check(page, screen)
    page.get_by_label("Email").fill("nils@troupe.example")
    page.get_by_role("button", name="Mail me the link").click()
    expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()
    check(page, screen)
    for path in ("/sign-in", "/sign-up", "/sign-in/with/google/callback"):
        page.goto(path)
        check(page, screen)
    page = member(window, join, **screen)
    page.goto("/account/connections")
    check(page, screen)
    leave(page, "google", "/account/connections", "Connect")
    choose(page, vera)
    check(page, screen)


def check(page, screen):
    expect(page.locator("h1")).to_be_visible()
    pages.check(page)
    if screen.get("is_mobile"):
        assert pages.small_targets(page) == []

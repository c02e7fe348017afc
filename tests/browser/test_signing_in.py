"""Every way in, in a real browser: passwords, mailed links, codes, passkeys, and other devices."""

import re
import time
import uuid
from collections.abc import Callable
from typing import Any

import django_rq
import pytest
from playwright.sync_api import Page, expect

from tests.accounts.factors import Phone, add_phone, add_recovery_codes
from tests.browser import pages
from tests.browser.test_every_page import screens

pytestmark = pytest.mark.browser

PASSWORD, NEW_PASSWORD = "velvet curtain 9", "a new pair of shoes"


@pytest.fixture
def post(site: Any, settings: Any, tmp_path: Any) -> Callable[[str], str]:
    """`post(address)`: the link in the newest mail to them, once a worker has done what waits."""
    from common.mail import mailbox

    settings.EMAIL_BACKEND = "common.mail.mailbox.MailboxBackend"
    settings.MAILBOX, settings.PUBLIC_URL = tmp_path / "mailbox", site.url

    def post(address: str) -> str:
        queue = django_rq.get_queue("mail")
        while jobs := queue.get_jobs(0, 1):
            queue.remove(jobs[0])
            jobs[0].perform()
        letter = next(letter for letter in mailbox.letters() if letter.to == address)
        return re.search(rf"{site.url}\S+", letter.text)[0]

    return post


@pytest.fixture
def vera(join: Any) -> Any:
    """Somebody with a password and a confirmed address."""
    person = join(display_name="Vera", email_verified=True)
    person.user.set_password(PASSWORD)
    person.user.save()
    return person


def sign_in(page: Page, email: str, password: str = PASSWORD) -> None:
    page.goto("/sign-in")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def email_of(page: Page) -> str | None:
    answer = page.request.get("/api/auth/me")
    return answer.json()["user"]["email"] if answer.ok else None


# --- mailed links -----------------------------------------------------------------------------------------------------


def test_who_signs_up_confirms_the_address_in_another_browser(window, post):
    email = f"{uuid.uuid4().hex}@troupe.example"
    page, elsewhere = window(), window()
    page.goto("/sign-up")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Join")
    page.wait_for_url("**/")
    page.goto("/account/security")
    expect(page.get_by_text("Not confirmed yet")).to_be_visible()
    elsewhere.goto(post(email))
    expect(elsewhere.get_by_text(email)).to_be_visible()
    pages.check(elsewhere)
    press(elsewhere, "Confirm")
    expect(elsewhere.get_by_role("heading", name="Thank you")).to_be_visible()
    pages.check(elsewhere)
    assert email_of(elsewhere) is None
    page.reload()
    expect(page.get_by_text("confirmed", exact=True)).to_be_visible()


def test_a_link_asked_for_in_one_browser_signs_in_another(window, post, vera, watch):
    asking, following = window(), window()
    asking.goto("/sign-in")
    asking.get_by_role("link", name="Mail me a link instead").click()
    asking.get_by_label("Email").fill(vera.user.email)
    press(asking, "Send the link")
    expect(asking.get_by_role("heading", name="Look into your mail")).to_be_visible()
    pages.check(asking)
    link = post(vera.user.email)
    following.goto(link)
    pages.check(following)
    press(following, "Sign in")
    following.wait_for_url("**/")
    assert email_of(following) == vera.user.email
    assert email_of(asking) is None
    watch.forgive("status of 410")
    asking.goto(link)
    expect(asking.get_by_role("heading", name="This link does not work")).to_be_visible()
    pages.check(asking)


def test_a_forgotten_password_is_set_anew(window, post, vera, watch):
    page = window()
    page.goto("/sign-in")
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("Email").fill(vera.user.email)
    press(page, "Send the link")
    page.goto(post(vera.user.email))
    watch.forgive("status of 400")
    page.get_by_label("New password").fill("password123")
    press(page, "Set the password")
    expect(page.get_by_text("too common")).to_be_visible()
    page.get_by_label("New password").fill(NEW_PASSWORD)
    press(page, "Set the password")
    expect(page.get_by_role("heading", name="Your password is new")).to_be_visible()
    page.get_by_role("link", name="Sign in", exact=True).last.click()
    sign_in(page, vera.user.email, NEW_PASSWORD)
    page.wait_for_url("**/")
    assert email_of(page) == vera.user.email


def test_an_address_is_changed(window, post, vera):
    page = window()
    sign_in(page, vera.user.email)
    page.wait_for_url("**/")
    page.goto("/account/security")
    page.get_by_role("link", name="Change the address").click()
    new = f"{uuid.uuid4().hex}@troupe.example"
    page.get_by_label("New address").fill(new)
    press(page, "Send the link")
    expect(page.locator("#toasts")).to_contain_text("Nothing changes before.")
    page.goto(post(new))
    press(page, "Confirm")
    assert email_of(page) == new


# --- an authenticator app ---------------------------------------------------------------------------------------------


def test_an_authenticator_app_is_set_up_and_asked_for(window, vera, watch):
    page = window()
    sign_in(page, vera.user.email)
    page.wait_for_url("**/")
    page.goto("/account/security")
    page.get_by_role("link", name="Set it up").click()
    phone = Phone(page.locator(".secret").inner_text())
    watch.forgive("status of 400")
    page.get_by_label("Code").fill(phone.wrong())
    press(page, "Turn it on")
    expect(page.get_by_text("Incorrect code.")).to_be_visible()
    expect(page.locator(".secret")).to_have_text(phone.secret)
    first = phone.code()
    page.get_by_label("Code").fill(first)
    press(page, "Turn it on")
    codes = page.locator(".codes code")
    expect(codes).to_have_count(10)
    recovery_code = codes.first.inner_text()

    by_app = window()
    sign_in(by_app, vera.user.email)
    expect(by_app.get_by_role("heading", name="Show your second key")).to_be_visible()
    by_app.get_by_label("Code").fill(first)
    press(by_app, "Go on")
    expect(by_app.get_by_text("This code is not right, or was used before.")).to_be_visible()
    by_app.get_by_label("Code").fill(next(code for later in (0, 1) if (code := phone.code(later)) != first))
    press(by_app, "Go on")
    by_app.wait_for_url("**/")
    assert email_of(by_app) == vera.user.email

    by_recovery_code = window()
    sign_in(by_recovery_code, vera.user.email)
    by_recovery_code.get_by_label("Code").fill(recovery_code)
    press(by_recovery_code, "Go on")
    by_recovery_code.wait_for_url("**/")
    assert email_of(by_recovery_code) == vera.user.email

    page.goto("/account/security/authenticator")
    press(page, "Turn it off")
    expect(page.get_by_role("link", name="Set it up")).to_be_visible()


# --- passkeys ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def on_localhost(window: Any, site: Any, watch: Any) -> Callable[[], Page]:
    """A window with a built-in authenticator. An IP address is no relying party; `localhost` is.

    `pages.check` is not for these: Chromium takes the authenticator away when another session of its tools ends.
    """
    address = f"http://localhost:{site.port}"
    watch.forgive(f"asked another site: {address}/")

    def open_window() -> Page:
        page = window(base_url=address)
        session = page.context.new_cdp_session(page)
        session.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        return page

    return open_window


def add_passkey(page: Page, name: str = "My finger") -> None:
    page.goto("/account/security")
    page.get_by_label("Name of the new passkey").fill(name)
    press(page, "Add a passkey")


def sign_out(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Your account").click()
    press(page, "Sign out")
    expect(page.get_by_role("link", name="Sign in", exact=True)).to_be_visible()


def test_a_passkey_is_added_and_signs_in_alone_and_as_the_second_factor(on_localhost, vera):
    page = on_localhost()
    sign_in(page, vera.user.email)
    page.wait_for_url("**/")
    add_passkey(page)
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("My finger")).to_be_visible()

    sign_out(page)
    page.goto("/sign-in?next=/wallet")
    press(page, "Sign in with a passkey")
    expect(page).to_have_url(re.compile("[0-9]/wallet$"))
    assert email_of(page) == vera.user.email

    sign_out(page)
    sign_in(page, vera.user.email)
    expect(page.get_by_role("heading", name="Show your second key")).to_be_visible()
    press(page, "Use a passkey")
    expect(page).to_have_url(re.compile("[0-9]/$"))
    assert email_of(page) == vera.user.email

    page.goto("/account/security")
    press(page, "Remove My finger")
    expect(page.get_by_text("My finger")).to_have_count(0)


def test_a_passkey_proves_that_it_is_still_them(on_localhost, vera, site):
    page = on_localhost()
    sign_in(page, vera.user.email)
    page.wait_for_url("**/")
    add_passkey(page)
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    age_sign_in(page)
    page.goto("/account/security/password")
    expect(page.get_by_role("heading", name="Is it still you?")).to_be_visible()
    press(page, "Use a passkey")
    expect(page.get_by_role("heading", name="New password")).to_be_visible()


def age_sign_in(page: Page) -> None:
    """As if it had been an hour ago."""
    from accounts.session_store import SessionStore

    cookie = next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "session")
    session = SessionStore(cookie)
    session["account_authentication_methods"] = [
        step | {"at": time.time() - 3600} for step in session["account_authentication_methods"]
    ]
    session.save()


def test_a_passkey_of_another_account_is_refused_kindly(on_localhost, vera, join, watch):
    stranger = join(email_verified=True)
    stranger.user.set_password(PASSWORD)
    stranger.user.save()
    page = on_localhost()
    sign_in(page, stranger.user.email)
    page.wait_for_url("**/")
    add_passkey(page)
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    sign_out(page)
    from allauth.mfa.models import Authenticator

    Authenticator.objects.filter(user=stranger.user).delete()
    watch.forgive("status of 400", "status of 401")
    page.goto("/sign-in")
    press(page, "Sign in with a passkey")
    expect(page.locator("[data-passkey-error]")).to_be_visible()
    assert email_of(page) is None


# --- devices ----------------------------------------------------------------------------------------------------------


def test_another_device_is_signed_out_and_its_open_page_notices(window, vera, watch):
    here, there = window(), window()
    sign_in(here, vera.user.email)
    here.wait_for_url("**/")
    sign_in(there, vera.user.email)
    there.wait_for_url("**/")
    there.goto("/wallet")
    here.goto("/account/sessions")
    expect(here.locator(".row")).to_have_count(2)
    here.get_by_role("button", name=re.compile("^Sign out Chrom")).click()
    expect(here.locator(".row")).to_have_count(1)
    expect(there.locator("#toasts")).to_contain_text("You were signed out.")
    there.reload()
    expect(there).to_have_url(re.compile("/sign-in"))
    assert email_of(here) == vera.user.email


# --- how it looks -----------------------------------------------------------------------------------------------------


@pytest.fixture
def guarded(vera: Any) -> Any:
    """Vera with an app and recovery codes."""
    add_phone(vera.user)
    add_recovery_codes(vera.user)
    return vera


def is_right(page: Page, screen: dict[str, Any]) -> None:
    expect(page.locator("h1")).to_be_visible()
    pages.check(page)
    if screen.get("is_mobile"):
        assert pages.small_targets(page) == []


@screens
def test_the_pages_on_the_way_in(window, guarded, post, watch, screen):
    from accounts import tasks

    page = window(**screen)
    watch.forgive("status of 400", "status of 410")
    for path in ("/sign-in/link", "/forgot-password", "/auth/callback?key=nonsense"):
        page.goto(path)
        is_right(page, screen)
    sign_in(page, guarded.user.email)
    is_right(page, screen)
    page.get_by_label("Code").fill("000")
    press(page, "Go on")
    is_right(page, screen)
    for kind in ("magic_link", "reset_password"):
        tasks.mail_link(kind, guarded.user.email)
        page.goto(post(guarded.user.email))
        is_right(page, screen)


@screens
def test_the_pages_of_signing_in(window, vera, screen):
    page = window(**screen)
    sign_in(page, vera.user.email)
    page.wait_for_url("**/")
    paths = ["", "/password", "/email", "/authenticator", "/confirm?next=/account/security"]
    for path in [*(f"/account/security{path}" for path in paths), "/account/sessions"]:
        page.goto(path)
        is_right(page, screen)
    add_phone(vera.user)
    add_recovery_codes(vera.user)
    for path in ("", "/authenticator", "/recovery-codes", "/confirm"):
        page.goto(f"/account/security{path}")
        is_right(page, screen)

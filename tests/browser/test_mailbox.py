"""The mailbox of a site without a mail server: what a visitor reads there, and where its buttons lead."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser import pages
from tests.browser.test_every_page import screens
from tests.common.mail.conftest import example

pytestmark = pytest.mark.browser


@pytest.fixture
def post(site, settings) -> Callable[..., None]:
    """`post("magic_link", locale="de")`: a mail into the site's mailbox."""
    from common import mail
    from common.mail import delivery, mailbox

    settings.EMAIL_BACKEND = "common.mail.mailbox.MailboxBackend"
    settings.PUBLIC_URL = site.url
    mailbox.clear()

    def post(kind: str, to: str = "mira@troupe.example", **options: Any) -> None:
        wanted = example(kind, **options.pop("context", {})) | options
        delivery.deliver(mail.send(kind, to=to, **wanted).pk)

    return post


@screens
def test_it_looks_as_it_should_on_every_screen(window, post, screen):
    page = window(**screen)
    page.goto("/mailbox")
    expect(page.get_by_role("heading", name="No mail yet")).to_be_visible()
    pages.check(page)
    post("organization_invited", context={"organization": "The " + "very " * 20 + "long company", "inviter": "x" * 80})
    post("magic_link", locale="de")
    page.goto("/mailbox")
    expect(page.locator(".row")).to_have_count(2)
    pages.check(page)
    assert page.locator(".row").first.inner_text().startswith("Dein Link zum Anmelden")
    if screen.get("is_mobile"):
        assert pages.small_targets(page) == []
    for number in range(2):
        page.locator(".row__main").nth(number).click()
        expect(page.frame_locator("iframe").get_by_text("Troupe", exact=True)).to_be_visible()
        pages.check(page)
        page.go_back()


def test_a_mails_button_leads_out_of_the_frame(window, post, site):
    link = f"{site.url}/sign-in?from=mail"
    post("account_deleted", link=link)
    page = window()
    page.goto("/mailbox")
    page.locator(".row__main").first.click()
    button = page.frame_locator("iframe").get_by_role("link", name="Sign in", exact=True)
    button.click()
    expect(page).to_have_url(link)
    page.go_back()
    page.locator(".letter__text").get_by_role("link").click()
    expect(page).to_have_url(link)


def test_what_somebody_wrote_does_nothing_there(window, post):
    post("confirm_email", context={"name": "<img src=https://evil.example/x.png><script>alert(1)</script>"})
    page = window()
    page.goto("/mailbox")
    page.locator(".row__main").first.click()
    frame = page.frame_locator("iframe")
    expect(frame.get_by_text("<script>alert(1)</script>")).to_be_visible()
    assert frame.locator("img, script").count() == 0
    assert page.locator(".letter__text img, .letter__text script").count() == 0


def test_all_of_it_is_cleared_by_one_button(window, post):
    post("account_restored")
    page = window()
    page.goto("/mailbox")
    page.get_by_role("button", name="Clear all").click()
    expect(page.get_by_role("heading", name="No mail yet")).to_be_visible()
    page.reload()
    expect(page.locator(".row")).to_have_count(0)

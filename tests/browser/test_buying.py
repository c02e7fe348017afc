"""Buying with the sandbox, from signing up to getting one's money back.

In a real browser, with a worker that carries the sandbox's webhooks to the site over HTTP.
"""

import re
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser import pages
from tests.browser.conftest import PHONE
from tests.browser.test_every_page import every_screen
from tests.live import LiveSite

pytestmark = pytest.mark.browser

PASSWORD = "velvet curtain 9"


@pytest.fixture(scope="module", autouse=True)
def _worker(site: LiveSite) -> Iterator[None]:
    site._start("webhooks", ["manage.py", "rqworker", "webhooks", "--worker-class", "rq.worker.SimpleWorker"])
    yield
    site.stop("webhooks")


def look(page: Page, screen: dict[str, Any]) -> None:
    """What every page must have."""
    pages.check(page)
    if screen.get("is_mobile"):
        assert pages.small_targets(page) == []


def sign_up(page: Page) -> None:
    email = f"b{uuid.uuid4().hex[:12]}@troupe.example"
    page.goto("/sign-up")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Join").click()
    expect(page).not_to_have_url(re.compile("/sign-up"))


def at_the_till(page: Page, button: str) -> None:
    """Chooses something on the price list, and stands on the sandbox's page to pay on."""
    page.goto("/pricing")
    page.get_by_role("button", name=re.compile(f"^{button}")).click()
    expect(page.get_by_text("Only a rehearsal.")).to_be_visible()


def pay(page: Page, screen: dict[str, Any]) -> None:
    look(page, screen)
    page.get_by_role("button", name=re.compile("^Pay ")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Paid, as far as the play goes")
    look(page, screen)
    page.get_by_role("link", name="Back to the theatre").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Paid. Thank you.")
    look(page, screen)


def is_told() -> None:
    """Waits until the sandbox has nothing more to tell, and we have worked it off: all by webhook."""
    from billing.models import SandboxDelivery, WebhookEvent

    deadline = time.monotonic() + 20
    while (
        SandboxDelivery.objects.exclude(status="delivered").exists()
        or WebhookEvent.objects.filter(provider="sandbox").exclude(status="done").exists()
    ):
        assert time.monotonic() < deadline, "a webhook did not arrive"
        time.sleep(0.05)


@every_screen
def test_a_new_person_buys_a_pack_and_a_plan_cancels_resumes_and_is_refunded(window, screen):
    page = window(**screen)
    sign_up(page)

    at_the_till(page, "Buy Starter")
    pay(page, screen)
    page.get_by_role("link", name="See it in the book").click()
    line = page.get_by_role("row").filter(has_text="Starter").first
    expect(line).to_contain_text("100")
    expect(page.locator("[data-wallet=total]")).to_have_text("120")
    look(page, screen)

    at_the_till(page, "Take Premium")
    expect(page.get_by_text("again every month until it is cancelled")).to_be_visible()
    pay(page, screen)
    page.get_by_role("link", name="Your plan").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Premium")
    look(page, screen)
    page.get_by_text("Cancel the plan").click()
    page.get_by_role("button", name="Let it end then").click()
    expect(page.get_by_text(re.compile("^It ends on")).first).to_be_visible()
    look(page, screen)
    page.get_by_role("button", name="Go on with it after all").click()
    expect(page.get_by_text("It goes on as before.")).to_be_visible()

    page.goto("/wallet/payments")
    look(page, screen)
    page.get_by_role("link", name=re.compile("Starter")).click()
    page.get_by_text("I want my money back").click()
    page.get_by_label("Why?").fill("Bought by mistake.")
    look(page, screen)
    page.get_by_role("button", name=re.compile("^Give .* back$")).click()
    expect(page.get_by_text("Given back", exact=True)).to_be_visible()
    is_told()
    page.goto("/wallet")
    expect(page.get_by_role("row").filter(has_text="Starter")).to_have_count(2)
    look(page, screen)


def test_who_goes_back_or_whose_card_is_refused_pays_nothing(window, mira):
    page = window(mira, viewport=PHONE, is_mobile=True, has_touch=True)
    at_the_till(page, "Buy Starter")
    page.get_by_role("link", name="Go back without paying").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Not paid")
    page.get_by_role("link", name="Pay now").click()
    page.get_by_role("button", name="Let the card be refused").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The card was refused")
    is_told()  # a provider is not asked twice within two seconds, and no hand is as quick as a test's
    page.get_by_role("link", name="Back to the theatre").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("It did not go through")
    page.goto("/wallet")
    expect(page.locator("[data-wallet=total]")).to_have_text("20")


def test_what_one_does_at_the_bank_reaches_the_theatre(window, mira):
    page = window(mira)
    at_the_till(page, "Take Premium")
    page.get_by_role("button", name=re.compile("^Pay ")).click()
    is_told()
    page.goto("/wallet/plan")
    page.get_by_role("button", name=re.compile("^Cards and papers")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Play the bank")
    pages.check(page)
    page.get_by_role("button", name="Refuse the next renewal").click()
    page.get_by_role("button", name="Renew now").click()
    expect(page.get_by_text("past due")).to_be_visible()
    is_told()
    page.get_by_role("link", name="Back to the theatre").click()
    expect(page.get_by_text("The last renewal was not paid.")).to_be_visible()
    page.get_by_role("button", name="Look after my card").click()
    page.get_by_role("button", name="Renew now").click()
    expect(page.get_by_text("running")).to_be_visible()
    page.get_by_role("button", name="Dispute").first.click()
    expect(page.get_by_text("disputed", exact=True)).to_be_visible()
    is_told()
    page.goto("/wallet/payments")
    expect(page.get_by_text("Contested")).to_be_visible()

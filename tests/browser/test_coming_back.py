"""The page one comes back to from a payment service, while the money is still on its way."""

import uuid

import pytest
from playwright.sync_api import expect

from billing.models import CheckoutSession
from billing.sandbox import services as sandbox
from tests.browser.money import checkout

pytestmark = pytest.mark.browser


def test_it_says_by_itself_that_the_money_has_come(window, mira):
    session = checkout(mira, type="one_time", pack="starter")
    page = window(mira)
    page.goto(f"/checkout/return?session={session.pk}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Waiting for Sandbox")
    sandbox.pay(uuid.UUID(session.provider_session_id))
    expect(page.get_by_role("heading", level=1)).to_have_text("Paid. Thank you.")
    expect(page.get_by_role("link", name="The invoice")).to_be_visible()


def test_it_works_without_javascript(window, mira):
    session = checkout(mira, type="one_time", pack="starter")
    page = window(mira, java_script_enabled=False)
    page.goto(f"/checkout/return?session={session.pk}")
    sandbox.pay(uuid.UUID(session.provider_session_id))
    # a provider is asked every two seconds at most, and people are slower than this test
    CheckoutSession.objects.filter(pk=session.pk).update(read_at=None)
    page.get_by_role("link", name="Look again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Paid. Thank you.")


def test_an_invoice_prints_without_the_page_around_it(window, mira):
    session = checkout(mira, type="one_time", pack="starter")
    sandbox.pay(uuid.UUID(session.provider_session_id))
    page = window(mira)
    page.goto(f"/checkout/return?session={session.pk}")
    page.get_by_role("link", name="The invoice").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Invoice")
    page.emulate_media(media="print")
    expect(page.get_by_role("navigation", name="Wallet")).to_be_hidden()
    expect(page.get_by_role("banner")).to_be_hidden()
    expect(page.get_by_text("In all")).to_be_visible()

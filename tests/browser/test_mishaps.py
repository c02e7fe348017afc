"""What people are shown when something is wrong."""

import re

import pytest
from django.db import connection
from playwright.sync_api import Page, expect

from tests.browser import pages
from tests.live import LiveSite

pytestmark = pytest.mark.browser


def check_mishap(page: Page, code: str) -> None:
    expect(page.locator(".mishap__code")).to_have_text(code)
    expect(page.get_by_text("If you ask us about it, quote")).to_be_visible()
    pages.check(page)


def test_an_address_where_nothing_is(window, watch):
    watch.forgive("status of 404")
    page = window()
    page.goto("/nothing/here")
    check_mishap(page, "404")
    page.get_by_role("searchbox").fill("toll bridge")
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".card")).to_have_count(1)


def test_an_address_of_the_api_where_nothing_is(window):
    response = window().request.get("/api/nothing")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == "NOT_FOUND"


def test_somebody_elses_conversation(window, watch, mira, join, talk):
    watch.forgive("status of 404")
    page = window(mira)
    page.goto(talk(join()))
    check_mishap(page, "404")


def test_an_address_that_makes_no_sense(window, watch):
    watch.forgive("status of 400")
    page = window()
    page.goto("/?cursor=nonsense")
    check_mishap(page, "400")


def test_a_form_that_did_not_come_from_here(window, watch, mira):
    watch.forgive("status of 403")
    page = window(mira)
    page.goto("/")
    page.locator("form[action='/sign-out'] [name=csrfmiddlewaretoken]").evaluate("(field) => { field.value = 'x' }")
    page.get_by_label("Your account").click()
    page.get_by_role("button", name="Sign out").click()
    check_mishap(page, "403")
    page.goto("/")
    expect(page.get_by_label("Your account")).to_be_visible()


def test_something_that_broke(window, watch, mira):
    watch.forgive("status of 500")
    page = window(mira)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE billing_wallet RENAME TO mislaid")
        try:
            page.goto("/wallet")
        finally:
            cursor.execute("ALTER TABLE mislaid RENAME TO billing_wallet")
    check_mishap(page, "500")
    assert "billing_wallet" not in page.content()
    page.goto("/wallet")
    expect(page.get_by_role("heading", name="Wallet")).to_be_attached()


def test_too_much_at_once(window, watch, mira, odile):
    watch.forgive("status of 429")
    with LiveSite(responders=0, RATE_LIMIT_FACTOR="1") as strict:
        watch.site = strict
        page = window(mira, base_url=strict.url)
        page.goto(f"/characters/{odile.pk}")
        like = page.locator("form.like[action$='/like']")
        like.evaluate(
            """(form) => Promise.all(
                Array.from({ length: 25 }, () => fetch(form.action, { method: "POST", body: new FormData(form) }))
            )"""
        )
        like.evaluate("(form) => form.submit()")
        check_mishap(page, "429")
        expect(page.get_by_text(re.compile(r"It opens again in \d+ seconds?\."))).to_be_visible()
        page.close()  # before the house is

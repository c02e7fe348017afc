"""API keys and budgets in a browser: a key is made, copied, used by a program, bound by a budget, and ended."""

import re

import httpx
import pytest
from playwright.sync_api import expect

from accounts import api_keys
from tests.browser import pages
from tests.browser.test_every_page import screens

pytestmark = pytest.mark.browser


def test_a_key_from_its_making_to_its_end(window, mira, site):
    page = window(mira, permissions=["clipboard-read", "clipboard-write"])
    page.goto("/account/api-keys")
    expect(page.get_by_role("heading", name="No keys yet")).to_be_visible()
    page.get_by_role("textbox", name="Name").fill("House bot")
    page.get_by_label("Spend credits at will").check()
    page.get_by_label("Credits a month").fill("2")
    page.get_by_label("It ends").select_option("In 30 days")
    page.get_by_role("button", name="Make the key").click()
    key = page.locator("#key").inner_text()
    assert re.fullmatch(api_keys.PATTERN, key)
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == key

    program = httpx.Client(base_url=site.url, headers={"Authorization": f"Bearer {key}"})
    spending = {"amount": "1.5", "feature": "story"}
    assert program.post("/api/credits/spend", json=spending).status_code == 200
    refused = program.post("/api/credits/spend", json=spending)
    assert (refused.status_code, refused.json()["code"]) == (403, "BUDGET_EXCEEDED")

    page.goto("/account/api-keys")
    assert key not in page.content()
    expect(page.get_by_role("progressbar", name="House bot: 1.5 of 2 credits this month")).to_be_visible()
    page.get_by_role("link", name="Budgets").click()
    page.get_by_text("Change", exact=True).click()
    page.get_by_label("Credits for Key “House bot”").fill("9")
    page.get_by_role("button", name="Set the limit").click()
    expect(page.get_by_text("The limit is changed.")).to_be_visible()
    assert program.post("/api/credits/spend", json=spending).status_code == 200

    page.goto("/account/api-keys")
    page.get_by_text("Revoke", exact=True).click()
    page.get_by_role("button", name="Revoke House bot for good").click()
    expect(page.get_by_text("The key has ended.")).to_be_visible()
    assert program.post("/api/credits/spend", json=spending).status_code == 401


@screens
def test_the_pages_of_keys_and_budgets(window, mira, join, screen):
    from accounts import services
    from accounts.models import Membership
    from billing import services as billing

    team = services.create_team(user_id=mira.user.pk, name="The Lamplighters")
    other = join(display_name="Otto " + "von Ottersleben zu Ottensheim " * 2)
    Membership.objects.create(organization=team, user=other.user)
    billing.grant_credits(organization_id=team.pk, amount=100, key=f"gift:{team.pk}")
    made = services.create_api_key(
        organization_id=team.pk, user_id=other.user.pk, name="A bot with " + "quite a long name " * 3, budget=50
    ).row
    for subject in ({"scope": "organization"}, {"scope": "member", "member_id": other.user.pk}):
        billing.create_budget(organization_id=team.pk, period="day", limit=40, actor=mira.user, **subject)
    billing.spend(organization_id=team.pk, amount="12.25", feature="test", member_id=other.user.pk, api_key_id=made.pk)
    page = window(mira, **screen)
    paths = ("/account/api-keys", f"/organizations/{team.pk}/api-keys", f"/organizations/{team.pk}/budgets")
    for path in (*paths, f"/organizations/{mira.organization_id}/budgets"):
        page.goto(path)
        for summary in page.locator("details.key__end > summary").all():
            summary.click()
        expect(page.locator("h1")).to_be_visible()
        pages.check(page)
        if screen.get("is_mobile"):
            assert pages.small_targets(page) == []
    page.goto(paths[1])
    page.get_by_role("textbox", name="Name").fill("Another")
    page.get_by_role("button", name="Make the key").click()
    expect(page.locator("#key")).to_be_visible()
    pages.check(page)

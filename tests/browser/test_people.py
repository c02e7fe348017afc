"""One's own pages and other people's, as a person uses them."""

import os
import re

import pytest
import pyvips
from playwright.sync_api import expect

from accounts import services
from accounts.models import User
from tests.browser import pages
from tests.browser.test_every_page import screens

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("SCREENSHOTS")


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "me.png"
    path.write_bytes(
        pyvips.Image.black(300, 200, bands=3).linear(1, [200, 80, 60]).cast("uchar").write_to_buffer(".png")
    )
    return path


@screens
def test_the_pages_about_people(window, join, mira, odile, screen, request):
    friend, foe = join(), join()
    services.update_profile(
        user_id=mira.user.pk, changes={"display_name": "Mira Vale", "bio": "I play the organ.\n\nBadly."}
    )
    services.add_favourite(user_id=mira.user.pk, target_type="user", target_id=friend.user.pk)
    services.add_favourite(user_id=mira.user.pk, target_type="character", target_id=odile.pk)
    services.block(user_id=mira.user.pk, blocked_id=foe.user.pk)
    page = window(mira, **screen)
    for path in (
        "/account",
        "/account/preferences",
        "/account/people",
        f"/people/{mira.user.username}",
        f"/people/{friend.user.username}",
        f"/people/{foe.user.username}",
        f"/people/{odile.creator.username}",
        f"/characters/{odile.pk}",
    ):
        page.goto(path)
        expect(page.locator("h1")).to_be_visible()
        if SHOTS:
            name = re.sub(r"\W+", "-", f"{request.node.callspec.id}{path}")[:60]
            page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)
        pages.check(page)
        if screen.get("is_mobile"):
            assert pages.small_targets(page) == []


def test_they_are_empty_at_first(window, join):
    person = join()
    page = window(person)
    page.goto("/account/people")
    expect(page.get_by_text("Nothing yet.")).to_be_visible()
    expect(page.get_by_text("Nobody.")).to_be_visible()
    pages.check(page)


def test_a_person_makes_their_profile(window, mira, picture):
    page = window(mira)
    page.goto("/account")
    page.get_by_label("A picture of your own").set_input_files(picture)
    page.get_by_role("button", name="Use this picture").click()
    expect(page.get_by_text("Your new picture is up.")).to_be_visible()
    expect(page.locator(".picture img")).to_have_js_property("naturalWidth", 200)
    page.get_by_label("Display name").fill("Mira Vale")
    page.get_by_label("Language").select_option("de")
    page.get_by_label("Time zone").select_option("Asia/Tokyo")
    page.get_by_role("button", name="Save your profile").click()
    expect(page.get_by_text("Your profile is saved.")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-zone", "Asia/Tokyo")
    page.goto(f"/people/{mira.user.username}")
    expect(page.locator(".person time").first).to_have_attribute("lang", "de")
    expect(page.locator(".person time").first).to_have_text(re.compile("jetzt|vor|gestern|heute"))
    page.goto("/account")
    page.get_by_role("button", name="Take it off").click()
    expect(page.get_by_text("Your picture is off.")).to_be_visible()


def test_a_name_that_is_taken_is_said_beside_the_field(window, mira, join, watch):
    watch.forgive("status of 422")
    other = join()
    page = window(mira)
    page.goto("/account")
    page.get_by_label("Username").fill(other.user.username)
    page.get_by_role("button", name="Save your profile").click()
    expect(page.locator("#id_username_error")).to_contain_text("taken")


def test_preferences_change_how_the_site_behaves(window, mira, talk):
    page = window(mira, color_scheme="dark")
    page.goto("/account/preferences")
    page.get_by_label("House lights").select_option("light")
    page.get_by_label("Less movement on the pages").check()
    page.get_by_label("Enter sends what I say").uncheck()
    page.get_by_role("button", name="Save your preferences").click()
    expect(page.get_by_text("Your preferences are saved.")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    expect(page.locator("html")).to_have_attribute("data-motion", "reduced")
    page.goto(talk(mira))
    field = page.locator("form textarea").first
    field.fill("One line")
    field.press("Enter")
    field.press_sequentially("and another")
    expect(field).to_have_value("One line\nand another")


def test_keeping_and_blocking_somebody(window, mira, join):
    other = join()
    page = window(mira)
    page.goto(f"/people/{other.user.username}")
    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_role("button", name="Favourite")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Block").click()
    expect(page.get_by_role("heading", name="You have blocked this person")).to_be_visible()
    page.goto("/account/people")
    page.get_by_role("button", name=f"Unblock {other.user.display_name or other.user.username}").click()
    expect(page.get_by_text("Nobody.")).to_be_visible()
    assert not User.objects.get(pk=mira.user.pk).blocks.exists()


def test_the_profile_needs_no_script(window, mira, picture):
    page = window(mira, java_script_enabled=False)
    page.goto("/account")
    page.get_by_label("A picture of your own").set_input_files(picture)
    page.get_by_role("button", name="Use this picture").click()
    expect(page.locator(".picture img")).to_be_visible()
    page.get_by_label("Display name").fill("Plain Mira")
    page.get_by_role("button", name="Save your profile").click()
    expect(page.get_by_label("Display name")).to_have_value("Plain Mira")

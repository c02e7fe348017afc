"""A visit from the first page to an answered line, and the same with less: no script, no mouse, a small screen."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DEMO, PHONE
from tests.browser.stage import Stage

pytestmark = pytest.mark.browser

SEARCHED, FOUND = "toll bridge", "Zdenka of the Toll Bridge"


def fill_in_the_sign_up(page: Page, name: str) -> None:
    page.get_by_label("Email").fill(f"{name}@troupe.example")
    page.get_by_label("Password").fill("velvet curtain 9")


def test_a_visitor_finds_someone_joins_and_is_answered(window):
    page = window()
    page.goto("/")
    expect(page.get_by_role("heading", name="The company")).to_be_visible()
    page.get_by_role("searchbox", name="Search characters").press_sequentially(SEARCHED)
    expect(page.locator(".card")).to_have_count(1)
    expect(page).to_have_url(re.compile("search=toll"))
    page.get_by_role("link", name=FOUND).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(FOUND)
    greeting = page.locator(".poster__greeting").inner_text()
    page.get_by_role("link", name=f"Talk with {FOUND}").click()
    expect(page).to_have_url(re.compile("/sign-up"))
    fill_in_the_sign_up(page, "nadia")
    page.get_by_role("button", name="Join").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(FOUND)
    page.get_by_role("button", name=f"Talk with {FOUND}").click()
    stage = Stage(page)
    expect(stage.reply(0)).to_have_text(re.compile(re.escape(greeting[:40])))
    expect(page.get_by_text("This is the built-in demo voice")).to_be_visible()
    expect(stage.corner).to_contain_text("10 free")
    stage.say("Good evening! Who is knocking?")
    expect(stage.replies).to_have_count(2)
    stage.expect_idle()
    expect(stage.reply(1)).to_have_text(re.compile(r"\w+"))
    expect(stage.corner).to_contain_text("9 free")
    page.goto("/chats")
    row = page.locator(".row")
    expect(row).to_have_count(1)
    expect(row).to_contain_text(FOUND)
    expect(row.get_by_text("New lines")).to_have_count(0)


def test_the_corner_counts_free_messages_and_then_the_balance(window, mira, talk):
    mira.has(free_messages=1)
    page = window(mira)
    page.goto(talk(mira, DEMO))
    stage = Stage(page)
    expect(stage.corner).to_contain_text("1 free")
    for line, left in [("One.", "20"), ("Two.", "19.9"), ("Three.", "19.8")]:
        stage.say(line)
        stage.expect_idle()
        expect(stage.corner.locator("[data-corner-figure]")).to_have_text(left)
    stage.corner.click()
    expect(page.locator(".account__total")).to_contain_text("19.8")
    expect(page.locator(".entry__amount")).to_have_text(["−0.1", "−0.1", "+20"])


def test_without_credits_a_line_waits_until_there_are_some(window, mira, talk):
    from billing import services

    mira.has(free_messages=0, balance=0)
    page = window(mira)
    page.goto(talk(mira, DEMO))
    stage = Stage(page)
    expect(stage.corner).to_have_class(re.compile("corner--empty"))
    stage.say("Is anybody there?")
    notice = page.get_by_role("alert").filter(has_text="Not enough credits")
    expect(notice).to_be_visible()
    expect(stage.unsent).to_contain_text("Not sent.")
    page.reload()
    expect(stage.unsent).to_contain_text("Is anybody there?")
    services.grant_credits(organization_id=mira.organization_id, amount=1, key=f"more {mira.organization_id}")
    notice.get_by_role("button", name="Try again").click()
    expect(stage.own).to_have_count(1)
    expect(stage.replies).to_have_count(2)
    expect(stage.unsent).to_have_count(0)
    expect(notice).to_be_hidden()
    expect(stage.corner.locator("[data-corner-figure]")).to_have_text("0.9")


def test_a_like_is_counted_and_taken_back(window, mira, odile):
    page = window(mira)
    page.goto(f"/characters/{odile.pk}")
    page.get_by_role("button", name="Like 0").click()
    liked = page.get_by_role("button", name="Liked 1")
    expect(liked).to_have_attribute("aria-pressed", "true")
    page.reload()
    liked.click()
    expect(page.get_by_role("button", name="Like 0")).to_be_visible()


def test_writing_changing_and_deleting_a_character(window, watch, mira):
    watch.forgive("status of 422")
    page = window(mira)
    page.goto("/my/characters")
    page.get_by_role("link", name="Write a character").click()
    page.get_by_role("button", name="Create character").click()
    name = page.get_by_label("Name", exact=True)
    expect(page.get_by_text("Something below needs another look.")).to_be_visible()
    expect(name).to_be_focused()
    expect(name).to_have_attribute("aria-invalid", "true")
    name.fill("Ilse")
    page.get_by_label("Age (18 or older)").fill("70")
    page.get_by_label("Gender").select_option("female")
    page.get_by_label("Greeting", exact=False).first.fill("*waves* Come in, {{user}}.")
    page.get_by_role("button", name="Create character").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ilse")
    expect(page.get_by_text("In rehearsal, seen by you alone")).to_be_visible()
    expect(page.locator(".poster__greeting")).to_have_text("waves Come in, Mira.")
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Tagline").fill("Keeps the keys.")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_text("Keeps the keys.")).to_be_visible()
    page.get_by_role("link", name="Edit").click()
    page.get_by_role("link", name="Delete this character").click()
    page.get_by_role("button", name="Delete Ilse").click()
    expect(page.get_by_text("Ilse has left the company.")).to_be_visible()
    expect(page.get_by_text("Nobody in rehearsal yet")).to_be_visible()


def test_deleting_a_conversation(window, mira, talk):
    talk(mira)
    page = window(mira)
    page.goto("/chats")
    page.get_by_label("Delete the conversation with Odile").click()
    dialog = page.get_by_role("dialog", name="Delete this conversation?")
    dialog.get_by_role("button", name="Keep").click()
    expect(page.locator(".row")).to_have_count(1)
    page.get_by_label("Delete the conversation with Odile").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Nothing said yet")).to_be_visible()


def test_signing_up_says_what_is_wrong_and_keeps_what_was_typed(window, watch, mira):
    watch.forgive("status of 400")
    page = window()
    page.goto("/sign-up")
    page.get_by_label("Email").fill(mira.user.email)
    page.get_by_label("Password").fill("password")
    page.get_by_role("button", name="Join").click()
    expect(page.get_by_text("This password is too common.")).to_be_visible()
    expect(page.get_by_label("Email")).to_have_value(mira.user.email)
    page.get_by_label("Password").fill("velvet curtain 9")
    page.get_by_role("button", name="Join").click()
    expect(page.get_by_text("already")).to_be_visible()


def test_the_house_lights_stay_as_they_were_left(window):
    page = window()
    page.goto("/")
    html = page.locator("html")
    page.get_by_role("button", name="House lights up").click()
    expect(html).to_have_attribute("data-theme", "light")
    page.goto("/sign-in")
    expect(html).to_have_attribute("data-theme", "light")
    expect(page.get_by_role("button", name="House lights down")).to_be_visible()


def test_without_scripts_one_can_join_browse_like_and_begin_a_conversation(window):
    page = window(java_script_enabled=False)
    page.goto("/")
    page.get_by_role("searchbox", name="Search characters").fill(SEARCHED)
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".card")).to_have_count(1)
    page.get_by_role("link", name=FOUND).click()
    page.get_by_role("link", name=f"Talk with {FOUND}").click()
    fill_in_the_sign_up(page, "noscript")
    page.get_by_role("button", name="Join").click()
    page.get_by_role("button", name=re.compile("^Like ")).click()
    expect(page.get_by_role("button", name=re.compile("^Liked "))).to_be_visible()
    page.get_by_role("button", name=f"Talk with {FOUND}").click()
    expect(Stage(page).replies).to_have_count(1)
    page.goto("/")
    expect(page.locator(".bill--headed > .card")).to_have_count(23)  # and the first takes two places: six whole rows
    page.get_by_role("link", name="Show more of the company").click()
    expect(page.locator(".card").first).to_be_visible()
    page.get_by_label("Your account").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Email").fill("noscript@troupe.example")
    page.get_by_label("Password").fill("velvet curtain 9")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Your account")).to_be_visible()


def tab_to(page: Page, selector: str) -> None:
    """Presses Tab until what `selector` names has the focus; every stop on the way must show that it has it."""
    for _ in range(60):
        page.keyboard.press("Tab")
        seen, there = page.evaluate(
            """(selector) => {
                const node = document.activeElement, box = node.getBoundingClientRect(), style = getComputedStyle(node);
                const around = getComputedStyle(node.closest("form") ?? node);
                const ring = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0)
                    || around.boxShadow !== "none";
                return [ring && box.width > 0 && box.height > 0 || node === document.body, node.matches(selector)];
            }""",
            selector,
        )
        assert seen, page.evaluate("document.activeElement.outerHTML")
        if there:
            return
    raise AssertionError(f"Tab never came to {selector}")


def test_the_keyboard_alone_is_enough(window, provider, mira, talk):
    provider.script(text="I hear you.")
    provider.script(text="And I hear you again.")
    page = window(mira)
    talk(mira)
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, "#search")
    page.keyboard.type("lamplighter")
    page.keyboard.press("Enter")
    expect(page.locator(".card").first).to_contain_text("Odile")
    tab_to(page, ".card__link")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Odile")
    tab_to(page, ".poster__talk button")
    page.keyboard.press("Enter")
    stage = Stage(page)
    expect(stage.field).to_be_focused()
    page.keyboard.type("Do you")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("hear me?")
    page.keyboard.press("Enter")
    expect(stage.reply()).to_have_text("I hear you.")
    stage.expect_idle()
    page.keyboard.press("Shift+Tab")
    for _ in range(3):
        if page.evaluate("document.activeElement.dataset.do") == "regenerate":
            break
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(stage.reply()).to_have_text("And I hear you again.")
    tab_to(page, "#say")
    expect(stage.own.locator("br")).to_have_count(1)


def test_on_a_phone_everything_is_in_reach(window, provider, mira, talk):
    provider.script(text="Good evening.")
    page = window(mira, viewport=PHONE, is_mobile=True, has_touch=True)
    page.goto("/")
    page.get_by_role("navigation", name="Main, short").get_by_role("link", name="Wallet").tap()
    expect(page.get_by_role("heading", level=1)).to_have_text("Wallet")
    page.goto(talk(mira))
    stage = Stage(page)
    expect(stage.field).to_be_in_viewport()
    stage.field.fill("Good evening!")
    stage.send.tap()
    expect(stage.reply()).to_have_text("Good evening.")
    stage.own.first.get_by_label("What to do with this line").tap()
    for name in ("Copy", "Edit", "Delete"):
        expect(stage.own.first.get_by_role("button", name=name)).to_be_in_viewport(ratio=1)

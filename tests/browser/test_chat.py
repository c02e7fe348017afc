"""Talking, with a provider whose every word is scripted."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.stage import Stage

pytestmark = pytest.mark.browser

GREETING = "You are late, Mira."
TEXT = " ".join(f"word{number}" for number in range(40))
OFFLINE = "ERR_INTERNET_DISCONNECTED"


def test_a_reply_arrives_word_by_word(window, provider, mira, talk):
    provider.script(text=TEXT, chunk_delay=0.05)
    page = window(mira)
    page.goto(talk(mira))
    stage = Stage(page)
    stage.say("Tell me.")
    expect(stage.reply()).to_contain_text("word3")
    assert "word39" not in stage.reply().inner_text()
    expect(stage.stop).to_be_visible()
    stage.expect_idle()
    stage.expect_texts(GREETING, "Tell me.", TEXT)
    expect(stage.corner).to_contain_text("9 free")


def test_reloading_in_mid_reply_loses_and_doubles_nothing(window, provider, mira, talk):
    provider.script(text=TEXT, chunk_delay=0.08)
    page = window(mira)
    page.goto(talk(mira))
    Stage(page).say("Tell me.")
    expect(Stage(page).reply()).to_contain_text("word3")
    page.reload()
    stage = Stage(page)
    expect(stage.reply()).to_contain_text("word3")
    stage.expect_idle()
    stage.expect_texts(GREETING, "Tell me.", TEXT)
    page.reload()
    stage.expect_texts(GREETING, "Tell me.", TEXT)


def test_a_second_tab_sees_the_same_as_it_happens(window, provider, mira, talk):
    provider.script(text=TEXT, chunk_delay=0.05)
    page = window(mira)
    page.goto(talk(mira))
    other = page.context.new_page()
    other.goto(page.url)
    first, second = Stage(page), Stage(other)
    expect(second.field).to_be_enabled()
    first.say("Tell us.")
    expect(second.reply()).to_contain_text("word3")
    expect(second.stop).to_be_visible()
    for stage in (first, second):
        stage.expect_texts(GREETING, "Tell us.", TEXT)
        expect(stage.corner).to_contain_text("9 free")
    second.say("And you?")
    expect(first.own).to_have_text([re.compile("Tell us."), re.compile("And you?")])


def test_what_is_said_offline_in_mid_reply_goes_out_once_and_nothing_is_missed(window, watch, provider, mira, talk):
    watch.forgive(OFFLINE)
    provider.script(text=TEXT, chunk_delay=0.08)
    provider.script(text="Still here.")
    page = window(mira)
    page.goto(talk(mira))
    stage = Stage(page)
    stage.say("Tell me.")
    expect(stage.reply()).to_contain_text("word3")
    page.context.set_offline(True)
    stage.say("Are you there?")
    expect(stage.unsent).to_have_count(1)
    expect(stage.connection).to_contain_text("You are offline.")
    assert provider.wait_until(lambda server: server.streaming == 0, seconds=30)
    page.context.set_offline(False)
    expect(stage.reply(1)).to_have_text(TEXT)
    stage.expect_texts(GREETING, "Tell me.", TEXT, "Are you there?", "Still here.")
    expect(stage.unsent).to_have_count(0)
    expect(stage.connection).to_be_empty()
    page.reload()
    stage.expect_texts(GREETING, "Tell me.", TEXT, "Are you there?", "Still here.")


def test_a_line_said_offline_outlives_a_reload(window, watch, provider, mira, talk):
    watch.forgive(OFFLINE, "Failed to load resource")
    provider.script(text="Still here.")
    page = window(mira)
    page.goto(talk(mira))
    stage = Stage(page)
    expect(stage.field).to_be_enabled()
    address = page.url
    page.context.set_offline(True)
    stage.say("Are you there?")
    expect(stage.unsent).to_have_count(1)
    page.goto("about:blank")
    page.context.set_offline(False)
    page.goto(address)
    stage.expect_texts(GREETING, "Are you there?", "Still here.")
    expect(stage.unsent).to_have_count(0)


def test_stopping_keeps_what_was_said(window, provider, mira, talk):
    provider.script(text=TEXT, chunk_delay=0.1)
    page = window(mira)
    page.goto(talk(mira))
    stage = Stage(page)
    stage.say("Tell me.")
    expect(stage.reply()).to_contain_text("word2")
    stage.stop.click()
    expect(page.get_by_text("Stopped here.")).to_be_visible()
    stage.expect_idle()
    kept = stage.reply().inner_text()
    assert TEXT.startswith(kept)
    assert kept != TEXT
    page.reload()
    expect(stage.reply()).to_have_text(kept)


def test_another_take_and_back_and_forth_between_them(window, provider, mira, talk):
    provider.script(text="The first.")
    provider.script(text="The second.")
    page = window(mira)
    page.goto(talk(mira))
    stage = Stage(page)
    stage.say("Tell me.")
    stage.expect_texts(GREETING, "Tell me.", "The first.")
    expect(stage.pager).to_have_count(0)
    stage.do("Another take")
    stage.expect_texts(GREETING, "Tell me.", "The second.")
    expect(stage.pager).to_have_text("2 / 2")
    page.get_by_label("The take before").locator("visible=true").click()
    stage.expect_texts(GREETING, "Tell me.", "The first.")
    expect(stage.pager).to_have_text("1 / 2")
    page.get_by_label("The next take").locator("visible=true").click()
    stage.expect_texts(GREETING, "Tell me.", "The second.")
    page.reload()
    stage.expect_texts(GREETING, "Tell me.", "The second.")
    expect(stage.corner).to_contain_text("8 free")


def test_going_on_adds_to_the_same_reply(window, provider, mira, talk):
    provider.script(text="It began")
    provider.script(text=" in the rain.")
    page = window(mira)
    page.goto(talk(mira))
    stage = Stage(page)
    stage.say("Tell me.")
    stage.expect_texts(GREETING, "Tell me.", "It began")
    stage.do("Go on")
    stage.expect_texts(GREETING, "Tell me.", "It began in the rain.")


def test_an_edited_and_a_deleted_line_change_in_both_tabs(window, provider, mira, talk):
    provider.script(text="Quite.")
    page = window(mira)
    page.goto(talk(mira))
    stage = Stage(page)
    stage.say("I like rian.")
    stage.expect_texts(GREETING, "I like rian.", "Quite.")
    other = page.context.new_page()
    other.goto(page.url)
    page.bring_to_front()
    stage.menu(stage.own.first, "Edit")
    field = stage.own.first.get_by_role("textbox")
    expect(field).to_be_focused()
    field.fill("I like rain.")
    field.press("Enter")
    for each in (stage, Stage(other)):
        each.expect_texts(GREETING, "I like rain.", "Quite.")
        expect(each.own.first).to_contain_text("edited")
    stage.menu(stage.replies.last, "Delete")
    dialog = page.get_by_role("dialog", name="Delete this line?")
    dialog.get_by_role("button", name="Delete").click()
    for each in (stage, Stage(other)):
        each.expect_texts(GREETING, "I like rain.")
    page.reload()
    stage.expect_texts(GREETING, "I like rain.")


def test_signing_out_ends_the_other_tabs_conversation_and_keeps_its_words(window, provider, mira, talk):
    provider.script(text="Good evening.")
    page = window(mira)
    page.goto(talk(mira))
    stage = Stage(page)
    stage.say("Good evening!")
    stage.expect_texts(GREETING, "Good evening!", "Good evening.")
    stage.field.fill("Half a thou")
    other = page.context.new_page()
    other.goto("/")
    other.get_by_label("Your account").click()
    other.get_by_role("button", name="Sign out").click()
    expect(other.get_by_role("link", name="Sign in")).to_be_visible()
    expect(stage.connection).to_contain_text("You have been signed out. What you wrote is kept in this tab.")
    expect(stage.connection.get_by_role("link", name="Sign in")).to_have_attribute("href", re.compile(r"next=%2Fchats"))
    expect(stage.field).to_have_value("Half a thou")


def test_a_provider_that_fails_costs_nothing_and_can_be_asked_again(window, provider, mira, talk):
    for _ in range(3):
        provider.script(status=500, error={"message": "boom", "type": "server_error"})
    page = window(mira)
    page.goto(talk(mira))
    stage = Stage(page)
    stage.say("Tell me.")
    expect(stage.replies.last).to_contain_text("It cost nothing.")
    assert "boom" not in page.content()
    expect(stage.corner).to_contain_text("10 free")
    provider.script(text="Now then.")
    stage.do("Try again")
    stage.expect_texts(GREETING, "Tell me.", "Now then.")
    expect(stage.corner).to_contain_text("9 free")


def test_markup_in_a_line_is_only_text(window, provider, mira, talk):
    markup = '<img src=x onerror="document.title=1"><b>bold</b>'
    provider.script(text=f"{markup} *leaves*")
    page = window(mira)
    page.goto(talk(mira))
    stage = Stage(page)
    stage.say(markup)
    stage.expect_texts(GREETING, markup, f"{markup} leaves")
    expect(stage.reply().locator("em")).to_have_text("leaves")
    page.reload()
    stage.expect_texts(GREETING, markup, f"{markup} leaves")
    expect(page.locator(".line__text img, .line__text b")).to_have_count(0)


def test_who_reads_further_up_is_not_dragged_down(window, provider, mira, talk):
    provider.script(text="\n\n".join(f"Paragraph {number}." for number in range(40)))
    provider.script(text="The last word.")
    page = window(mira)
    page.goto(talk(mira))
    stage = Stage(page)
    stage.say("A long one, please.")
    expect(stage.reply()).to_contain_text("Paragraph 39.")
    stage.expect_idle()
    other = page.context.new_page()
    other.goto(page.url)
    page.bring_to_front()
    page.locator("#scroll").hover()
    page.mouse.wheel(0, -10_000)
    expect(page.get_by_text(GREETING)).to_be_in_viewport()
    Stage(other).say("And a short one.")
    below = page.get_by_role("button", name="New below")
    expect(below).to_be_visible()
    expect(page.get_by_text(GREETING)).to_be_in_viewport()
    below.click()
    expect(stage.reply()).to_have_text("The last word.")
    expect(stage.reply()).to_be_in_viewport()

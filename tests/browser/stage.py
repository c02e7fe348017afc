"""The chat as a person sees it."""

import re

from playwright.sync_api import Locator, Page, expect


class Stage:
    """`Stage(page)` for a page that shows a conversation."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.lines = page.locator("#lines > .line")
        self.own = page.locator("#lines > .line--own")
        self.replies = page.locator("#lines > .line:not(.line--own)")
        self.unsent = page.locator("#unsent > .line")
        self.field = page.get_by_role("textbox", name=re.compile("^Your line to"))
        self.send = page.get_by_role("button", name="Send", exact=True)
        self.stop = page.get_by_role("button", name="Stop the reply")
        self.corner = page.locator("[data-corner]")
        self.connection = page.locator("#connection")
        self.pager = page.locator("[data-pager-words]").locator("visible=true")

    def say(self, text: str) -> None:
        self.field.fill(text)
        self.field.press("Enter")

    def reply(self, number: int = -1) -> Locator:
        """The words of a reply; the greeting is number 0."""
        return self.text(self.replies.nth(number))

    def text(self, line: Locator) -> Locator:
        return line.locator(".line__text")

    def do(self, name: str) -> None:
        """One of the tools below the last line."""
        self.page.locator("[data-tools]:visible").get_by_role("button", name=name).click()

    def menu(self, line: Locator, name: str) -> None:
        line.get_by_label("What to do with this line").click()
        line.get_by_role("button", name=name).click()

    def expect_idle(self) -> None:
        expect(self.send).to_be_attached()
        expect(self.page.locator("#footlights")).not_to_have_class(re.compile("--lit"))

    def expect_texts(self, *texts: str) -> None:
        """All lines, from the first to the last."""
        expect(self.lines.locator(".line__text")).to_have_text(list(texts))

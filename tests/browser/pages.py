"""What every page must have, asked of Chromium's own accessibility tree."""

from playwright.sync_api import Page

CONTROLS = {
    "button", "checkbox", "combobox", "disclosuretriangle", "link", "listbox", "menuitem", "radio", "searchbox",
    "slider", "spinbutton", "switch", "tab", "textbox",
}  # fmt: skip


def nameless_controls(page: Page) -> list[str]:
    """The controls that a screen reader could only call "button"."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    return [
        f"{node['role']['value']} {node.get('properties')}"
        for node in nodes
        if not node["ignored"]
        and node["role"]["value"].lower() in CONTROLS
        and not node.get("name", {}).get("value", "").strip()
    ]


def repeated_ids(page: Page) -> list[str]:
    return page.evaluate(
        """() => {
            const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
            return ids.filter((id, place) => ids.indexOf(id) !== place);
        }"""
    )


def what_is_wider_than_the_window(page: Page) -> list[str]:
    """The elements that reach beyond the window's right edge, where the page can be scrolled sideways."""
    return page.evaluate(
        """() => {
            const width = document.documentElement.clientWidth;
            if (document.documentElement.scrollWidth <= width) return [];
            return [...document.body.querySelectorAll("*")]
                .filter((node) => node.getBoundingClientRect().right > width + 0.5)
                .map((node) => `${Math.round(node.getBoundingClientRect().right)} ${node.outerHTML.slice(0, 160)}`);
        }"""
    )


def small_targets(page: Page) -> list[str]:
    """What a thumb would miss: buttons, and links that stand alone, less than 44 pixels high or wide."""
    return page.evaluate(
        """() => [...document.querySelectorAll("button, summary, select, input, nav a, a.button, a.chip, a.corner")]
            .filter((node) => node.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
            .filter((node) => node.type !== "checkbox" && !node.matches(".skip, [type=hidden]"))
            .map((node) => [node.getBoundingClientRect(), node.outerHTML.slice(0, 120)])
            .filter(([box]) => box.width > 1 && (box.height < 43.5 || box.width < 43.5))
            .map(([box, text]) => `${Math.round(box.width)}x${Math.round(box.height)} ${text}`)"""
    )


def check(page: Page) -> None:
    """Fails where a page lacks what every page has."""
    assert nameless_controls(page) == []
    assert repeated_ids(page) == []
    assert page.locator("h1").count() == 1
    assert page.locator("main").count() == 1
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.title().strip()
    assert page.locator("img:not([alt])").count() == 0
    wide = what_is_wider_than_the_window(page)
    assert not wide, wide

"""The bell and the call-board in a browser, as other devices and other people change them."""

import pytest
from playwright.sync_api import expect

from notifications import kinds, services

pytestmark = pytest.mark.browser


@pytest.fixture
def tell():
    """`tell(mira, "Curtain up")`; the site, which is another process, does not know this kind."""
    kind = kinds.Kind(name="told", about="What a test tells")
    kinds.register(kind)

    def tell(person, title, **options):
        return services.notify(user_id=person.user.pk, kind="told", title=title, **options)

    yield tell
    del kinds._kinds[kind.name]


def bell(page):
    return page.locator("[data-bell]")


def rows(page):
    return page.locator("[data-notification]")


def is_live(page):
    """The page follows its person's topic: what is told from now on arrives."""
    page.wait_for_function(
        """async () => {
            const { pageSocket } = await import("/static/js/socket.js");
            return pageSocket().state === "open" && pageSocket().command("ping").then(() => true);
        }"""
    )


def test_the_bell_counts_while_one_looks_at_something_else(window, mira, tell):
    page = window(mira)
    page.goto("/wallet")
    expect(bell(page)).to_have_accessible_name("Notifications")
    is_live(page)
    tell(mira, "One")
    expect(bell(page)).to_have_accessible_name("Notifications, 1 unread")
    tell(mira, "Two")
    expect(bell(page).locator("[data-bell-count]")).to_have_text("2")
    bell(page).click()
    expect(rows(page)).to_contain_text(["Two", "One"])


def test_what_comes_while_one_reads_waits_to_be_shown(window, mira, tell):
    tell(mira, "First")
    page = window(mira)
    page.goto("/notifications")
    is_live(page)
    tell(mira, "Second")
    expect(rows(page)).to_have_count(1)
    page.get_by_role("link", name="1 new: show it").click()
    expect(rows(page)).to_contain_text(["Second", "First"])


def test_reading_unreading_and_deleting_on_the_spot(window, mira, tell):
    for title in ("Third", "Second", "First"):
        tell(mira, title)
    page = window(mira)
    page.goto("/notifications")
    page.get_by_role("button", name="Mark as read: First").click()
    expect(bell(page)).to_have_accessible_name("Notifications, 2 unread")
    back = page.get_by_role("button", name="Mark as unread: First")
    expect(back).to_be_focused()
    back.press("Enter")
    expect(bell(page)).to_have_accessible_name("Notifications, 3 unread")
    expect(page.get_by_role("button", name="Mark as read: First")).to_be_focused()
    page.get_by_role("button", name="Delete: Second").click()
    expect(rows(page)).to_contain_text(["First", "Third"])
    expect(bell(page)).to_have_accessible_name("Notifications, 2 unread")
    page.get_by_role("button", name="Mark all as read").click()
    expect(page.locator(".pin--unread")).to_have_count(0)
    expect(bell(page)).to_have_accessible_name("Notifications")
    expect(page.get_by_role("button", name="Mark all as read")).to_be_hidden()
    page.reload()
    expect(rows(page)).to_have_count(2)
    expect(page.locator(".pin--unread")).to_have_count(0)


def test_deleting_the_last_one_leaves_an_empty_board(window, mira, tell):
    tell(mira, "Only")
    page = window(mira)
    page.goto("/notifications")
    page.get_by_role("button", name="Delete: Only").click()
    expect(page.get_by_role("heading", name="Nothing on the board")).to_be_visible()


def test_two_devices_see_the_same(window, mira, tell):
    for title in ("Second", "First"):
        tell(mira, title)
    desk, phone = window(mira), window(mira)
    for page in (desk, phone):
        page.goto("/notifications")
        is_live(page)
    phone.get_by_role("button", name="Mark as read: First").click()
    expect(desk.locator(".pin--unread")).to_have_count(1)
    expect(bell(desk)).to_have_accessible_name("Notifications, 1 unread")
    phone.get_by_role("button", name="Delete: Second").click()
    expect(rows(desk)).to_contain_text(["First"])
    expect(bell(desk)).to_have_accessible_name("Notifications")


def test_a_line_that_was_broken_is_made_up_for(window, mira, tell, watch):
    watch.forgive("ERR_INTERNET_DISCONNECTED", "WebSocket")
    tell(mira, "Before")
    page = window(mira)
    page.goto("/notifications")
    is_live(page)
    page.evaluate("""() => import("/static/js/socket.js").then(({ pageSocket }) => pageSocket().abandon())""")
    tell(mira, "Meanwhile")
    expect(page.get_by_role("link", name="1 new: show it")).to_be_visible()
    expect(bell(page)).to_have_accessible_name("Notifications, 2 unread")


def test_more_are_fetched_without_leaving_the_page(window, mira, tell):
    for number in range(35):
        tell(mira, f"Number {number}")
    page = window(mira)
    page.goto("/notifications")
    expect(rows(page)).to_have_count(30)
    page.get_by_role("link", name="Show older").click()
    expect(rows(page)).to_have_count(35)
    page.get_by_role("button", name="Mark as read: Number 0", exact=True).click()
    expect(bell(page)).to_have_accessible_name("Notifications, 34 unread")


def test_without_javascript_everything_works_by_new_pages(window, mira, tell):
    for title in ("Third", "Second", "First"):
        tell(mira, title)
    page = window(mira, java_script_enabled=False)
    page.goto("/")
    expect(bell(page)).to_have_accessible_name("Notifications, 3 unread")
    bell(page).click()
    page.get_by_role("button", name="Mark as read: First").click()
    expect(bell(page)).to_have_accessible_name("Notifications, 2 unread")
    page.get_by_role("button", name="Delete: Second").click()
    expect(rows(page)).to_have_count(2)
    page.get_by_role("button", name="Mark all as read").click()
    expect(bell(page)).to_have_accessible_name("Notifications")


def test_hostile_words_are_only_words(window, mira, tell):
    tell(mira, "<img src=x onerror=alert(1)>", body="<script>document.title = 'evil'</script>")
    page = window(mira)
    page.goto("/notifications")
    expect(rows(page)).to_contain_text(["<img src=x onerror=alert(1)>"])
    expect(page).to_have_title("Notifications · Troupe")

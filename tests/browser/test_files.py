"""The page of one's files in a browser: sending in every way, stopping, trying again, looking, deleting."""

import base64
import json

import pytest
import pyvips
from playwright.sync_api import expect

from common.errors import Unprocessable
from media import tasks
from media.models import Asset, StoredContent
from tests.browser import pages
from tests.browser.test_every_page import SCREENS
from tests.browser.test_notifications import is_live
from tests.media.clips import filming

pytestmark = pytest.mark.browser
BIG = 10 * 1024 * 1024


def photo(width=600, height=400, seed=1):
    """A JPEG of a gradient with some noise, another for each seed; `seed` moves its colours, too."""
    across = pyvips.Image.xyz(width, height)
    noise = pyvips.Image.gaussnoise(width, height, sigma=6, seed=seed)
    bands = [across[0] * (255 / width), across[1] * (255 / height), noise + seed * 37 % 255]
    joined = bands[0].bandjoin(bands[1:]) + noise
    return joined.cast("uchar").copy(interpretation="srgb").jpegsave_buffer(Q=85)


def chosen(name="cat.jpg", data=None, mime_type="image/jpeg"):
    """A file as somebody chooses it."""
    return {"name": name, "mimeType": mime_type, "buffer": photo() if data is None else data}


def card(page, name):
    return page.locator(f".file[data-name='{name}']")


def rows(page):
    return page.locator(".sending__row")


def choose(page, *files):
    page.locator("#id_file").set_input_files(list(files))


def is_drawn(locator):
    """The canvas shows more than one colour, and none of it is see-through."""
    return locator.evaluate(
        """(canvas) => {
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            const pixels = Array.from({ length: data.length / 4 }, (_, at) => data.slice(4 * at, 4 * at + 4).join());
            return new Set(pixels).size > 8 && pixels.every((pixel) => pixel.endsWith(",255"));
        }"""
    )


def is_seen(card):
    """Its picture has come."""
    card.locator("img").evaluate("(image) => image.decode()")
    expect(card.locator("canvas")).to_be_hidden()


HAND = """([type, files]) => {
    const carried = new DataTransfer();
    for (const [name, text] of files) {
        const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
        carried.items.add(new File([bytes], name, { type: "image/jpeg" }));
    }
    const options = { bubbles: true, cancelable: true };
    const event = type === "paste"
        ? new ClipboardEvent(type, { ...options, clipboardData: carried })
        : new DragEvent(type, { ...options, dataTransfer: carried });
    return !document.querySelector("main").dispatchEvent(event);
}"""


def hand(page, event, *files):
    """Dispatches what a browser would when files are dragged over the page, dropped or pasted; whether it was taken."""
    return page.evaluate(HAND, [event, [[name, base64.b64encode(data).decode()] for name, data in files]])


def hold(page, pattern):
    """What is asked there waits until the test lets it go; a list of it, that grows."""
    held = []

    def keep(route):
        held.append(route)

    page.route(pattern, keep)
    return held


@pytest.fixture
def shelf(window, mira):
    """The page of Mira's files."""
    page = window(mira)
    page.goto("/files")
    return page


@pytest.fixture
def shelve(mira):
    """`shelve("film.mp4", …)`: a file as its rows alone."""

    def shelve(name, *, visibility="private", **fields):
        from media.services.intake import attach, use

        content = StoredContent.objects.create(
            owner=mira.user, organization_id=mira.organization_id, **{"family": "video", "progress": 0} | fields
        )
        wanted = use(owner_id=mira.user.pk, organization_id=mira.organization_id, visibility=visibility)
        return attach(wanted, content, name)

    return shelve


def problem(route, status, code, **members):
    body = json.dumps({"status": status, "code": code, "detail": "No.", **members})
    route.fulfill(status=status, body=body, content_type="application/problem+json")


class TestSending:
    def test_files_are_chosen_and_stand_on_the_shelf_without_a_reload(self, shelf):
        expect(shelf.get_by_role("heading", name="The shelves are empty")).to_be_visible()
        choose(shelf, chosen("cat.jpg"), chosen("dog.jpg", photo(seed=2)))
        for name in ("cat.jpg", "dog.jpg"):
            expect(card(shelf, name)).to_be_visible()
            is_seen(card(shelf, name))
        expect(rows(shelf)).to_have_count(0)
        expect(shelf.locator("#empty")).to_be_hidden()
        expect(shelf.locator("#meter")).not_to_contain_text("0 KB of")
        expect(card(shelf, "cat.jpg")).to_contain_text("Only me")
        shelf.reload()
        expect(shelf.locator(".file")).to_have_count(2)

    def test_files_are_dropped_anywhere(self, shelf):
        curtain = shelf.get_by_text("Let go, and they are sent")
        assert hand(shelf, "dragover", ("cat.jpg", photo()))
        expect(curtain).to_be_visible()
        assert hand(shelf, "drop", ("cat.jpg", photo()))
        expect(curtain).to_be_hidden()
        expect(card(shelf, "cat.jpg")).to_be_visible()

    def test_a_picture_is_pasted(self, shelf):
        assert hand(shelf, "paste", ("image.png", photo()))
        expect(card(shelf, "image.png")).to_be_visible()
        assert not hand(shelf, "paste")  # words go where they would go

    def test_whoever_has_the_address_may_see_it_where_that_was_said(self, shelf, window, site):
        shelf.context.grant_permissions(["clipboard-read", "clipboard-write"])
        shelf.get_by_label("Everyone with the address").check()
        choose(shelf, chosen())
        shelf.get_by_role("button", name="Copy the address of cat.jpg").click()
        expect(shelf.get_by_text("Copied.")).to_be_visible()
        address = shelf.evaluate("() => navigator.clipboard.readText()")
        assert address.startswith(f"{site.url}/media/other/")
        assert window().request.get(address).status == 200

    def test_the_same_picture_again_is_the_one_there_is(self, shelf):
        choose(shelf, chosen())
        expect(card(shelf, "cat.jpg")).to_be_visible()
        choose(shelf, chosen("cat again.jpg"))
        expect(shelf.get_by_text("You have “cat.jpg” already.")).to_be_visible()
        expect(shelf.locator(".file")).to_have_count(1)

    def test_one_sees_how_far_it_is_and_can_stop_it(self, shelf, mira):
        session = shelf.context.new_cdp_session(shelf)
        session.send("Network.enable")
        slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 60_000}
        session.send("Network.emulateNetworkConditions", slow)
        choose(shelf, chosen("slow.jpg", b"\xff\xd8\xff" + b"\x00" * 3_000_000))
        bar = shelf.get_by_role("progressbar", name="Sending slow.jpg")
        shelf.wait_for_function("() => document.querySelector('.sending__row progress')?.value > 0")
        assert bar.evaluate("(bar) => bar.value < 100")
        expect(rows(shelf)).to_contain_text("% of 2.9 MB")
        shelf.get_by_role("button", name="Stop: slow.jpg").click()
        expect(rows(shelf)).to_have_count(0)
        expect(shelf.locator("#sending-says")).to_have_text("slow.jpg was stopped.")
        expect(shelf.locator("#id_file")).to_be_focused()
        assert not Asset.objects.filter(owner=mira.user).exists()

    def test_two_go_at_once_and_the_rest_wait(self, shelf):
        held = hold(shelf, "**/api/upload/file")
        choose(shelf, *(chosen(f"{number}.jpg", photo(seed=number)) for number in range(1, 5)))
        expect(rows(shelf)).to_have_count(4)
        expect(rows(shelf).get_by_text("Waits for its turn")).to_have_count(2)
        assert len(held) == 2
        held[0].continue_()
        expect(card(shelf, "1.jpg")).to_be_visible()
        expect(rows(shelf).get_by_text("Waits for its turn")).to_have_count(1)
        assert len(held) == 3
        shelf.get_by_role("button", name="Stop: 4.jpg").click()  # one that waits
        for route in held[1:]:
            route.continue_()
        for name in ("2.jpg", "3.jpg"):
            expect(card(shelf, name)).to_be_visible()
        expect(rows(shelf)).to_have_count(0)
        expect(card(shelf, "4.jpg")).to_have_count(0)

    def test_an_error_is_said_in_words_and_tried_again(self, shelf, watch):
        watch.forgive("status of 403", "ERR_FAILED")
        answers = [
            lambda route: problem(route, 403, "STORAGE_FULL", detail="Your storage is full."),
            lambda route: route.abort(),
        ]
        shelf.route("**/api/upload/file", lambda route: answers.pop(0)(route) if answers else route.continue_())
        choose(shelf, chosen())
        expect(rows(shelf)).to_contain_text("Your storage is full.")
        again = shelf.get_by_role("button", name="Try again: cat.jpg")
        again.click()
        expect(rows(shelf)).to_contain_text("The connection broke.")
        again.click()
        expect(card(shelf, "cat.jpg")).to_be_visible()
        expect(rows(shelf)).to_have_count(0)

    def test_what_came_too_soon_is_waited_for_without_a_word(self, shelf, watch):
        watch.forgive("status of 429")
        answers = [lambda route: problem(route, 429, "RATE_LIMIT_EXCEEDED", retry_after=0.1)]
        shelf.route("**/api/upload/file", lambda route: answers.pop(0)(route) if answers else route.continue_())
        choose(shelf, chosen())
        expect(card(shelf, "cat.jpg")).to_be_visible()
        assert answers == []

    def test_what_is_too_large_or_unknown_is_told_without_sending_it(self, shelf):
        shelf.route("**/api/upload/**", lambda route: pytest.fail("it was sent"))
        choose(shelf, chosen("huge.jpg", b"\xff\xd8\xff" + b"\x00" * BIG), chosen("a.pdf", b"%PDF", "application/pdf"))
        expect(rows(shelf).nth(0)).to_contain_text("at most 10 MB")
        expect(rows(shelf).nth(1)).to_contain_text("We don't take files of this kind")
        expect(shelf.get_by_role("button", name="Try again")).to_have_count(0)
        shelf.get_by_role("button", name="Take off the list: huge.jpg").click()
        expect(rows(shelf)).to_have_count(1)
        expect(shelf.get_by_role("button", name="Take off the list: a.pdf")).to_be_focused()

    def test_what_the_server_finds_wrong_is_said(self, shelf, watch):
        watch.forgive("status of 422", "status of 415")
        choose(shelf, chosen("broken.jpg", b"\xff\xd8\xff" + b"\x00" * 300), chosen("words.jpg", b"Dear Mira"))
        for name in ("broken.jpg", "words.jpg"):
            expect(shelf.get_by_role("button", name=f"Take off the list: {name}")).to_be_visible()
        expect(shelf.get_by_role("button", name="Try again")).to_have_count(0)


class TestClips:
    def test_a_clip_becomes_ready_while_one_looks(self, shelf, mira, tmp_path):
        film = filming.film(tmp_path, "card.mp4")
        is_live(shelf)
        choose(shelf, chosen("film.mp4", film.read_bytes(), "video/mp4"))
        expect(card(shelf, "film.mp4")).to_contain_text("Being prepared 0 %")
        expect(card(shelf, "film.mp4").get_by_role("link", name="Save film.mp4")).to_have_count(0)
        tasks.work_on_clip(StoredContent.objects.get(owner=mira.user).pk)
        ready = card(shelf, "film.mp4")
        expect(ready).to_contain_text("0:02")  # without a reload
        is_seen(ready)
        ready.get_by_role("link", name="Open film.mp4").click()
        viewer = shelf.get_by_role("dialog", name="film.mp4")
        viewer.locator("video").evaluate(
            "(film) => film.readyState || new Promise((done) => film.addEventListener('loadedmetadata', done))"
        )
        assert viewer.locator("video").evaluate("(film) => [film.videoWidth, film.videoHeight]") == [320, 180]
        shelf.keyboard.press("Escape")
        expect(shelf.locator("video")).to_have_count(0)

    def test_how_far_it_is_and_why_it_failed_are_followed(self, shelf, shelve):
        from media.services import clip_records

        asset = shelve("film.mp4", status="processing", progress=8)
        content = clip_records.claim(asset.content_id)
        shelf.reload()
        is_live(shelf)
        clip_records.step(content, 60, is_told=True)
        expect(card(shelf, "film.mp4")).to_contain_text("Being prepared 60 %")
        clip_records.refuse(content, Unprocessable("This clip has no pictures."))
        expect(card(shelf, "film.mp4")).to_contain_text("This clip has no pictures.")

    def test_what_happened_while_the_line_was_broken_is_made_up_for(self, shelf, shelve):
        asset = shelve("film.mp4", status="processing")
        shelf.reload()
        is_live(shelf)
        StoredContent.objects.filter(pk=asset.content_id).update(status="failed", error="It broke.")
        shelf.evaluate("""() => import("/static/js/socket.js").then(({ pageSocket }) => pageSocket().abandon())""")
        expect(card(shelf, "film.mp4")).to_contain_text("It broke.")


class TestTheShelves:
    def test_a_placeholder_is_drawn_before_the_picture_comes(self, shelf):
        held = hold(shelf, "**/media/**")
        choose(shelf, chosen())
        canvas = card(shelf, "cat.jpg").locator("canvas")
        expect(canvas).to_be_visible()
        assert is_drawn(canvas)
        before = card(shelf, "cat.jpg").bounding_box()
        for route in held:
            route.continue_()
        shelf.unroute("**/media/**")
        is_seen(card(shelf, "cat.jpg"))
        assert card(shelf, "cat.jpg").bounding_box() == before  # nothing jumps

    def test_one_is_looked_at_and_the_focus_comes_back(self, shelf):
        choose(shelf, chosen())
        link = shelf.get_by_role("link", name="Open cat.jpg")
        link.press("Enter")
        viewer = shelf.get_by_role("dialog", name="cat.jpg")
        expect(viewer.get_by_role("img", name="cat.jpg")).to_be_visible()
        with shelf.expect_download() as download:
            viewer.get_by_role("link", name="Save it").click()
        assert download.value.suggested_filename == "cat.webp"
        viewer.get_by_role("button", name="Close").click()
        expect(viewer).to_be_hidden()
        expect(link).to_be_focused()

    def test_one_is_deleted_after_a_question(self, shelf, mira):
        choose(shelf, chosen())
        bin_ = shelf.get_by_role("link", name="Delete cat.jpg")
        bin_.click()
        dialog = shelf.get_by_role("dialog", name="Delete this file?")
        expect(dialog.get_by_role("button", name="Keep")).to_be_focused()
        dialog.get_by_role("button", name="Keep").click()
        expect(bin_).to_be_focused()
        bin_.click()
        dialog.get_by_role("button", name="Delete").click()
        expect(shelf.get_by_text("“cat.jpg” is gone.")).to_be_visible()
        expect(shelf.get_by_role("heading", name="The shelves are empty")).to_be_visible()
        expect(shelf.locator("#meter")).to_contain_text("0 KB of")
        assert not Asset.objects.filter(owner=mira.user).exists()

    def test_more_are_fetched_without_leaving_the_page_and_none_stands_twice(self, shelf, shelve):
        oldest = shelve("film 0", status="failed")
        for number in range(1, 26):
            shelve(f"film {number}", status="failed")
        shelf.reload()
        expect(shelf.locator(".file")).to_have_count(24)
        choose(shelf, chosen())
        expect(card(shelf, "cat.jpg")).to_be_visible()
        shelf.get_by_role("link", name="Show more").click()
        expect(shelf.locator(".file")).to_have_count(27)
        expect(shelf.locator(".file").last).to_have_attribute("data-file", str(oldest.pk))


@pytest.mark.parametrize("screen", SCREENS.values(), ids=SCREENS)
def test_the_page_in_each_state_on_each_screen(window, mira, shelve, watch, screen):
    shelve("a.rather.long.name.of.a.film.that.somebody.made.in.the.mountains.mov", status="processing", progress=42)
    shelve("failed.mp4", status="failed", error="This clip has no pictures and no sound that we know.")
    page = window(mira, **screen)
    page.goto("/files")
    page.get_by_label("Everyone with the address").check()
    choose(page, chosen("cat.jpg"), chosen("a.pdf", b"%PDF", "application/pdf"))
    expect(card(page, "cat.jpg")).to_be_visible()
    watch.forgive("ERR_FAILED")
    page.route("**/api/upload/file", lambda route: route.abort())
    choose(page, chosen("a.rather.long.name.of.a.picture.that.somebody.took.in.the.mountains.jpg", photo(seed=9)))
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    expect(page.locator(".send__camera")).to_be_visible(visible=bool(screen.get("has_touch")))
    pages.check(page)
    if screen.get("is_mobile"):
        assert pages.small_targets(page) == []
    page.get_by_role("link", name="Open cat.jpg").click()
    pages.check(page)


def test_without_javascript_a_picture_is_sent_and_deleted(window, mira, tmp_path):
    page = window(mira, java_script_enabled=False)
    page.goto("/files")
    expect(page.get_by_text("Choose files")).to_be_hidden()
    page.get_by_label("A picture of yours").set_input_files([chosen()])
    page.get_by_role("button", name="Send it").click()
    expect(page.get_by_text("“cat.jpg” is here.")).to_be_visible()
    page.get_by_role("link", name="Delete cat.jpg").click()
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_text("“cat.jpg” is gone.")).to_be_visible()
    expect(page.locator(".file")).to_have_count(0)


class TestThePortrait:
    def test_it_is_seen_before_it_is_sent_and_worn_without_a_reload(self, window, mira):
        page = window(mira)
        page.goto("/account")
        field = page.get_by_label("A picture of your own")
        field.set_input_files([chosen()])
        assert page.locator(".picture > img").get_attribute("src").startswith("blob:")
        assert not Asset.objects.filter(owner=mira.user).exists()
        page.get_by_role("button", name="Use this picture").click()
        expect(page.get_by_text("Your new picture is up.")).to_be_visible()
        key = Asset.objects.get(owner=mira.user).key
        for place in (".picture > img", ".menu > summary img"):
            assert page.locator(place).get_attribute("src") == f"/media/{key}?variant=small"
            page.locator(place).evaluate("(image) => image.decode()")
        page.get_by_role("button", name="Take it off").click()
        expect(page.get_by_text("Your picture is off.")).to_be_visible()

    def test_what_is_wrong_with_it_is_said_beside_it(self, window, mira, watch):
        watch.forgive("status of 422")
        page = window(mira)
        page.goto("/account")
        says = page.locator("[data-picture-says]")
        page.get_by_label("A picture of your own").set_input_files([chosen("a.pdf", b"%PDF", "application/pdf")])
        expect(says).to_contain_text("no picture that we take")
        page.get_by_label("A picture of your own").set_input_files([chosen("a.jpg", b"\xff\xd8\xff" + b"\x00" * 99)])
        page.get_by_role("button", name="Use this picture").click()
        expect(says).not_to_be_empty()
        expect(page.get_by_role("button", name="Use this picture")).to_be_enabled()
        assert not Asset.objects.filter(owner=mira.user).exists()

"""The page of one's files, as a browser without JavaScript has it; and the parts that files.js asks for."""

import re
import uuid
from pathlib import Path

import pytest
import pyvips
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from media import formats, limits, registry
from media.models import Asset, StorageUse, StoredContent
from media.services.intake import attach, use
from media.templatetags.media_files import duration_words, size_words
from tests.hostile.conftest import unchanged

pytestmark = pytest.mark.django_db
UPLOAD_JS = Path(__file__).parents[2] / "static/js/upload.js"
MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def _media(media_root):
    """Files go to a folder of each test."""


@pytest.fixture
def page(client, owner):
    """`page()`: the page's HTML, as the owner sees it."""
    client.force_login(owner.user)

    def page(path="/files", **headers):
        response = client.get(path, headers=headers)
        assert response.status_code == 200
        return response.content.decode()

    return page


@pytest.fixture
def shelve(owner):
    """`shelve("Odile.webp")`: a file of the owner's, as its rows alone."""

    def shelve(name="a.webp", *, person=owner, purpose="other", visibility="private", family="image", **fields):
        content = StoredContent.objects.create(
            owner_id=person.id,
            organization_id=person.organization_id,
            family=family,
            **{"width": 600, "height": 300, "blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj"} | fields,
        )
        if content.status == "ready":
            content.renditions.create(
                name="original", storage="local", key=f"files/{uuid.uuid4()}", mime_type="image/webp", size=2 * MIB
            )
        wanted = use(owner_id=person.id, organization_id=person.organization_id, purpose=purpose, visibility=visibility)
        return attach(wanted, content, name)

    return shelve


def cards(html):
    """The name of each card, from the first to the last."""
    return re.findall(r"<li class=\"file\"[^>]* data-name=\"([^\"]*)\"", html)


def picture(colour=90):
    """A small JPEG; another for each colour."""
    return (pyvips.Image.black(64, 48, bands=3) + colour).cast("uchar").copy(interpretation="srgb").jpegsave_buffer()


def form(data, name="cat.jpg", **fields):
    return {"file": SimpleUploadedFile(name, data)} | fields


def notes(response):
    return [str(note) for note in response.context["messages"]]


class TestThePage:
    @pytest.mark.parametrize("path", ["/files", "/files/storage", f"/files/{uuid.UUID(int=7)}"])
    def test_is_for_who_is_signed_in(self, client, path):
        response = client.get(path)
        assert (response.status_code, response.headers["Location"].partition("?")[0]) == (302, "/sign-in")

    def test_says_what_to_do_while_it_is_empty(self, page):
        html = page()
        assert re.search(r"<div class=\"empty\" id=\"empty\">", html)
        assert "The shelves are empty" in html
        assert "Nothing of this kind yet" in page("/files?kind=audio")

    def test_shows_the_newest_first_and_nothing_of_others(self, page, shelve, stranger):
        shelve("older.webp")
        shelve("newer.webp")
        shelve("theirs.webp", person=stranger)
        html = page()
        assert cards(html) == ["newer.webp", "older.webp"]
        assert re.search(r"<div class=\"empty\" id=\"empty\" hidden>", html)

    def test_does_not_show_what_was_taken_down(self, page, shelve):
        Asset.objects.filter(pk=shelve().pk).update(taken_down_at="2031-01-01T00:00Z")
        assert cards(page()) == []

    def test_shows_one_kind_alone(self, page, shelve):
        shelve("still.webp")
        shelve("film.mp4", family="video", duration=62.4)
        assert cards(page("/files?kind=video")) == ["film.mp4"]
        assert cards(page("/files?kind=image")) == ["still.webp"]
        assert "1:02" in page("/files?kind=video")

    def test_goes_on_where_it_ended_and_keeps_the_kind(self, page, shelve):
        for number in range(26):
            shelve(f"{number:02}.webp")
        shelve("film.mp4", family="video")
        html = page("/files?kind=image")
        assert len(cards(html)) == 24
        more = re.search(r"hx-get=\"([^\"]+)\"", html)[1].replace("&amp;", "&")
        assert "kind=image" in more
        rest = page(f"/files{more}", **{"HX-Request": "true"})
        assert cards(rest) == ["01.webp", "00.webp"]
        assert "<html" not in rest
        assert "<html" in page(f"/files{more}")  # the link works without htmx, too

    @pytest.mark.parametrize("path", ["/files?kind=cake", "/files?cursor=cake", "/files?cursor=WyJ4Il0"])
    def test_there_is_nothing_where_nobody_leads(self, client, owner, path):
        client.force_login(owner.user)
        assert client.get(path).status_code == 404

    def test_costs_the_same_however_many_there_are(self, page, shelve):
        counts = []
        for amount in (2, 20):
            for _ in range(amount):
                shelve()
            page()
            with CaptureQueriesContext(connection) as queries:
                page()
            counts.append(len(queries))
        assert counts[0] == counts[1] <= 14

    def test_has_hostile_names_as_words(self, page, shelve):
        shelve('"><img src=x onerror=alert(1)>.png')
        html = page()
        assert "<img src=x" not in html
        assert "&lt;img src=x" in html

    def test_is_reached_from_the_menu_and_from_the_account(self, page):
        assert 'href="/files"' in page("/wallet")
        assert 'href="/files"' in page("/account/sessions")


class TestACard:
    def test_takes_its_room_before_its_picture_is_there(self, page, shelve):
        shelve(width=1200, height=600)
        html = page()
        assert 'width="256" height="128" loading="lazy"' in html
        assert 'width="32" height="16" data-blurhash="LEHV6nWB2yk8pyo0adR*.7kCMdnj"' in html
        assert "2 MB" in html

    def test_of_a_private_file_has_no_address_to_pass_on_and_none_that_runs_out(self, page, shelve):
        asset = shelve()
        html = page()
        assert f'href="/media/{asset.key}"' in html
        assert "data-copy" not in html
        assert "signature=" not in html

    def test_of_a_public_file_has_its_whole_address(self, page, shelve, settings):
        asset = shelve(visibility="public")
        assert f">{settings.PUBLIC_URL}/media/{asset.key}</span>" in page()
        settings.CDN_BASE_URL = "https://cdn.example"
        html = page()
        assert f'href="https://cdn.example/media/{asset.key}"' in html
        assert f'href="/media/{asset.key}?download"' in html

    def test_of_a_clip_that_is_prepared_says_how_far_it_is(self, page, shelve):
        asset = shelve("film.mp4", family="video", status="processing", progress=42)
        html = page(f"/files/{asset.pk}")
        assert 'max="100" value="42"' in html
        assert "data-open" not in html
        assert "data-save" not in html
        assert "data-delete" in html

    def test_of_a_clip_that_failed_says_why_and_can_only_go(self, page, shelve):
        asset = shelve("film.mp4", family="video", status="failed", progress=0, error="This clip has no pictures.")
        html = page(f"/files/{asset.pk}")
        assert "This clip has no pictures." in html
        assert "data-open" not in html
        assert "0 KB" not in html
        assert "data-delete" in html

    def test_without_a_name_is_called_what_it_is(self, page, shelve):
        shelve("", family="audio", duration=3, blurhash="")
        assert cards(page()) == ["Audio"]

    def test_is_nobody_elses_business(self, client, shelve, stranger):
        asset = shelve(visibility="public")
        client.force_login(stranger.user)
        assert client.get(f"/files/{asset.pk}").status_code == 404


class TestTheMeter:
    @pytest.fixture
    def holds(self, owner, monkeypatch):
        """`holds(used, quota)` in MB."""

        def holds(used, quota):
            StorageUse.objects.update_or_create(
                organization_id=owner.organization_id, defaults={"used_bytes": used * MIB}
            )
            monkeypatch.setattr(registry, "_quota_reader", lambda _: None if quota is None else quota * MIB)

        return holds

    def test_says_how_much_of_how_much(self, page, holds):
        holds(312, 1024)
        html = page("/files/storage")
        assert "<b>312 MB</b> of 1 GB used" in html
        assert f'max="{1024 * MIB}" value="{312 * MIB}"' in html
        assert "nearly full" not in html
        assert html.strip() in page().replace("\r", "")

    def test_says_when_it_is_nearly_full(self, page, holds):
        holds(930, 1024)
        assert "nearly full" in page("/files/storage")

    def test_has_no_bar_where_there_is_no_limit(self, page, holds):
        holds(3, None)
        html = page("/files/storage")
        assert "<b>3 MB</b> used" in html
        assert "<progress" not in html

    @pytest.mark.parametrize(
        ("size", "words"),
        [(0, "0 KB"), (1, "1 KB"), (824 * 1024, "824 KB"), (MIB * 3 // 2, "1.5 MB"), (MIB, "1 MB"),
         (312 * MIB, "312 MB"), (1024 * MIB, "1 GB"), (2048 * MIB, "2 GB"), (None, "0 KB")],
    )  # fmt: skip
    def test_says_sizes_as_people_do(self, size, words):
        assert size_words(size) == words

    def test_says_lengths_as_players_do(self):
        assert [duration_words(seconds) for seconds in (None, 0.2, 42, 3723)] == ["", "0:01", "0:42", "1:02:03"]


class TestSending:
    def test_a_picture_is_sent_by_the_plain_form(self, client, owner, page):
        response = client.post("/files/send", form(picture()), follow=True)
        assert response.redirect_chain == [("/files", 302)]
        assert notes(response) == ["“cat.jpg” is here."]
        asset = Asset.objects.get()
        assert (asset.owner_id, asset.organization_id) == (owner.id, owner.organization_id)
        assert (asset.visibility, asset.purpose, asset.filename) == ("private", "other", "cat.jpg")
        assert cards(response.content.decode()) == ["cat.jpg"]

    def test_it_is_seen_by_whom_it_says(self, client, page):
        client.post("/files/send", form(picture(), visibility="public"))
        client.post("/files/send", form(picture(20), visibility="everybody, please"))
        assert list(Asset.objects.order_by("pk").values_list("visibility", flat=True)) == ["public", "private"]

    @pytest.mark.parametrize(
        ("data", "words"),
        [(b"RIFF\x00\x00\x00\x00WAVEfmt ", "no picture that we take"), (b"<svg></svg>", "no picture that we take"),
         (b"", "Send one file."), (b"\xff\xd8\xff" + b"\x00" * (limits.MOST_IMAGE_BYTES + 1), "at most 10 MB")],
        ids=["a sound", "svg", "nothing", "too large"],
    )  # fmt: skip
    def test_what_is_refused_is_said_in_words(self, client, page, data, words):
        response = client.post("/files/send", form(data), follow=True)
        assert response.redirect_chain == [("/files", 302)]
        (note,) = notes(response)
        assert words in note
        assert not Asset.objects.exists()

    def test_a_full_storage_is_said_in_words(self, client, page, monkeypatch):
        monkeypatch.setattr(registry, "_quota_reader", lambda _: 10)
        assert "Your storage is full" in notes(client.post("/files/send", form(picture()), follow=True))[0]

    def test_it_is_for_who_is_signed_in_and_a_post_alone(self, client, owner):
        assert client.post("/files/send", form(picture())).status_code == 302
        assert not Asset.objects.exists()
        client.force_login(owner.user)
        assert client.get("/files/send").status_code == 405


class TestDeleting:
    def test_the_page_asks_first_and_changes_nothing(self, page, shelve):
        asset = shelve("cat.webp")
        with unchanged():
            html = page(f"/files/{asset.pk}/delete")
        assert "Delete cat.webp?" in html
        assert f'action="/files/{asset.pk}/delete"' in html

    def test_the_form_deletes(self, client, page, shelve):
        asset, other = shelve("cat.webp"), shelve("dog.webp")
        response = client.post(f"/files/{asset.pk}/delete", follow=True)
        assert notes(response) == ["“cat.webp” is gone."]
        assert cards(response.content.decode()) == ["dog.webp"]
        assert list(Asset.objects.all()) == [other]

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_nobody_else_deletes_it_or_learns_of_it(self, client, shelve, stranger, method):
        asset = shelve()
        client.force_login(stranger.user)
        with unchanged():
            assert getattr(client, method)(f"/files/{asset.pk}/delete").status_code == 404

    def test_who_is_signed_out_deletes_nothing(self, client, shelve):
        asset = shelve()
        with unchanged():
            assert client.post(f"/files/{asset.pk}/delete").headers["Location"].startswith("/sign-in")


class TestThePortrait:
    """Pages that show one's picture, wherever it stands."""

    def test_is_shown_on_every_page_and_is_among_the_files(self, client, page):
        client.post("/account/picture", form(picture()))
        asset = Asset.objects.get()
        html = page("/account")
        assert html.count(f'src="/media/{asset.key}?variant=small"') == 2  # the profile and the menu
        assert "Your portrait" in page()

    def test_is_worn_no_more_when_its_file_is_deleted(self, client, page, owner):
        client.post("/account/picture", form(picture()))
        client.post(f"/files/{Asset.objects.get().pk}/delete")
        owner.user.refresh_from_db()
        assert owner.user.avatar == ""
        page("/account")


class TestWhatTheScriptKnows:
    def test_is_what_the_site_takes(self):
        text = UPLOAD_JS.read_text()
        types = re.search(r"export const TYPES = \{(.*?)\};", text, re.DOTALL)[1]
        aliases = re.search(r"export const ALIASES = \[(.*?)\];", text, re.DOTALL)[1]
        assert set(re.findall(r"\"([a-z]+/[^\"]+)\"", types + aliases)) == set(formats.MIME_TYPES)
        assert {found.extension for found in formats.ALL} <= set(re.findall(r"(\w+): \"", types))

    def test_is_how_much_the_site_takes(self):
        text = re.search(r"MOST_BYTES = \{(.*?)\}", UPLOAD_JS.read_text())[1]
        most = {name: int(value) * MIB for name, value in re.findall(r"(\w+): (\d+) \* MIB", text)}
        assert most == {family: limits.most_bytes(family) for family in ("image", "video", "audio")}

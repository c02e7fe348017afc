"""One's own files' records: listed, looked at, deleted by id and by address; and what the storage says of itself."""

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership, Organization
from media import links
from media.models import Asset, StoredContent, StrayFile
from media.services import assets, strays
from tests.conftest import Api
from tests.media.sending import DELETE, assert_whole, by_form, look, picture
from tests.tables import contents

pytestmark = pytest.mark.django_db
BOTH = pytest.mark.parametrize("path", ["/api/assets", "/api/r2files"])
SHOWN = {
    "id", "key", "url", "thumbnail_url", "mime_type", "size", "width", "height", "duration", "blurhash", "purpose",
    "visibility", "filename", "status", "progress", "error", "created_at",
}  # fmt: skip


def stored(person, count, **fields):
    """So many assets, the newest first."""
    made = [by_form(person, picture(number), name=f"{number}.png", **fields).json() for number in range(count)]
    return made[::-1]


def names(page):
    return [item["filename"] for item in page["items"]]


class TestList:
    @BOTH
    def test_my_own_newest_first_under_both_names(self, local, owner, stranger, path):
        mine = stored(owner, 3)
        stored(stranger, 1)
        page = Api(owner).get(path).json()
        assert page == {"items": mine, "next": None}
        assert set(page["items"][0]) == SHOWN

    @BOTH
    def test_page_by_page_each_once(self, local, owner, path):
        stored(owner, 5)
        seen, cursor = [], ""
        while cursor is not None:
            page = Api(owner).get(f"{path}?limit=2&cursor={cursor}&count=true").json()
            assert page["total"] == 5
            seen += names(page)
            cursor = page["next"]
        assert seen == ["4.png", "3.png", "2.png", "1.png", "0.png"]

    @BOTH
    def test_by_purpose_and_family(self, local, owner, path):
        for number, purpose in enumerate(["character", "chat", "character"]):
            by_form(owner, picture(number), name=f"{number}.png", purpose=purpose)
        assert names(Api(owner).get(f"{path}?purpose=character").json()) == ["2.png", "0.png"]
        assert names(Api(owner).get(f"{path}?purpose=event_cover&count=true").json()) == []
        assert len(names(Api(owner).get(f"{path}?family=image").json())) == 3
        assert names(Api(owner).get(f"{path}?family=video&purpose=chat").json()) == []

    @BOTH
    def test_wishes_that_nobody_can_fulfil(self, local, owner, problem, path):
        for query in ["purpose=x", "family=text", "limit=0", "limit=101", "cursor=x", "count=maybe", "cursor=WzFd"]:
            assert problem(Api(owner).get(f"{path}?{query}")) == (400, "VALIDATION_ERROR")

    def test_it_takes_as_many_queries_for_one_as_for_six(self, local, owner):
        counts = []
        for size in (1, 6):
            stored(owner, size)
            with CaptureQueriesContext(connection) as queries:
                assert len(Api(owner).get("/api/assets").json()["items"]) == size
            counts.append(len(queries))
        assert counts[0] == counts[1] < 6

    def test_what_was_taken_down_is_in_no_list_and_at_no_address(self, local, owner, staff, problem):
        taken, left = stored(owner, 2)
        row = Asset.objects.get(pk=taken["id"])
        assets.take_down(asset=row, actor=staff.user, reason="it hurts")
        assert Api(owner).get("/api/assets?count=true").json() == {"items": [left], "next": None, "total": 1}
        before = contents()
        for path in ("assets", "r2files"):
            assert problem(Api(owner).get(f"/api/{path}/{taken['id']}")) == (404, "NOT_FOUND")
            assert problem(Api(owner).delete(f"/api/{path}/{taken['id']}")) == (404, "NOT_FOUND")
        assert problem(Api(owner).post(DELETE, {"url": taken["url"]})) == (404, "NOT_FOUND")
        assert contents() == before
        for variant in ("original", "medium", "small", "thumbnail"):
            assert look(f"{taken['url']}?variant={variant}").status_code == 404
        assets.put_back(asset=row, actor=staff.user, reason="it does not")
        assert look(taken["url"]).status_code == 200
        assert Api(owner).get(f"/api/assets/{taken['id']}").json() == taken

    def test_a_confirmed_upload_that_was_taken_down_is_not_shown_again(self, local, owner, staff, problem):
        asset = local.send(owner, picture()).json()
        assets.take_down(asset=Asset.objects.get(), actor=staff.user, reason="it hurts")
        assert problem(Api(owner).post("/api/upload/confirm", {"key": asset["key"]})) == (404, "NOT_FOUND")


class TestOne:
    @BOTH
    def test_is_what_the_list_says(self, local, owner, problem, path):
        (asset,) = stored(owner, 1)
        assert Api(owner).get(f"{path}/{asset['id']}").json() == asset
        assert problem(Api(owner).get(f"{path}/{uuid.uuid4()}")) == (404, "NOT_FOUND")

    @BOTH
    def test_goes_at_once_with_its_files(self, shelf, owner, problem, path):
        (asset,) = stored(owner, 1)
        answer = Api(owner).delete(f"{path}/{asset['id']}")
        assert (answer.status_code, answer.content) == (204, b"")
        assert look(asset["url"]).status_code == 404
        assert problem(Api(owner).delete(f"{path}/{asset['id']}")) == (404, "NOT_FOUND")
        assert_whole(shelf)
        assert shelf.keys() == set()
        assert not StoredContent.objects.exists()

    def test_leaves_the_files_to_another_use_of_them(self, shelf, owner):
        first, second = (by_form(owner, picture(), purpose=purpose).json() for purpose in ("other", "character"))
        files = shelf.keys()
        Api(owner).delete(f"/api/assets/{first['id']}")
        assert_whole(shelf)
        assert shelf.keys() == files
        assert look(second["url"]).status_code in (200, 302)
        Api(owner).delete(f"/api/assets/{second['id']}")
        assert_whole(shelf)
        assert shelf.keys() == set()

    def test_goes_in_the_end_from_a_storage_that_is_away(self, s3, settings, owner):
        settings.MEDIA_STORAGE = "s3"
        (asset,) = stored(owner, 1)
        s3.misbehave("DELETE", times=50, status=503)
        assert Api(owner).delete(f"/api/assets/{asset['id']}").status_code == 204
        assert strays.delete_due() == 0
        assert StrayFile.objects.count() == len(s3.keys()) > 0
        s3.behave()
        strays.hurry()
        strays.delete_due()
        assert s3.keys() == []


class TestByAddress:
    @pytest.fixture(autouse=True)
    def _cdn(self, settings):
        settings.CDN_BASE_URL = "https://cdn.example"

    def test_each_of_our_own_addresses_will_do(self, shelf, settings, owner):
        for number, written in enumerate(
            [
                "{public}/media/{key}",
                "https://cdn.example/media/{key}?variant=small",
                "/media/{key}",
                "{public}/media/{key}?variant=medium#top",
            ]
        ):
            asset = by_form(owner, picture(number)).json()
            url = written.format(public=settings.PUBLIC_URL, key=asset["key"])
            assert Api(owner).post(DELETE, {"url": url}).status_code == 204, url
        assert not Asset.objects.exists()
        assert_whole(shelf)

    def test_what_the_api_itself_shows(self, local, owner):
        for number, visibility in enumerate(["public", "private"]):
            for name in ("url", "thumbnail_url"):
                asset = by_form(owner, picture(number), visibility=visibility).json()
                assert Api(owner).post(DELETE, {"url": asset[name]}).status_code == 204

    def test_other_addresses_are_not_ours(self, local, owner, problem):
        for written in [
            "https://elsewhere.example/media/{key}",
            "https://elsewhere.example@/media/{key}",
            "https://cdn.example.evil.example/media/{key}",
            "https://cdn.example@evil.example/media/{key}",
            "https://cdn.example/media/../media/{key}",
            "https://cdn.example/{key}",
            "https://cdn.example/media/{key}/",
            "https://cdn.example/media/",
            "javascript:/media/{key}",
            "{key}",
            "http://[",
            "http://[::1/media/{key}",
            "x",
        ]:
            asset = by_form(owner, picture()).json()
            before = contents()
            assert problem(Api(owner).post(DELETE, {"url": written.format(key=asset["key"])})) == (404, "NOT_FOUND")
            assert contents() == before

    def test_what_is_somebody_elses(self, local, owner, stranger, problem):
        for visibility in ("public", "private"):
            asset = by_form(owner, picture(), visibility=visibility).json()
            before = contents()
            assert problem(Api(stranger).post(DELETE, {"url": asset["url"]})) == (404, "NOT_FOUND")
            assert contents() == before

    def test_bodies_that_are_none(self, local, owner, problem):
        for body in [{}, {"url": ""}, {"url": None}, {"url": "x" * 2001}, {"url": "a\x00"}, {"uri": "x"}]:
            assert problem(Api(owner).post(DELETE, body)) == (400, "VALIDATION_ERROR")


class TestStatus:
    def test_says_what_is_taken_and_how_much_is_used(self, shelf, owner):
        by_form(owner, picture())
        told = Api(owner).get("/api/upload/status").json()
        assert (told["storage"], told["ok"], told["detail"]) == (shelf.name, True, None)
        assert told["mime_types"]["image/webp"] == "image"
        assert told["limits"] == {"image_bytes": 10 * 2**20, "clip_bytes": 2**31, "body_bytes": 50 * 2**20}
        assert told["usage"]["organization"] == str(owner.organization_id)
        assert told["usage"]["used_bytes"] == StoredContent.objects.get().stored_bytes

    def test_tells_a_member_of_their_teams_storage_and_nobody_else(self, local, owner, stranger, problem):
        team = Organization.objects.create(name="The company").pk
        Membership.objects.create(organization_id=team, user=owner.user, role="owner")
        by_form(owner, picture(), organization=str(team))
        path = f"/api/upload/status?organization={team}"
        usage = Api(owner).get(path).json()["usage"]
        assert (usage["organization"], usage["used_bytes"]) == (str(team), StoredContent.objects.get().stored_bytes)
        assert problem(Api(stranger).get(path)) == (404, "NOT_FOUND")
        assert problem(Api(owner).get("/api/upload/status?organization=x")) == (400, "VALIDATION_ERROR")

    def test_says_that_the_storage_is_away_and_no_more(self, s3, settings, owner):
        settings.MEDIA_STORAGE = "s3"
        settings.MEDIA_STORAGES = {"s3": s3.block | {"BUCKET": "no-such-bucket"}}
        answer = Api(owner).get("/api/upload/status")
        assert answer.status_code == 200
        assert answer.json()["ok"] is False
        assert "does not answer" in answer.json()["detail"]
        assert "no-such-bucket" not in answer.content.decode()


def test_a_public_address_goes_through_the_cdn_and_a_private_one_never(local, owner, settings):
    settings.CDN_BASE_URL = "https://cdn.example"
    public = by_form(owner, picture(1)).json()
    private = by_form(owner, picture(2), visibility="private").json()
    assert public["url"] == f"https://cdn.example/media/{public['key']}"
    assert private["url"].startswith(f"{settings.PUBLIC_URL}/media/")
    assert links.key_of(public["url"]) == public["key"]

"""Three ways in over REST, the same file by each, and what every one of them refuses."""

import base64
import uuid

import pytest
import pyvips
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import Membership, Organization
from media import limits
from media.models import Asset, Rendition, StoredContent, StrayFile
from media.services import assets
from tests.conftest import Api
from tests.media import forged
from tests.media.sending import (
    BASE64,
    BATCH,
    BROWSER,
    FILE,
    PRESIGNED,
    assert_whole,
    body,
    by_any_way,
    by_base64,
    by_form,
    invited,
    large,
    look,
    picture,
    sweep,
)
from tests.tables import contents

pytestmark = pytest.mark.django_db
NAMES = [
    "../../../etc/passwd",
    "..\\..\\boot.ini",
    'a"; filename="evil.html',
    "line\r\nX-Evil: 1.png",
    "смех 😀.png",
    "x" * 296 + ".png",
    "\u202egnp.exe",
    "",
]


@pytest.fixture
def temporary(settings, tmp_path):
    """Where files lie while they are received."""
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "temporary"
    settings.FILE_UPLOAD_TEMP_DIR.mkdir()
    return settings.FILE_UPLOAD_TEMP_DIR


@pytest.fixture
def team(owner, teammate):
    """An organisation of the owner and the teammate."""
    organization = Organization.objects.create(name="The company")
    for person, role in ((owner, "owner"), (teammate, "member")):
        Membership.objects.create(organization=organization, user=person.user, role=role)
    return organization


def encoded(data):
    return base64.b64encode(data).decode()


def only(row, *fields):
    return tuple(row[field] for field in fields)


class TestThreeWays:
    def test_the_same_bytes_by_each_way_are_one_asset(self, shelf, owner):
        answers = by_any_way(shelf, owner, picture())
        assert [answer.status_code for answer in answers] == [201] * 3, [answer.content for answer in answers]
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert StoredContent.objects.count() == 1
        assert_whole(shelf)

    @pytest.mark.parametrize("way", [0, 1, 2])
    def test_each_way_alone_gives_a_picture_that_can_be_seen(self, shelf, owner, way):
        send = (by_form, by_base64, shelf.send)[way]
        asset = send(owner, large(), purpose="character").json()
        assert only(asset, "mime_type", "width", "height", "purpose", "visibility", "status") == (
            "image/webp", 1200, 600, "character", "public", "ready",
        )  # fmt: skip
        assert len(asset["blurhash"]) > 5
        for variant, width in (("original", 1200), ("medium", 1024), ("small", 512), ("thumbnail", 256)):
            shown = pyvips.Image.new_from_buffer(body(look(f"{asset['url']}?variant={variant}")), "")
            assert (shown.width, shown.get("vips-loader")) == (width, "webpload_buffer")
        assert_whole(shelf)

    def test_the_same_picture_again_is_the_same_asset_and_no_second_file(self, shelf, owner):
        first = by_form(owner, picture()).json()
        files = shelf.keys()
        assert by_form(owner, picture(), name="b.png").json() == first
        assert shelf.keys() == files

    def test_another_purpose_is_another_key_but_no_second_file(self, shelf, owner):
        first, second = (by_form(owner, picture(), purpose=purpose).json() for purpose in ("other", "character"))
        assert first["key"] != second["key"]
        assert second["key"].startswith("character/")
        assert StoredContent.objects.count() == 1
        assert len(shelf.keys()) == Rendition.objects.count()

    def test_the_same_picture_of_two_people_is_two(self, shelf, owner, stranger):
        assert by_form(owner, picture()).json()["id"] != by_form(stranger, picture()).json()["id"]
        assert StoredContent.objects.count() == 2

    def test_a_portrait_is_cut_to_a_square_and_stands_beside_the_whole(self, shelf, owner):
        for way in by_any_way(shelf, owner, picture(), purpose="avatar"):
            assert only(way.json(), "width", "height") == (64, 64)
        assert only(by_form(owner, picture()).json(), "width", "height") == (96, 64)
        assert StoredContent.objects.count() == 2
        assert_whole(shelf)

    def test_chat_and_paid_content_are_always_private(self, local, owner, problem):
        for purpose in ["chat", "content"]:
            for answer in by_any_way(local, owner, picture(), purpose=purpose):
                assert answer.json()["visibility"] == "private"
                assert "signature=" in answer.json()["url"]
            before = contents()
            asked = {"purpose": purpose, "visibility": "public"}
            for answer in (by_form(owner, picture(), **asked), by_base64(owner, picture(), **asked)):
                assert problem(answer) == (400, "VALIDATION_ERROR")
                assert "visibility" in answer.json()["errors"]
            assert problem(invited(owner, picture(), **asked))[0] == 400
            assert contents() == before

    def test_private_is_what_says_so(self, local, owner):
        for answer in by_any_way(local, owner, picture(), visibility="private"):
            assert answer.json()["visibility"] == "private"

    def test_it_counts_in_the_organisation_that_is_named(self, local, owner, team):
        for answer in by_any_way(local, owner, picture(), organization=str(team.pk)):
            assert Asset.objects.get(pk=answer.json()["id"]).organization_id == team.pk

    def test_an_organisation_of_others_is_not_found(self, local, owner, stranger, problem):
        for organization in (stranger.organization_id, uuid.uuid4()):
            for send in (by_form, by_base64, invited):
                assert problem(send(owner, picture(), organization=str(organization))) == (404, "NOT_FOUND")
        assert not Asset.objects.exists()
        assert not StrayFile.objects.exists()

    def test_what_was_taken_down_does_not_come_back(self, shelf, owner, staff, problem):
        by_form(owner, picture())
        assets.take_down(asset=Asset.objects.get(), actor=staff.user, reason="it hurts")
        for answer in by_any_way(shelf, owner, picture(), purpose="character"):
            assert problem(answer) == (422, "CONTENT_REJECTED")


class TestWhatItIs:
    def test_its_content_tells_and_not_its_name_or_type(self, shelf, owner, problem):
        for data in [forged.HTML, forged.SVG, forged.PHP, b"%PDF-1.7", b"MZ" + bytes(200), b"plain words"]:
            before = contents()
            file = SimpleUploadedFile("a.png", data, content_type="image/png")
            answers = [
                Api(owner).client.post(FILE, {"file": file}),
                Api(owner).post(
                    BASE64, {"base64_data": f"data:image/png;base64,{encoded(data)}", "mime_type": "image/png"}
                ),
            ]
            assert [problem(answer) for answer in answers] == [(415, "UNSUPPORTED_MEDIA_TYPE")] * 2
            assert contents() == before
            assert problem(shelf.send(owner, data)) == (415, "UNSUPPORTED_MEDIA_TYPE")
            assert not Asset.objects.exists()
            sweep(hours=3)
            assert shelf.keys() == set()

    def test_a_clip_is_told_the_way_that_it_can_come(self, local, owner, problem):
        clip = b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isomiso2" + bytes(100)
        for answer in (by_form(owner, clip, name="a.mp4"), by_base64(owner, clip)):
            assert problem(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")
            assert PRESIGNED in answer.json()["detail"]

    def test_a_picture_with_a_wrong_name_is_welcome(self, local, owner):
        assert by_form(owner, picture(suffix=".jpg"), name="a.exe").status_code == 201

    def test_a_broken_one_is_refused_and_leaves_nothing(self, shelf, owner, problem):
        torn = picture()[:-200]
        for answer in by_any_way(shelf, owner, torn):
            assert problem(answer) == (422, "UNPROCESSABLE_ENTITY")
        sweep(hours=3)
        assert shelf.keys() == set()
        assert not StoredContent.objects.exists()


class TestTooLarge:
    def test_beyond_ten_megabytes_nothing_is_kept_on_disk(self, local, owner, problem, temporary):
        for more in [1, 32 * 1024, limits.ROOM_FOR_THE_REST * 2]:
            data = picture() + bytes(limits.MOST_IMAGE_BYTES - len(picture()) + more)
            answer = by_form(owner, data)
            assert problem(answer) == (413, "PAYLOAD_TOO_LARGE")
            assert "10 MB" in answer.json()["detail"]
            assert list(temporary.iterdir()) == []
            assert local.keys() == set()

    def test_base64_of_more_is_refused_too(self, local, owner, problem, temporary):
        answer = by_base64(owner, bytes(limits.MOST_IMAGE_BYTES + 1))
        assert problem(answer) == (413, "PAYLOAD_TOO_LARGE")
        assert list(temporary.iterdir()) == []

    def test_a_json_body_beyond_what_a_picture_takes_is_not_read(self, local, owner, problem):
        assert problem(by_base64(owner, bytes(limits.MOST_IMAGE_BYTES + 128 * 1024)))[0] == 413

    def test_who_only_says_that_it_is_large_is_refused_unread(self, local, owner, problem):
        headers = {"Content-Length": str(10**12)}
        kind = "multipart/form-data; boundary=x"
        answer = Api(owner).client.post(FILE, b"", content_type=kind, headers=headers)
        assert problem(answer) == (413, "PAYLOAD_TOO_LARGE")

    def test_a_file_beside_a_form_that_takes_none_is_not_stored(self, local, owner, problem, temporary):
        file = SimpleUploadedFile("a.png", picture())
        assert problem(Api(owner).client.post(BASE64, {"file": file}))[0] == 415
        assert list(temporary.iterdir()) == []


class TestTheForm:
    def test_one_file_under_its_name_and_no_other(self, local, owner, problem):
        def file():
            return SimpleUploadedFile("a.png", picture())

        before = contents()
        for form in (
            {"file": [file(), file()]},
            {"picture": file()},
            {"file": file(), "more": file()},
            {"file": "text"},
            {},
            {"file": SimpleUploadedFile("a.png", b"")},
        ):
            answer = Api(owner).client.post(FILE, form)
            assert problem(answer) == (400, "VALIDATION_ERROR"), form
            assert answer.json()["errors"]
        assert contents() == before

    def test_fields_it_does_not_know(self, local, owner, problem):
        for fields in [{"purpose": "mischief"}, {"visibility": "all"}, {"organization": "mine"}, {"colour": "red"}]:
            before = contents()
            for send in (by_form, by_base64, invited):
                answer = send(owner, picture(), **fields)
                assert problem(answer) == (400, "VALIDATION_ERROR")
                assert set(answer.json()["errors"]) == set(fields)
            assert contents() == before

    def test_what_is_no_form_with_a_file(self, local, owner, problem):
        for sent, kind, status in [
            (b'{"file": "x"}', "application/json", 415),
            (picture(), "image/png", 415),
            (b"", "", 415),
            (b"no parts here", "multipart/form-data; boundary=x", 400),
            (b"no boundary", "multipart/form-data", 400),
            (
                b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\nabc',
                "multipart/form-data; boundary=x",
                400,
            ),
            (b"--x\r\nnonsense\r\n\r\n--x--", "multipart/form-data; boundary=x", 400),
        ]:
            before = contents()
            answer = Api(owner).client.post(FILE, sent, content_type=kind)
            assert problem(answer)[0] == status
            assert "application/json" not in answer.json()["detail"]
            assert contents() == before

    def test_a_name_is_only_ever_shown(self, shelf, owner):
        for number, name in enumerate(NAMES):
            answer = by_base64(owner, picture(number), filename=name[:200], visibility="private")
            assert answer.status_code == 201, answer.content
            shown = answer.json()["filename"]
            assert shown.isprintable()
            assert "/" not in shown
            assert "\\" not in shown
            for key in (*shelf.keys(), answer.json()["key"]):
                assert all(part.isascii() and part.strip(".") == part for part in key.split("/"))
                assert not shown or shown not in key
            saved = look(f"{answer.json()['url']}&download")
            if saved.status_code == 302:
                saved = BROWSER.get(saved.headers["Location"])
            value = saved.headers["Content-Disposition"]
            assert value.startswith("attachment; filename*=UTF-8''")
            assert value.isascii()
            assert not set(value.partition("''")[2]) & set("\"/\\\r\n;'")

    def test_a_name_of_a_form_is_kept_as_far_as_it_can_be_shown(self, local, owner):
        assert by_form(owner, picture(), name="смех 😀.png").json()["filename"] == "смех 😀.png"
        assert by_form(owner, picture(1), name="a/b\\c.png").json()["filename"] == "c.png"
        assert by_form(owner, picture(2), name="x" * 250 + ".png").json()["filename"] == "x" * 200

    def test_a_nul_in_a_name_is_refused_in_json(self, local, owner, problem):
        before = contents()
        assert problem(by_base64(owner, picture(), filename="a\x00.png"))[0] == 400
        assert problem(invited(owner, picture(), filename="a\x00.png"))[0] == 400
        assert contents() == before

    def test_a_name_that_is_too_long_is_refused_in_json(self, local, owner, problem):
        assert problem(by_base64(owner, picture(), filename="x" * 300))[0] == 400
        assert problem(invited(owner, picture(), filename="x" * 300))[0] == 400


class TestAStorageThatIsAway:
    def test_is_told_so_and_nothing_is_left(self, s3, settings, owner, problem):
        settings.MEDIA_STORAGE = "s3"
        s3.misbehave("PUT", times=50, status=503)
        for answer in (by_form(owner, picture()), by_base64(owner, picture())):
            assert problem(answer) == (503, "NOT_READY")
            assert answer.headers["Retry-After"]
        batch = Api(owner).post(BATCH, {"items": [{"base64_data": encoded(picture())}]}).json()["items"]
        assert batch[0]["error"]["code"] == "NOT_READY"
        s3.behave()
        assert not Asset.objects.exists()
        sweep()
        assert s3.keys() == []

    def test_or_fails_half_way(self, s3, settings, owner, problem):
        settings.MEDIA_STORAGE = "s3"
        s3.misbehave("PUT", r".*-small\..*", times=50, cut=10)
        assert problem(by_form(owner, large())) == (503, "NOT_READY")
        assert len(s3.keys()) > 0
        sweep()
        assert s3.keys() == []
        assert not StrayFile.objects.exists()
        s3.behave()
        assert by_form(owner, large()).status_code == 201

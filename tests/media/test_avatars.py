"""People's pictures: drawn anew from whatever comes in, and hostile files refused with nothing stored."""

import struct
import zlib

import pytest
import pyvips
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts import registry
from accounts.models import User
from media import limits
from media.models import Asset, Rendition
from media.services import strays
from media.storages import storage_of
from tests.conftest import Api
from tests.media.sending import assert_whole, look
from tests.tables import contents

pytestmark = pytest.mark.django_db
PATH, REMOVE = "/api/users/me/profile-picture", "/api/users/me/remove-profile-picture"


@pytest.fixture(autouse=True)
def _shelf(local):
    """New files go to the disk."""


def stored():
    """What there is, after the sweep: the addresses of the assets, each with all its files."""
    strays.delete_due()
    return sorted(Asset.objects.values_list("key", flat=True))


def picture(width=600, height=400, bands=3):
    """Red on the left half, blue on the right."""
    left = pyvips.Image.black(width // 2, height, bands=bands) + [255, 0, 0, 255][:bands]
    right = pyvips.Image.black(width - width // 2, height, bands=bands) + [0, 0, 255, 255][:bands]
    return left.join(right, "horizontal").cast("uchar").copy(interpretation="srgb")


def encoded(suffix, image=None, **options):
    return (image or picture()).write_to_buffer(suffix, **options)


def send(person, data, *, path=PATH, name="me.png", field="file", **headers):
    client = Api(person).client
    return client.post(path, {field: SimpleUploadedFile(name, data)}, headers=headers)


def kept(key):
    """The bytes of the original."""
    original = Rendition.objects.get(content__assets__key=key, name="original")
    return b"".join(storage_of(original.storage).read(original.key))


def shown(key):
    return pyvips.Image.new_from_buffer(kept(key), "")


def row(person):
    return User.objects.get(pk=person.id)


class TestGoodPictures:
    def test_each_format_becomes_a_square_webp(self, owner):
        for suffix in [".jpg", ".png", ".webp", ".gif", ".avif"]:
            response = send(owner, encoded(suffix))
            assert response.status_code == 200, response.content
            key = row(owner).avatar
            assert response.json()["avatar"].endswith(f"/media/{key}?variant=small")
            assert stored() == [key]
            image = shown(key)
            assert (image.width, image.height, image.get("vips-loader")) == (400, 400, "webpload_buffer")
            red, blue = image(10, 200), image(390, 200)
            assert red[0] > 200 > 60 > red[2]
            assert blue[2] > 200 > 60 > blue[0]

    def test_any_shape_will_do(self, owner):
        for size, side in [((2, 1), 1), ((3, 2000), 3), ((5000, 10), 10), ((1500, 1400), 512)]:
            address = send(owner, encoded(".png", picture(*size))).json()["avatar"]
            image = pyvips.Image.new_from_buffer(b"".join(look(address).streaming_content), "")
            assert (image.width, image.height) == (side, side)

    def test_it_stands_upright(self, owner):
        turned = picture().copy()
        turned.set_type(pyvips.GValue.gint_type, "orientation", 6)  # to be turned by 90 degrees: red comes to the top
        assert send(owner, encoded(".jpg", turned)).status_code == 200
        image = shown(row(owner).avatar)
        assert image(200, 10)[0] > 200
        assert image(200, 390)[2] > 200

    def test_nothing_of_the_file_is_left_but_its_pixels(self, owner):
        marked = picture().copy()
        marked.set_type(pyvips.GValue.gstr_type, "exif-ifd0-Artist", "SECRET-PLACE")
        marked.set_type(pyvips.GValue.blob_type, "xmp-data", b"<x>SECRET-PLACE</x>")
        data = encoded(".jpg", marked) + b"<script>SECRET-PLACE</script>"
        assert b"SECRET-PLACE" in data
        assert send(owner, data).status_code == 200
        left = kept(row(owner).avatar)
        assert b"SECRET-PLACE" not in left
        assert all(chunk not in left for chunk in (b"EXIF", b"XMP ", b"ICCP"))

    def test_of_many_frames_the_small_one_is_the_first(self, owner):
        frames = picture(600, 600).join(picture(600, 600).invert(), "vertical")
        frames.set_type(pyvips.GValue.gint_type, "page-height", 600)
        address = send(owner, encoded(".gif", frames)).json()["avatar"]
        image = pyvips.Image.new_from_buffer(b"".join(look(address).streaming_content), "", n=-1)
        assert (image.width, image.height) == (512, 512)
        assert image(10, 256)[0] > 200

    def test_sixteen_bits_grey_and_transparent_will_do(self, owner):
        for image in (
            (picture().cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16"),
            picture().colourspace("b-w"),
            picture(bands=4),
        ):
            assert send(owner, encoded(".png", image)).status_code == 200

    def test_the_one_before_is_deleted(self, local, owner):
        for number in range(2):
            send(owner, encoded(".png", picture(60 + number, 40)))
        assert stored() == [row(owner).avatar]
        assert_whole(local)
        assert Api(owner).post(REMOVE).json()["avatar"] is None
        assert stored() == []
        assert local.keys() == set()
        assert Api(owner).post(REMOVE).status_code == 200

    def test_the_same_one_again_changes_nothing(self, owner):
        before = send(owner, encoded(".png")).json()["avatar"]
        assert send(owner, encoded(".png")).json()["avatar"] == before
        assert stored() == [row(owner).avatar]

    def test_one_from_before_there_were_assets_is_deleted_too(self, owner, django_capture_on_commit_callbacks):
        old = "avatars/01a1fa21-7706-7344-a081-f8a7f0b6808b.webp"
        default_storage.save(old, ContentFile(b"RIFF....WEBP"))
        User.objects.filter(pk=owner.id).update(avatar=old)
        assert Api(owner).get("/api/users/me").json()["avatar"].endswith(f"/media/{old}")
        assert Client().get(f"/media/{old}").content == b"RIFF....WEBP"
        with django_capture_on_commit_callbacks(execute=True):
            send(owner, encoded(".png"))
        assert not default_storage.exists(old)
        assert stored() == [row(owner).avatar]

    def test_who_deletes_the_file_they_wear_wears_none(self, owner):
        send(owner, encoded(".png"))
        assert Api(owner).delete(f"/api/assets/{Asset.objects.get().pk}").status_code == 204
        assert row(owner).avatar == ""
        assert Api(owner).get("/api/users/me").json()["avatar"] is None

    def test_it_counts_as_a_file_of_mine(self, owner):
        send(owner, encoded(".png"), name="me.png")
        (item,) = Api(owner).get("/api/assets?purpose=avatar").json()["items"]
        assert (item["key"], item["filename"], item["visibility"]) == (row(owner).avatar, "me.png", "public")

    def test_the_name_of_the_file_means_nothing(self, owner):
        assert send(owner, encoded(".png"), name="../../../etc/passwd.svg").status_code == 200
        assert len(stored()) == 1


class TestServing:
    def test_it_is_public_and_never_changes(self, owner):
        address = send(owner, encoded(".png")).json()["avatar"]
        response = look(address)
        assert response.status_code == 200
        assert response.headers["Content-Type"] == "image/webp"
        assert "immutable" in response.headers["Cache-Control"]
        again = look(address, **{"If-None-Match": response.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")

    @pytest.mark.parametrize(
        "path",
        ["01a1fa21-7706-7344-a081-f8a7f0b6808b.webp", "../secret.webp", "..%2F..%2Fetc%2Fpasswd", "x.webp", ""],
    )
    def test_what_is_not_there_is_not_found(self, db, path):
        assert Api().client.get(f"/media/avatars/{path}").status_code == 404

    def test_one_that_was_taken_off_is_gone_for_who_has_it_too(self, owner):
        address = send(owner, encoded(".png")).json()["avatar"]
        etag = look(address).headers["ETag"]
        Api(owner).post(REMOVE)
        assert look(address, **{"If-None-Match": etag}).status_code == 404


def png_header(width, height):
    """A PNG that says it is this large, and is 60 bytes."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + chunk + b"\x00\x00\x00\x00IEND\xaeB`\x82"


def bomb():
    """A true PNG of 12,000 by 12,000 black pixels in a few hundred kilobytes."""
    return pyvips.Image.black(12_000, 12_000).write_to_buffer(".png", compression=9)


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>'


class TestHostileFiles:
    def test_what_is_no_picture_is_refused_and_nothing_is_stored(self, owner, problem):
        for data, status in [
            (b"", 400),
            (SVG, 415),
            (b'<?xml version="1.0"?>' + SVG, 415),
            (b"%PDF-1.7 %%EOF", 415),
            (b"<html><script>alert(1)</script>", 415),
            (b"MZ\x90\x00" + b"\x00" * 200, 415),
            (b"BM" + b"\x00" * 200, 415),
            (b"II*\x00" + b"\x00" * 200, 415),
            (b"\x00\x00\x00\x18ftypheic" + b"\x00" * 200, 415),
            (b"\xff\xd8\xff" + SVG, 422),
            (b"GIF89a" + SVG, 422),
            (b"GIF89a/*" + b"a" * 300 + b"*/=1;alert(1)", 422),
            (b"RIFF\x00\x00\x00\x00WEBP", 422),
            (b"\x00\x00\x00\x1cftypavif" + b"\xff" * 300, 422),
            (b"\x89PNG\r\n\x1a\n" + b"\xff" * 300, 422),
            (png_header(60_000, 60_000), 422),
            (png_header(2**31 - 1, 2**31 - 1), 422),
            (png_header(0, 0), 422),
            (png_header(100, 100), 422),
        ]:
            response = send(owner, data)
            assert problem(response)[0] == status
            assert stored() == []
            assert row(owner).avatar == ""

    @pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".avif"])
    def test_a_torn_file_is_refused(self, owner, problem, suffix):
        noise = pyvips.Image.gaussnoise(100, 100).cast("uchar")
        data = encoded(suffix, noise.bandjoin([noise, noise]).copy(interpretation="srgb"))
        for part in (0.02, 0.3, 0.7):
            assert problem(send(owner, data[: int(len(data) * part)]))[0] in (415, 422)
        assert stored() == []

    def test_a_bomb_is_refused_by_its_header(self, owner, problem):
        data = bomb()
        assert len(data) < 1_000_000
        assert problem(send(owner, data)) == (422, "UNPROCESSABLE_ENTITY")
        assert stored() == []

    def test_too_many_bytes_are_refused_before_they_are_read(self, owner, problem):
        assert problem(send(owner, encoded(".png") + b"\x00" * limits.MOST_IMAGE_BYTES)) == (413, "PAYLOAD_TOO_LARGE")
        assert stored() == []

    def test_a_body_that_only_says_it_is_large_is_refused(self, owner, problem):
        response = Api(owner).client.post(
            PATH, b"", content_type="multipart/form-data; boundary=x", headers={"Content-Length": str(10**12)}
        )
        assert problem(response)[0] in (400, 413)

    def test_nothing_is_stored_where_the_row_can_not_be_written(self, local, owner, monkeypatch):
        def fail(**_):
            raise RuntimeError

        before = contents()
        monkeypatch.setattr("accounts.services.set_avatar", fail)
        with pytest.raises(RuntimeError):
            send(owner, encoded(".png"))
        strays.delete_due()
        assert {name: rows for name, rows in contents().items() if name != "media_storageuse"} == before
        assert local.keys() == set()


class TestTheForm:
    def test_what_is_no_form_with_a_file_is_refused(self, owner, problem):
        for body, content_type, status in [
            ({"file": "text"}, "multipart", 400),
            ({}, "multipart", 400),
            (b'{"file": "x"}', "application/json", 415),
            (b"\x89PNG\r\n\x1a\n", "image/png", 415),
            (b"no parts here", "multipart/form-data; boundary=x", 400),
            (b"no boundary", "multipart/form-data", 400),
            (b"", "", 415),
        ]:
            options = {} if content_type == "multipart" else {"content_type": content_type}
            assert problem(Api(owner).client.post(PATH, body, **options))[0] == status
            assert stored() == []

    def test_one_file_under_its_name_and_no_other(self, owner, problem):
        files = [SimpleUploadedFile("a.png", encoded(".png")) for _ in range(2)]
        assert problem(Api(owner).client.post(PATH, {"file": files}))[0] == 400
        assert problem(send(owner, encoded(".png"), field="picture"))[0] == 400
        assert stored() == []

    def test_nobody_has_a_picture(self, db, problem):
        assert problem(send(None, encoded(".png"))) == (401, "UNAUTHENTICATED")
        assert problem(Api().post(REMOVE)) == (401, "UNAUTHENTICATED")
        assert stored() == []

    def test_the_profile_page_needs_no_script(self, owner, client):
        client.force_login(owner.user)
        response = client.post("/account/picture", {"file": SimpleUploadedFile("me.gif", encoded(".gif"))}, follow=True)
        assert "Your new picture is up." in response.content.decode()
        assert f"/media/{row(owner).avatar}?variant=small" in response.content.decode()
        response = client.post("/account/picture", {"file": SimpleUploadedFile("me.svg", SVG)}, follow=True)
        assert "Please send a JPEG" in response.content.decode()
        client.post("/account/picture/remove")
        assert row(owner).avatar == ""

    def test_a_stranger_is_led_to_the_door(self, db, client):
        response = client.post("/account/picture", {"file": SimpleUploadedFile("me.gif", b"GIF89a")})
        assert response.status_code == 302
        assert "/sign-in" in response.headers["Location"]


def test_a_persons_copy_has_the_picture(owner):
    send(owner, encoded(".png"))
    files = {name: file.read() for name, file in registry.export_parts()["files"].read(row(owner)) if name[-1] != "n"}
    assert [name.partition("/")[0] for name in files] == ["avatar"]
    assert next(iter(files.values()))[8:12] == b"WEBP"


def test_a_persons_copy_has_the_picture_from_before_there_were_assets(owner):
    default_storage.save("avatars/old.webp", ContentFile(b"old"))
    User.objects.filter(pk=owner.id).update(avatar="avatars/old.webp")
    files = dict(registry.export_parts()["files"].read(row(owner)))
    assert files["avatar/picture.webp"].read() == b"old"

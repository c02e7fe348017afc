"""People's pictures: drawn anew from whatever comes in, and hostile files refused with nothing stored."""

import io
import logging
import struct
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
import pyvips
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections

from accounts import registry
from accounts.models import User
from media import images, services
from tests.conftest import Api

pytestmark = pytest.mark.django_db
PATH, REMOVE = "/api/users/me/profile-picture", "/api/users/me/remove-profile-picture"


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path


def stored():
    try:
        return sorted(default_storage.listdir("avatars")[1])
    except FileNotFoundError:
        return []


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


def shown(key):
    with default_storage.open(key) as file:
        return pyvips.Image.new_from_buffer(file.read(), "")


def row(person):
    return User.objects.get(pk=person.id)


class TestGoodPictures:
    @pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".avif"])
    def test_each_format_becomes_a_square_webp(self, owner, suffix):
        response = send(owner, encoded(suffix))
        assert response.status_code == 200, response.content
        address = response.json()["avatar"]
        key = row(owner).avatar
        assert address.endswith(f"/media/{key}")
        assert stored() == [key.removeprefix("avatars/")]
        image = shown(key)
        assert (image.width, image.height, image.get("vips-loader")) == (512, 512, "webpload_buffer")
        red, blue = image(10, 256), image(500, 256)
        assert red[0] > 200 > 60 > red[2]
        assert blue[2] > 200 > 60 > blue[0]

    @pytest.mark.parametrize("size", [(2, 1), (3, 2000), (5000, 10)])
    def test_any_shape_will_do(self, owner, size):
        assert send(owner, encoded(".png", picture(*size))).status_code == 200
        assert shown(row(owner).avatar).width == 512

    def test_it_stands_upright(self, owner):
        turned = picture().copy()
        turned.set_type(pyvips.GValue.gint_type, "orientation", 6)  # to be turned by 90 degrees: red comes to the top
        assert send(owner, encoded(".jpg", turned)).status_code == 200
        image = shown(row(owner).avatar)
        assert image(256, 10)[0] > 200
        assert image(256, 500)[2] > 200

    def test_nothing_of_the_file_is_left_but_its_pixels(self, owner):
        marked = picture().copy()
        marked.set_type(pyvips.GValue.gstr_type, "exif-ifd0-Artist", "SECRET-PLACE")
        marked.set_type(pyvips.GValue.blob_type, "xmp-data", b"<x>SECRET-PLACE</x>")
        data = encoded(".jpg", marked) + b"<script>SECRET-PLACE</script>"
        assert b"SECRET-PLACE" in data
        assert send(owner, data).status_code == 200
        with default_storage.open(row(owner).avatar) as file:
            kept = file.read()
        assert b"SECRET-PLACE" not in kept
        assert all(chunk not in kept for chunk in (b"EXIF", b"XMP ", b"ICCP"))

    def test_of_many_frames_the_first_is_taken(self, owner):
        frames = picture(100, 100).join(picture(100, 100).invert(), "vertical")
        frames.set_type(pyvips.GValue.gint_type, "page-height", 100)
        assert send(owner, encoded(".gif", frames)).status_code == 200
        assert shown(row(owner).avatar)(10, 256)[0] > 200

    def test_sixteen_bits_grey_and_transparent_will_do(self, owner):
        for image in (
            (picture().cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16"),
            picture().colourspace("b-w"),
            picture(bands=4),
        ):
            assert send(owner, encoded(".png", image)).status_code == 200

    def test_the_one_before_is_deleted(self, owner, django_capture_on_commit_callbacks):
        for _ in range(2):
            with django_capture_on_commit_callbacks(execute=True):
                send(owner, encoded(".png"))
        assert stored() == [row(owner).avatar.removeprefix("avatars/")]
        with django_capture_on_commit_callbacks(execute=True):
            assert Api(owner).post(REMOVE).json()["avatar"] is None
        assert stored() == []
        assert Api(owner).post(REMOVE).status_code == 200

    def test_the_name_of_the_file_means_nothing(self, owner):
        assert send(owner, encoded(".png"), name="../../../etc/passwd.svg").status_code == 200
        assert len(stored()) == 1


class TestServing:
    def test_it_is_public_and_never_changes(self, owner):
        send(owner, encoded(".png"))
        path = f"/media/{row(owner).avatar}"
        response = Api().client.get(path)
        assert response.status_code == 200
        assert response.headers["Content-Type"] == "image/webp"
        assert "immutable" in response.headers["Cache-Control"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        again = Api().client.get(path, headers={"If-None-Match": response.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")

    @pytest.mark.parametrize(
        "path",
        ["01a1fa21-7706-7344-a081-f8a7f0b6808b.webp", "../secret.webp", "..%2F..%2Fetc%2Fpasswd", "x.webp", ""],
    )
    def test_what_is_not_there_is_not_found(self, db, path):
        assert Api().client.get(f"/media/avatars/{path}").status_code == 404

    def test_one_that_was_taken_off_is_gone_for_who_has_it_too(self, owner, django_capture_on_commit_callbacks):
        send(owner, encoded(".png"))
        path = f"/media/{row(owner).avatar}"
        etag = Api().client.get(path).headers["ETag"]
        with django_capture_on_commit_callbacks(execute=True):
            Api(owner).post(REMOVE)
        assert Api().client.get(path, headers={"If-None-Match": etag}).status_code == 404


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
    @pytest.mark.parametrize(
        ("data", "status"),
        [
            pytest.param(b"", 415, id="empty"),
            pytest.param(SVG, 415, id="svg"),
            pytest.param(b'<?xml version="1.0"?>' + SVG, 415, id="svg with a declaration"),
            pytest.param(b"%PDF-1.7 %%EOF", 415, id="pdf"),
            pytest.param(b"<html><script>alert(1)</script>", 415, id="html"),
            pytest.param(b"MZ\x90\x00" + b"\x00" * 200, 415, id="program"),
            pytest.param(b"BM" + b"\x00" * 200, 415, id="bmp"),
            pytest.param(b"II*\x00" + b"\x00" * 200, 415, id="tiff"),
            pytest.param(b"\x00\x00\x00\x18ftypheic" + b"\x00" * 200, 415, id="heic"),
            pytest.param(b"\xff\xd8\xff" + SVG, 422, id="svg that begins as jpeg"),
            pytest.param(b"GIF89a" + SVG, 422, id="svg that begins as gif"),
            pytest.param(b"GIF89a/*" + b"a" * 300 + b"*/=1;alert(1)", 422, id="script that begins as gif"),
            pytest.param(b"RIFF\x00\x00\x00\x00WEBP", 422, id="webp of nothing"),
            pytest.param(b"\x00\x00\x00\x1cftypavif" + b"\xff" * 300, 422, id="avif of nothing"),
            pytest.param(b"\x89PNG\r\n\x1a\n" + b"\xff" * 300, 422, id="png of nothing"),
            pytest.param(png_header(60_000, 60_000), 422, id="header of a bomb"),
            pytest.param(png_header(2**31 - 1, 2**31 - 1), 422, id="header beyond measure"),
            pytest.param(png_header(0, 0), 422, id="no pixels"),
            pytest.param(png_header(100, 100), 422, id="pixels missing"),
        ],
    )
    def test_what_is_no_picture_is_refused_and_nothing_is_stored(self, owner, problem, data, status):
        response = send(owner, data)
        assert problem(response)[0] == status
        assert stored() == []
        assert row(owner).avatar == ""

    @pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".avif"])
    @pytest.mark.parametrize("part", [0.02, 0.3, 0.7])
    def test_a_torn_file_is_refused(self, owner, problem, suffix, part):
        noise = pyvips.Image.gaussnoise(300, 300).cast("uchar")
        data = encoded(suffix, noise.bandjoin([noise, noise]).copy(interpretation="srgb"))
        response = send(owner, data[: int(len(data) * part)])
        assert problem(response)[0] in (415, 422)
        assert stored() == []

    def test_a_bomb_is_refused_by_its_header(self, owner, problem):
        data = bomb()
        assert len(data) < 1_000_000
        assert problem(send(owner, data)) == (422, "UNPROCESSABLE_ENTITY")
        assert stored() == []

    def test_a_bomb_in_a_webp_is_refused_before_a_pixel_is_read(self, owner, problem):
        data = pyvips.Image.black(12_000, 12_000).write_to_buffer(".webp", lossless=True, effort=0)
        assert problem(send(owner, data)) == (422, "UNPROCESSABLE_ENTITY")

    @pytest.mark.parametrize(("suffix", "options"), [(".jpg", {}), (".png", {"compression": 1})])
    def test_what_has_to_be_read_as_a_whole_may_have_fewer_pixels(self, owner, problem, suffix, options):
        large = pyvips.Image.black(5000, 4000)
        assert send(owner, large.write_to_buffer(suffix, **options)).status_code == 200
        assert problem(send(owner, large.write_to_buffer(suffix, interlace=True, **options)))[0] == 422

    def test_too_many_bytes_are_refused_before_they_are_read(self, owner, problem):
        assert problem(send(owner, encoded(".png") + b"\x00" * images.MOST_BYTES)) == (413, "PAYLOAD_TOO_LARGE")
        assert stored() == []

    def test_a_body_that_only_says_it_is_large_is_refused(self, owner, problem):
        response = Api(owner).client.post(
            PATH, b"", content_type="multipart/form-data; boundary=x", headers={"Content-Length": str(10**12)}
        )
        assert problem(response)[0] in (400, 413)

    def test_readers_nobody_trusts_are_shut(self, owner):
        images._vips()
        with pytest.raises(pyvips.Error):
            pyvips.Image.new_from_buffer(SVG, "")

    def test_nothing_is_stored_where_the_row_can_not_be_written(self, owner, monkeypatch):
        def fail(**_):
            raise RuntimeError

        monkeypatch.setattr("accounts.services.set_avatar", fail)
        with pytest.raises(RuntimeError):
            services.set_profile_picture(user_id=owner.id, data=encoded(".png"))
        assert stored() == []


class TestTheForm:
    @pytest.mark.parametrize(
        ("body", "content_type", "status"),
        [
            ({"file": "text"}, "multipart", 400),
            ({}, "multipart", 400),
            (b'{"file": "x"}', "application/json", 415),
            (b"\x89PNG\r\n\x1a\n", "image/png", 415),
            (b"no parts here", "multipart/form-data; boundary=x", 400),
            (b"no boundary", "multipart/form-data", 400),
            (b"", "", 415),
        ],
    )
    def test_what_is_no_form_with_a_file_is_refused(self, owner, problem, body, content_type, status):
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
        assert f"/media/{row(owner).avatar}" in response.content.decode()
        response = client.post("/account/picture", {"file": SimpleUploadedFile("me.svg", SVG)}, follow=True)
        assert "Please send a JPEG" in response.content.decode()
        client.post("/account/picture/remove")
        assert row(owner).avatar == ""

    def test_a_stranger_is_led_to_the_door(self, db, client):
        response = client.post("/account/picture", {"file": SimpleUploadedFile("me.gif", b"GIF89a")})
        assert response.status_code == 302
        assert "/sign-in" in response.headers["Location"]


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_one_stays_and_no_file_is_left_behind(join):
    owner, data = join("olivia"), encoded(".png")

    def upload(_):
        try:
            return send(owner, data).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(upload, range(8))) == {200}
    assert stored() == [row(owner).avatar.removeprefix("avatars/")]


def test_the_library_does_not_tell_the_log_of_every_step(caplog):
    images.avatar(encoded(".png"))
    assert not [
        record for record in caplog.records if record.name.startswith("pyvips") and record.levelno < logging.WARNING
    ]


def test_pictures_are_drawn_one_at_a_time(monkeypatch):
    inside, most = [], []
    square = images._square

    def watch(data):
        inside.append(1)
        most.append(len(inside))
        try:
            return square(data)
        finally:
            inside.pop()

    monkeypatch.setattr(images, "_square", watch)
    data = encoded(".png")
    threads = [threading.Thread(target=images.avatar, args=[data]) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1


def test_a_persons_copy_has_the_picture(owner):
    send(owner, encoded(".png"))
    ((name, file),) = [
        (name, io.BytesIO(file.read())) for name, file in registry.export_parts()["picture"].read(row(owner))
    ]
    assert name == "picture.webp"
    assert file.getvalue()[8:12] == b"WEBP"

"""Signed addresses of S3: what is sent past us is what was announced, and what is private stays so."""

import time
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from media.storages import StorageError, storage_of
from tests.standins.s3_server import BUCKET

KEY, TYPE, DATA = "incoming/0190a1b2", "image/png", b"\x89PNG and so on" * 100
HOUR = 3600
BROWSER = httpx.Client(trust_env=False)


@pytest.fixture
def storage(s3):
    return storage_of("s3")


@pytest.fixture
def signed(storage):
    return storage.signed_put(KEY, content_type=TYPE, size=len(DATA), seconds=HOUR)


def send(signed, data=DATA, url=None, method=None, **headers):
    return BROWSER.request(method or signed.method, url or signed.url, content=data, headers=signed.headers | headers)


def changed(url, **fields):
    """The address with other values in its query."""
    parts = urlsplit(url)
    return parts._replace(query=urlencode(dict(parse_qsl(parts.query)) | fields)).geturl()


class TestPut:
    def test_what_was_announced_is_stored(self, storage, signed):
        assert send(signed).status_code == 200
        assert b"".join(storage.read(KEY)) == DATA
        assert storage.stat(KEY).content_type == TYPE
        assert storage.stat(KEY).size == len(DATA)

    def test_type_and_length_are_among_what_is_signed(self, signed):
        query = dict(parse_qsl(urlsplit(signed.url).query))
        assert query["X-Amz-SignedHeaders"] == "content-length;content-type;host"
        assert query["X-Amz-Expires"] == str(HOUR)
        assert (signed.method, signed.headers) == ("PUT", {"Content-Type": TYPE})

    @pytest.mark.parametrize("data", [b"", DATA[:-1], DATA + b"x", DATA * 50])
    def test_another_size_is_refused(self, s3, signed, data):
        answer = send(signed, data)
        assert answer.status_code == 403
        assert "<Code>SignatureDoesNotMatch</Code>" in answer.text
        assert s3.keys() == []

    def test_a_body_of_no_told_length_is_refused(self, s3, signed):
        assert send(signed, iter([DATA])).status_code == 411
        assert s3.keys() == []

    @pytest.mark.parametrize("given", ["text/html", "image/svg+xml", "image/png; charset=utf-8", ""])
    def test_another_type_is_refused(self, s3, signed, given):
        assert send(signed, **{"Content-Type": given}).status_code == 403
        assert s3.keys() == []

    def test_no_type_is_refused(self, s3, signed):
        answer = BROWSER.put(signed.url, content=DATA)
        assert answer.status_code == 403
        assert s3.keys() == []

    def test_an_hour_later_it_is_over(self, s3, signed):
        s3.now = lambda: time.time() + HOUR + 5
        answer = send(signed)
        assert answer.status_code == 403
        assert "Request has expired" in answer.text
        assert s3.keys() == []

    def test_shortly_before_it_is_not(self, s3, signed):
        s3.now = lambda: time.time() + HOUR - 60
        assert send(signed).status_code == 200

    @pytest.mark.parametrize(
        "fields",
        [
            {"X-Amz-Expires": "604800"},
            {"X-Amz-Signature": "0" * 64},
            {"X-Amz-SignedHeaders": "host"},
            {"X-Amz-SignedHeaders": "content-type;host"},
            {"X-Amz-Credential": "AKIDSOMEBODYELSE/20260101/eu-central-1/s3/aws4_request"},
            {"X-Amz-Date": "20360101T000000Z"},
            {"x-amz-acl": "public-read"},
            {"response-content-type": "text/html"},
        ],
    )
    def test_a_forged_address_is_refused(self, s3, signed, fields):
        assert send(signed, url=changed(signed.url, **fields)).status_code in (400, 403)
        assert s3.keys() == []

    def test_another_key_is_refused(self, s3, signed):
        for other in ("incoming/0190a1b3", "incoming/0190a1b2/x", "files/ab/x", "incoming/../files/x"):
            assert send(signed, url=signed.url.replace(KEY, other)).status_code == 403
        assert s3.keys() == []

    @pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
    def test_it_is_good_for_nothing_else(self, s3, storage, signed, method):
        send(signed)
        assert send(signed, method=method).status_code == 403
        assert b"".join(storage.read(KEY)) == DATA

    def test_what_makes_a_file_public_can_not_be_slipped_in(self, s3, signed):
        assert send(signed, **{"x-amz-acl": "public-read"}).status_code == 403
        assert s3.keys() == []

    def test_without_a_signature_nothing_is_taken(self, s3):
        for key in (KEY, "incoming/new"):
            assert BROWSER.put(f"{s3.url}/{BUCKET}/{key}", content=DATA).status_code == 403
        assert s3.keys() == []


class TestGet:
    @pytest.fixture
    def url(self, storage, file_of):
        storage.put(KEY, file_of(DATA), "application/octet-stream")
        return storage.signed_get(KEY, seconds=900, filename="Mein „Bild“.png", content_type=TYPE, inline=True)

    def test_whoever_has_the_address_may_see_it(self, url):
        answer = BROWSER.get(url)
        assert (answer.status_code, answer.content) == (200, DATA)
        assert answer.headers["Content-Type"] == TYPE
        expected = "inline; filename*=UTF-8''Mein%20%E2%80%9EBild%E2%80%9C.png"
        assert answer.headers["Content-Disposition"] == expected

    def test_as_a_download(self, storage, url):
        url = storage.signed_get(KEY, seconds=900, filename="a.png", content_type=TYPE, inline=False)
        assert BROWSER.get(url).headers["Content-Disposition"] == "attachment; filename*=UTF-8''a.png"

    def test_a_part_of_it(self, url):
        answer = BROWSER.get(url, headers={"Range": "bytes=3-9"})
        assert (answer.status_code, answer.content) == (206, DATA[3:10])

    def test_not_without_the_address_nor_with_another_or_later(self, s3, url):
        plain = url.partition("?")[0]
        forged = [
            plain,
            plain.rpartition("/")[0],
            url.replace(KEY, "incoming/other"),
            changed(url, **{"response-content-type": "text/html"}),
            changed(url, **{"response-content-disposition": "attachment"}),
            changed(url, **{"X-Amz-Expires": "604800"}),
        ]
        for address in forged:
            assert BROWSER.get(address).status_code == 403
        s3.now = lambda: time.time() + 905
        assert BROWSER.get(url).status_code == 403


class TestTheBucket:
    def test_a_wrong_secret_is_told_without_it(self, s3, settings, file_of):
        settings.MEDIA_STORAGES = {"s3": s3.block | {"SECRET_ACCESS_KEY": "not the secret of s3"}}
        storage = storage_of("s3")
        for call in (storage.check, lambda: storage.put(KEY, file_of(DATA), TYPE), lambda: list(storage.read(KEY))):
            with pytest.raises(StorageError) as caught:
                call()
            assert "not the secret" not in str(caught.value)
        with pytest.raises(StorageError, match="SignatureDoesNotMatch"):
            storage.put(KEY, file_of(DATA), TYPE)

    def test_a_bucket_that_is_not_there(self, s3, settings, file_of):
        settings.MEDIA_STORAGES = {"s3": s3.block | {"BUCKET": "no-such-bucket"}}
        with pytest.raises(StorageError, match="no such bucket"):
            storage_of("s3").check()
        with pytest.raises(StorageError, match="NoSuchBucket"):
            storage_of("s3").put(KEY, file_of(DATA), TYPE)

    def test_a_moment_of_trouble_is_overcome(self, s3, storage, file_of):
        s3.misbehave("PUT", status=503)
        storage.put(KEY, file_of(DATA), TYPE)
        s3.misbehave("HEAD", times=2, status=500)
        assert storage.stat(KEY).size == len(DATA)

    def test_a_large_file_goes_in_parts_and_no_parts_are_left_of_one_that_fails(self, s3, storage, file_of):
        path = file_of(bytes(17 * 1024 * 1024))
        storage.put(KEY, path, "video/mp4")
        assert storage.stat(KEY).size == 17 * 1024 * 1024
        storage.remove(KEY)
        s3.misbehave("PUT", times=50, cut=1000)
        with pytest.raises(StorageError):
            storage.put(KEY, path, "video/mp4")
        assert (s3.keys(), s3.unfinished()) == ([], [])

    def test_the_parts_that_a_killed_process_left_go_with_the_file(self, s3, storage):
        for key in (KEY, f"{KEY}5"):
            s3.moto.create_multipart_upload(Bucket=BUCKET, Key=key)
        storage.remove(KEY)
        assert s3.unfinished() == [f"{KEY}5"]

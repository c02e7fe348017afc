"""`GET /media/<key>`: who may see what, which file of it, how much of it, and under which headers."""

import time
from contextlib import contextmanager
from datetime import timedelta

import pytest
import pyvips
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.services.sessions import end_session
from accounts.tokens import read_access
from media import links, registry
from media.models import Asset, Rendition
from tests.media.sending import BROWSER, assert_whole, body, by_form, forget, large, look, lose, path_of, picture

pytestmark = pytest.mark.django_db
VARIANTS = {"original": 1200, "medium": 1024, "small": 512, "thumbnail": 256}


@pytest.fixture
def public(local, owner):
    return by_form(owner, picture(), name="stage left.png").json()


@pytest.fixture
def private(local, owner):
    return by_form(owner, picture(), name="stage left.png", visibility="private").json()


def signed_in(person):
    client = Client()
    client.force_login(person.user)
    return client


def plain(url):
    return url.partition("?")[0]


def signed(key, *, expires, purpose="asset"):
    return f"/media/{key}?expires={expires}&signature={links.signature(purpose, key, int(expires))}"


@contextmanager
def rule(purpose, may_see):
    registry.add_view_rule(purpose, may_see)
    try:
        yield
    finally:
        registry._view_rules.pop(purpose)


class TestPublic:
    def test_it_is_kept_for_good_and_can_do_no_harm(self, shelf, owner):
        asset = by_form(owner, picture()).json()
        answer = look(asset["url"])
        assert answer.status_code == 200
        headers = {name: answer.headers[name] for name in answer.headers}
        assert headers["Content-Type"] == "image/webp"
        assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert headers["Accept-Ranges"] == "bytes"
        assert headers["Content-Disposition"].startswith("inline; filename*=UTF-8''a.")
        assert "Set-Cookie" not in headers
        assert "Cookie" not in headers.get("Vary", "")
        data = body(answer)
        assert int(headers["Content-Length"]) == len(data) == asset["size"]

    def test_a_cdn_keeps_only_the_addresses_that_it_is_asked_to_forget(self, public):
        for query, is_kept in (
            ("?variant=small", True),
            ("?download", False),
            ("?x=1", False),
            ("?variant=small&x", False),
        ):
            answer = look(public["url"] + query)
            assert answer.status_code == 200
            assert answer.headers["Cache-Control"].startswith("public") is is_kept, query

    def test_who_has_it_is_told_so(self, public):
        etag = look(public["url"]).headers["ETag"]
        for given in (etag, f"W/{etag}", f'"other", {etag}', "*"):
            answer = look(public["url"], **{"If-None-Match": given})
            assert (answer.status_code, body(answer)) == (304, b"")
            assert answer.headers["ETag"] == etag
            assert "immutable" in answer.headers["Cache-Control"]
        for given in ('"other"', etag.strip('"'), "", "nonsense"):
            assert look(public["url"], **{"If-None-Match": given}).status_code == 200

    def test_each_variant_has_a_tag_of_its_own(self, local, owner):
        url = by_form(owner, large()).json()["url"]
        assert len({look(f"{url}?variant={variant}").headers["ETag"] for variant in VARIANTS}) == 4

    def test_it_can_be_saved_under_the_name_its_owner_gave_it(self, public):
        answer = look(f"{public['url']}?download")
        assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''stage%20left.webp"

    def test_only_looking_is_done_here(self, public):
        for method in ("post", "put", "patch", "delete"):
            assert getattr(Client(), method)(plain(public["url"])).status_code in (403, 405)
        assert look(public["url"]).status_code == 200

    def test_what_is_not_there(self, public):
        for path in [
            "x",
            "other/01a1fa21-7706-7344-a081-f8a7f0b6808b",
            "../settings.py",
            "%2e%2e/%2e%2e/etc/passwd",
            "%00",
            "a%0Ab",
            "files/ab/x/original.webp",
            "incoming/01a1fa21-7706-7344-a081-f8a7f0b6808b",
            "x" * 2000,
        ]:
            assert Client().get(f"/media/{path}").status_code == 404

    def test_the_name_of_its_file_is_no_address(self, public):
        assert Client().get(f"/media/{Rendition.objects.first().key}").status_code == 404


class TestVariants:
    def test_each_has_its_size(self, shelf, owner):
        for variant in VARIANTS:
            url = by_form(owner, large()).json()["url"]
            shown = pyvips.Image.new_from_buffer(body(look(f"{url}?variant={variant}")), "")
            assert shown.width == VARIANTS[variant]

    def test_where_the_original_is_smaller_it_is_the_variant(self, public):
        whole = body(look(public["url"]))
        for variant in VARIANTS:
            assert body(look(f"{public['url']}?variant={variant}")) == whole
        assert Rendition.objects.count() == 1

    def test_others_are_not_known(self, public):
        for variant in ["", "huge", "Original", "../x", "source", "poster", "%00"]:
            assert look(f"{public['url']}?variant={variant}").status_code == 400

    def test_one_that_is_not_there_yet_is_made(self, shelf, owner):
        url = by_form(owner, large()).json()["url"]
        forget("thumbnail")
        for _ in range(2):
            shown = pyvips.Image.new_from_buffer(body(look(f"{url}?variant=thumbnail")), "")
            assert shown.width == 256
        assert_whole(shelf)

    def test_of_an_original_that_is_lost_none_can_be_made(self, shelf, owner):
        url = by_form(owner, large()).json()["url"]
        lose(Rendition.objects.all())
        Rendition.objects.exclude(name="original").delete()
        assert look(f"{url}?variant=small").status_code == 404


class TestPrivate:
    def test_nobody_is_told_that_it_is_there(self, private, stranger, staff):
        for client in (Client(), signed_in(stranger), signed_in(staff)):
            answer = look(plain(private["url"]), client)
            assert answer.status_code == 404
            assert "public" not in answer.headers.get("Cache-Control", "")

    def test_its_owner_sees_it_by_their_sign_in(self, shelf, owner):
        asset = by_form(owner, picture(), visibility="private").json()
        answer = look(plain(asset["url"]), signed_in(owner))
        assert answer.status_code in (200, 302)
        assert answer.headers["Cache-Control"].startswith("private")
        assert body(answer)[8:12] == b"WEBP"

    def test_its_owner_sees_it_by_their_token_and_nobody_else_by_theirs(self, shelf, owner, stranger):
        asset = by_form(owner, picture(), visibility="private").json()
        assert look(plain(asset["url"]), **owner.headers).status_code in (200, 302)
        assert look(plain(asset["url"]), **stranger.headers).status_code == 404

    def test_a_token_that_is_over_is_told_so_whether_or_not_there_is_a_file(
        self, private, owner, django_capture_on_commit_callbacks
    ):
        with django_capture_on_commit_callbacks(execute=True):
            end_session(session_id=read_access(owner.token).session_id, reason="sign_out")
        for url in (plain(private["url"]), "/media/other/nothing"):
            for headers in (owner.headers, {"Authorization": "Bearer nonsense"}):
                assert look(url, **headers).status_code == 401

    def test_only_on_our_own_pages(self, private, owner):
        answer = look(plain(private["url"]), signed_in(owner))
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert look(private["url"]).headers["Cross-Origin-Resource-Policy"] == "cross-origin"

    def test_a_signed_address_works_for_anybody_until_it_is_over(self, shelf, owner, time_machine):
        moment = timezone.now().replace(second=30, microsecond=0) + timedelta(minutes=1)
        time_machine.move_to(moment, tick=False)
        asset = by_form(owner, picture(), visibility="private").json()
        for url in (asset["url"], asset["thumbnail_url"]):
            assert look(url).status_code in (200, 302)
        time_machine.move_to(moment + timedelta(minutes=14, seconds=29), tick=False)
        assert look(asset["url"]).status_code in (200, 302)
        time_machine.move_to(moment + timedelta(minutes=14, seconds=30), tick=False)
        for url in (asset["url"], asset["thumbnail_url"]):
            assert look(url).status_code == 404

    def test_lists_give_the_same_address_for_a_minute(self, private, owner, time_machine):
        asset = Asset.objects.get()
        time_machine.move_to("2026-12-01T10:00:01+00:00", tick=False)
        first = links.asset_url(asset)
        time_machine.move_to("2026-12-01T10:00:59+00:00", tick=False)
        assert links.asset_url(asset) == first
        time_machine.move_to("2026-12-01T10:01:00+00:00", tick=False)
        assert links.asset_url(asset) != first

    def test_forged_signatures(self, local, owner, private):
        other = by_form(owner, picture(1), visibility="private").json()["key"]
        key, soon = private["key"], int(time.time()) + 60
        assert look(signed(key, expires=soon)).status_code == 200
        sign = links.signature("asset", key, soon)
        forged = [
            f"/media/{key}?expires={soon + 1}&signature={sign}",
            f"/media/{other}?expires={soon}&signature={sign}",
            f"/media/{key}?expires=0{soon}&signature={sign[:-1]}",
            f"/media/{key}?expires={soon}&signature=",
            f"/media/{key}?expires={soon}",
            f"/media/{key}?signature={sign}",
            f"/media/{key}?expires=-1&signature={links.signature('asset', key, -1)}",
            f"/media/{key}?expires={'9' * 5000}&signature={sign}",
            f"/media/{key}?expires=x&signature=é",
            signed(key, expires=soon, purpose="upload"),
            signed(key, expires=int(time.time()) - 1),
        ]
        for url in forged:
            assert look(url).status_code == 404, url

    def test_a_storage_that_signs_is_where_it_is_fetched(self, s3, settings, owner, time_machine):
        settings.MEDIA_STORAGE = "s3"
        asset = by_form(owner, picture(), visibility="private").json()
        answer = look(f"{asset['url']}&download")
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith(s3.url)
        assert answer.headers["Cache-Control"] == "private, no-store"
        sent = BROWSER.get(answer.headers["Location"])
        assert sent.headers["Content-Type"] == "image/webp"
        assert sent.headers["Content-Disposition"] == "attachment; filename*=UTF-8''a.webp"
        # an address that ends in a minute does not become one of a quarter of an hour
        asset = Asset.objects.get()
        last = look(signed(asset.key, expires=int(time.time()) + 60)).headers["Location"]
        s3.now = lambda: time.time() + 70
        assert BROWSER.get(last).status_code == 403

    def test_its_headers_can_be_asked_for_whatever_the_storage(self, shelf, owner):
        asset = by_form(owner, picture(), visibility="private").json()
        answer = signed_in(owner).head(f"/media/{asset['key']}")
        assert (answer.status_code, answer.headers["Content-Length"]) == (200, str(asset["size"]))

    def test_who_else_may_see_it_is_asked_of_the_app_that_uses_it(self, local, owner, teammate, stranger):
        asset = by_form(owner, picture(), purpose="chat").json()
        asked = []

        def may_see(row, reader):
            asked.append((row.key, reader))
            return reader == teammate.id

        path = plain(asset["url"])
        assert look(path, signed_in(teammate)).status_code == 404
        with rule("chat", may_see):
            assert look(path, signed_in(teammate)).status_code == 200
            assert look(path, signed_in(stranger)).status_code == 404
            assert look(path).status_code == 404
        assert asked == [(asset["key"], teammate.id), (asset["key"], stranger.id)]
        assert look(path, signed_in(teammate)).status_code == 404

    def test_the_rule_of_another_purpose_says_nothing(self, local, owner, stranger):
        asset = by_form(owner, picture(), purpose="content").json()
        with rule("chat", lambda *_: True):
            assert look(plain(asset["url"]), signed_in(stranger)).status_code == 404


class TestParts:
    @pytest.fixture
    def whole(self, local, owner):
        self.url = by_form(owner, picture()).json()["url"]
        return body(look(self.url))

    def test_of_a_file(self, whole):
        for wanted, first, last in [
            ("bytes=0-9", 0, 9),
            ("bytes=5-", 5, None),
            ("bytes=-7", -7, None),
            ("bytes=3-3", 3, 3),
            ("bytes=2-9999999", 2, None),
            ("bytes=-9999999", 0, None),
        ]:
            answer = look(self.url, Range=wanted)
            part = whole[first : None if last is None else last + 1]
            begin = first % len(whole)
            assert (answer.status_code, body(answer)) == (206, part)
            assert answer.headers["Content-Range"] == f"bytes {begin}-{begin + len(part) - 1}/{len(whole)}"
            assert answer.headers["Content-Length"] == str(len(part))

    def test_of_a_file_wherever_it_is(self, shelf, owner):
        url = by_form(owner, picture()).json()["url"]
        assert body(look(url, Range="bytes=8-11")) == b"WEBP"

    def test_beyond_the_end(self, whole):
        for beyond in [0, 5, 10**9]:
            answer = look(self.url, Range=f"bytes={len(whole) + beyond}-")
            assert (answer.status_code, body(answer)) == (416, b"")
            assert answer.headers["Content-Range"] == f"bytes */{len(whole)}"

    def test_none_of_it(self, whole):
        assert look(self.url, Range="bytes=-0").status_code == 416

    def test_what_is_not_understood_gets_all_of_it(self, whole):
        for wanted in ["bytes=0-1,3-4", "lines=1-2", "bytes=", "bytes=x-", "bytes=-", "nonsense"]:
            answer = look(self.url, Range=wanted)
            assert (answer.status_code, body(answer)) == (200, whole)

    def test_it_goes_on_only_with_the_file_that_it_began_with(self, whole):
        etag = look(self.url).headers["ETag"]
        assert look(self.url, Range="bytes=1-", **{"If-Range": etag}).status_code == 206
        for other in ('"other"', f"W/{etag}", "Tue, 01 Dec 2026 10:00:00 GMT"):
            answer = look(self.url, Range="bytes=1-", **{"If-Range": other})
            assert (answer.status_code, body(answer)) == (200, whole)

    def test_its_headers_alone(self, whole):
        answer = Client().head(path_of(self.url))
        assert (answer.status_code, body(answer)) == (200, b"")
        assert answer.headers["Content-Length"] == str(len(whole))


class TestGone:
    def test_with_its_owner_and_back_with_them(self, public, private, owner):
        User.objects.filter(pk=owner.id).update(deleted_at=timezone.now() - timedelta(days=1))
        for url in (public["url"], private["url"]):
            assert look(url).status_code == 404
        User.objects.filter(pk=owner.id).update(deleted_at=None)
        assert look(public["url"]).status_code == 200

    def test_a_file_that_is_lost_is_not_found_and_no_error(self, shelf, owner):
        asset = by_form(owner, picture()).json()
        etag = look(asset["url"]).headers["ETag"]
        lose(Rendition.objects.all())
        assert look(asset["url"]).status_code == 404
        assert look(asset["url"], Range="bytes=0-3").status_code == 404
        assert look(asset["url"], **{"If-None-Match": etag}).status_code == 304  # what they have is right

    def test_a_storage_that_is_away_is_no_error_of_ours(self, s3, settings, owner):
        settings.MEDIA_STORAGE = "s3"
        url = by_form(owner, picture()).json()["url"]
        s3.misbehave("GET", times=9, status=503)
        assert look(url).status_code == 503
        s3.behave()
        assert look(url).status_code == 200

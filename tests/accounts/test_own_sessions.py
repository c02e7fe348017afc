"""Where one is signed in: `/api/users/me/sessions`, the page of devices, and what ending one does."""

import time
import uuid
from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone

from accounts import services
from accounts.models import AuthSession
from accounts.tokens import read_access
from tests.accounts.conftest import PASSWORD, Api, problem
from tests.live import LiveSite, Wire

pytestmark = pytest.mark.django_db
commits = pytest.mark.django_db(transaction=True)

PATH = "/api/users/me/sessions"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def call(method, person, path=PATH):
    return getattr(Client(headers=person.api.headers), method)(path)


def id_of(person):
    return read_access(person.token).session_id


def sign_in_from(user, address, user_agent=FIREFOX):
    return services.start_token_session(user=user, device=services.Device(user_agent, address), method="password")


# --- the list ---------------------------------------------------------------------------------------------------------


def test_one_sees_where_one_is_signed_in_the_last_used_first(sign_in, sign_in_web, person):
    sign_in_from(person.user, "192.0.2.7")
    listed = call("get", person).json()
    assert listed["next"] is None
    first, second = listed["items"]
    assert (first["device"], first["address"], first["method"], first["kind"], first["current"]) == (
        "Firefox on Linux", "192.0.2.7", "password", "token", False,
    )  # fmt: skip
    assert (second["id"], second["current"]) == (str(id_of(person)), True)
    assert set(second) == {
        "id", "kind", "method", "device", "user_agent", "address", "created_at", "last_used_at", "expires_at",
        "current",
    }  # fmt: skip
    assert not {"refresh_jti", "session_key"} & set(second)


def test_a_browser_stands_in_the_list_and_sees_it(person, sign_in_web):
    browser = sign_in_web(person.user)
    items = browser.get(PATH).json()["items"]
    assert [(item["kind"], item["current"]) for item in items] == [("web", True), ("token", False)]


def test_what_has_ended_or_expired_is_not_listed(person, sign_in):
    ended, expired = sign_in(person.user), sign_in(person.user)
    services.end_session(session_id=id_of(ended), reason="signout")
    AuthSession.objects.filter(pk=id_of(expired)).update(expires_at=timezone.now() - timedelta(seconds=1))
    sign_in()  # somebody else
    assert [item["id"] for item in call("get", person).json()["items"]] == [str(id_of(person))]


def test_the_list_takes_as_many_queries_for_fifty_as_for_one(person, sign_in, django_assert_num_queries):
    call("get", person)
    with django_assert_num_queries(1):
        call("get", person)
    for number in range(49):
        sign_in_from(person.user, f"192.0.2.{number}")
    with django_assert_num_queries(1):
        assert len(call("get", person).json()["items"]) == 50


def test_no_more_than_a_hundred_are_listed(person):
    now = timezone.now()
    AuthSession.objects.bulk_create(
        AuthSession(user=person.user, kind="web", last_used_at=now, expires_at=now + timedelta(days=1))
        for _ in range(120)
    )
    assert len(call("get", person).json()["items"]) == 100


# --- ending -----------------------------------------------------------------------------------------------------------


@commits
def test_one_device_is_signed_out_and_the_others_stay(person, sign_in):
    lost, kept = sign_in(person.user), sign_in(person.user)
    answer = call("delete", person, f"{PATH}/{id_of(lost)}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert problem(lost.api.get("me")) == (401, "UNAUTHENTICATED")
    assert problem(Api().post("refresh", {"refresh": lost.refresh})) == (401, "UNAUTHENTICATED")
    assert kept.api.get("me").status_code == person.api.get("me").status_code == 200
    assert call("delete", person, f"{PATH}/{id_of(lost)}").status_code == 204  # a repeat is no error


@commits
def test_everything_but_here_is_signed_out(person, sign_in, sign_in_web):
    other, browser, stranger = sign_in(person.user), sign_in_web(person.user), sign_in()
    answer = call("delete", person)
    assert (answer.status_code, answer.json()) == (200, {"ended": 2})
    assert problem(other.api.get("me")) == (401, "UNAUTHENTICATED")
    assert browser.get("/api/auth/me").status_code == 401
    assert person.api.get("me").status_code == stranger.api.get("me").status_code == 200
    assert call("delete", person).json() == {"ended": 0}


def test_a_strangers_session_is_none_of_ones_business(person, sign_in):
    stranger = sign_in()
    for session_id in (id_of(stranger), uuid.uuid4()):
        assert problem(call("delete", person, f"{PATH}/{session_id}")) == (404, "NOT_FOUND")
    assert problem(call("delete", person, f"{PATH}/nonsense")) == (404, "NOT_FOUND")
    assert not AuthSession.objects.exclude(ended_at=None).exists()
    assert stranger.api.get("me").status_code == 200


def test_nobody_signed_in_sees_and_ends_nothing(person):
    for method, path in (("get", PATH), ("delete", PATH), ("delete", f"{PATH}/{id_of(person)}")):
        assert problem(getattr(Client(), method)(path)) == (401, "UNAUTHENTICATED")
    assert AuthSession.objects.get().ended_at is None


@commits
def test_one_may_end_the_session_one_asks_with(person):
    assert call("delete", person, f"{PATH}/{id_of(person)}").status_code == 204
    assert problem(person.api.get("me")) == (401, "UNAUTHENTICATED")


# --- the page ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def sign_in_web():
    """`sign_in_web(user)`: a browser of theirs."""

    def sign_in_web(user):
        user.set_password(PASSWORD)
        user.save()
        browser = Client(headers={"User-Agent": FIREFOX})
        assert browser.post("/sign-in", {"email": user.email, "password": PASSWORD}).status_code == 302
        return browser

    return sign_in_web


@commits
def test_the_page_of_devices_signs_them_out(person, sign_in, sign_in_web):
    browser, other, stranger = sign_in_web(person.user), sign_in(person.user), sign_in()
    page = browser.get("/account/sessions").content.decode()
    assert "Firefox on Linux" in page
    assert "with your password" in page
    assert str(id_of(stranger)) not in page
    for named in (str(id_of(stranger)), "nonsense", "\x00"):
        assert browser.post("/account/sessions", {"session": named}).status_code == 302
    assert stranger.api.get("me").status_code == 200
    browser.post("/account/sessions", {"session": str(id_of(other))})
    assert other.api.get("me").status_code == 401
    assert person.api.get("me").status_code == 200
    browser.post("/account/sessions")
    assert person.api.get("me").status_code == 401
    assert browser.get("/account/sessions").status_code == 200


def test_the_page_takes_as_many_queries_for_thirty_as_for_one(person, sign_in_web, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    browser = sign_in_web(person.user)
    browser.get("/account/sessions")
    with CaptureQueriesContext(connection) as few:
        browser.get("/account/sessions")
    for number in range(30):
        sign_in_from(person.user, f"192.0.2.{number}")
    with django_assert_num_queries(len(few)):
        browser.get("/account/sessions")


# --- over the wire ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(django_db_setup: None) -> Iterator[LiveSite]:
    with LiveSite(responders=0) as site:
        yield site


@pytest.mark.django_db(transaction=True)
async def test_an_ended_sessions_token_cookie_and_sockets_die_within_a_second(site, owner):
    """The token and the cookie of one session, as the headless API gives them, and a socket by each."""
    cookie, ended = await sync_to_async(token_session_with_cookie)(owner)
    headers = {"Cookie": f"{django_settings.SESSION_COOKIE_NAME}={cookie}"}
    async with (
        httpx.AsyncClient(base_url=site.url, trust_env=False) as http,
        Wire(site, ended.access) as by_token,
        Wire(site, additional_headers=headers | {"Origin": site.url}) as by_cookie,
        Wire(site, owner.token) as other,
    ):
        bearer = {"Authorization": f"Bearer {ended.access}"}
        for wire in (by_token, by_cookie, other):
            assert (await wire.ask("subscribe", topic=f"user:{owner.id}"))["ok"]
        for way in (bearer, headers):
            assert (await http.get("/api/auth/me", headers=way)).status_code == 200
        session_id = read_access(ended.access).session_id
        began = time.monotonic()
        answer = await http.delete(f"{PATH}/{session_id}", headers=owner.headers)
        assert answer.status_code == 204
        assert await by_token.until_closed(seconds=1) == 4001
        assert await by_cookie.until_closed(seconds=1) == 4001
        for way in (bearer, headers):
            assert (await http.get("/api/auth/me", headers=way)).status_code == 401
        assert time.monotonic() - began < 1
        assert (await other.ask("ping"))["ok"]
        assert (await http.get("/api/auth/me", headers=owner.headers)).status_code == 200


def token_session_with_cookie(person):
    """A web session that has been given tokens as well."""
    browser = Client()
    browser.force_login(person.user)
    session_id = uuid.UUID(browser.session["auth_session"])
    key = browser.session.session_key
    return key, services.hand_out_tokens(session_id=session_id, session_key=key)

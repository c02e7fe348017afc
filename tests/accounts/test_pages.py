"""The web's doors: /sign-in, /sign-up, /sign-out, and the cookie they give."""

import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import realtime, services
from accounts.models import AuthSession, User
from common import redis
from tests.accounts.conftest import PASSWORD, problem

pytestmark = pytest.mark.django_db
commits = pytest.mark.django_db(transaction=True)  # the end of a session is announced after commit

CREDENTIALS = {"email": "ann@example.org", "password": PASSWORD}


@pytest.fixture
def ann(make_user):
    return make_user(PASSWORD, email="ann@example.org")


@pytest.fixture
def browser():
    return Client()


@pytest.fixture
def strict_browser():
    """A browser whose forms need their CSRF token."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def signed_in(browser, ann):
    assert browser.post("/sign-in", CREDENTIALS).status_code == 302
    return browser


def is_signed_in(browser):
    return browser.get("/api/auth/me").status_code == 200


def csrf_of(response):
    return re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', response.content.decode())[1]


# --- in ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/sign-in", "/sign-up"])
def test_a_door_shows_its_form_and_is_never_kept(browser, path):
    response = browser.get(path)
    assert response.status_code == 200
    assert 'name="email"' in response.content.decode()
    assert "no-store" in response.headers["Cache-Control"]


def test_signing_in_opens_a_web_session_and_leads_to_discovery(browser, ann):
    response = browser.post("/sign-in", CREDENTIALS | {"email": "ANN@example.org"}, headers={"User-Agent": "Opera"})
    assert (response.status_code, response.headers["Location"]) == (302, reverse("discover"))
    session = AuthSession.objects.get()
    assert (session.user, session.kind, session.user_agent, session.address) == (ann, "web", "Opera", "127.0.0.1")
    assert is_signed_in(browser)


def test_signing_up_makes_an_account_and_signs_it_in(browser):
    response = browser.post("/sign-up", CREDENTIALS | {"username": "ann"})
    assert (response.status_code, response.headers["Location"]) == (302, reverse("discover"))
    assert browser.get("/api/auth/me").json()["user"]["username"] == "ann"


def test_the_cookie_is_new_after_signing_in(browser, ann):
    browser.post("/sign-in", CREDENTIALS)
    before = browser.cookies[settings.SESSION_COOKIE_NAME].value
    browser.post("/sign-out")
    browser.cookies[settings.SESSION_COOKIE_NAME] = before  # planted by somebody who knew it
    browser.post("/sign-in", CREDENTIALS)
    cookie = browser.cookies[settings.SESSION_COOKIE_NAME]
    assert cookie.value != before
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


@pytest.mark.parametrize(
    ("path", "fields", "field", "words"),
    [
        ("/sign-in", {"password": "another-password"}, None, "do not fit together"),
        ("/sign-in", {"email": "bob@example.org"}, None, "do not fit together"),
        ("/sign-in", {"email": "bob"}, "email", "valid email"),
        ("/sign-in", {"password": ""}, "password", "required"),
        ("/sign-in", {"password": "x" * 1000}, "password", "at most 128"),
        ("/sign-in", {"email": "ann\x00@example.org"}, "email", "Null characters"),
        ("/sign-up", {}, "email", "has an account already"),
        ("/sign-up", {"email": "new@example.org", "password": "short"}, "password", "too short"),
        ("/sign-up", {"email": "new@example.org", "username": "balances"}, "username", "reserved"),
        ("/sign-up", {"email": "new@example.org", "username": "ann bell"}, "username", "Use 3 to 30"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field_and_the_rest_is_kept(browser, ann, path, fields, field, words):
    response = browser.post(path, CREDENTIALS | fields)
    assert response.status_code == 400
    errors = response.context["form"].errors
    assert any(words in message for message in errors[field or "__all__"]), errors
    assert PASSWORD not in response.content.decode()
    assert not AuthSession.objects.exists()
    assert User.objects.count() == 1


def test_who_is_banned_is_told_so(browser, ann):
    User.objects.update(banned_until=timezone.now() + timedelta(days=1))
    response = browser.post("/sign-in", CREDENTIALS)
    assert response.status_code == 400
    assert "banned until" in response.content.decode()
    assert not is_signed_in(browser)


@pytest.mark.parametrize("path", ["/sign-in", "/sign-up"])
def test_who_is_signed_in_is_led_on(signed_in, path):
    response = signed_in.get(path, {"next": "/somewhere"})
    assert (response.status_code, response.headers["Location"]) == (302, "/somewhere")


# --- next -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "leads_to"),
    [
        ("/characters/x?y=1#z", "/characters/x?y=1#z"),
        ("", None),
        ("https://example.org/", None),
        ("//example.org/", None),
        ("///example.org/", None),
        ("http:///example.org", None),
        ("/\\example.org", None),
        ("javascript:alert(1)", None),
        ("http://testserver/inside", "http://testserver/inside"),
    ],
)
def test_next_leads_nowhere_but_inside(browser, ann, where, leads_to):
    response = browser.post("/sign-in", CREDENTIALS | {"next": where})
    assert response.headers["Location"] == (leads_to or reverse("discover"))


def test_next_stays_in_the_form_and_an_outside_one_does_not(browser):
    assert 'value="/chats"' in browser.get("/sign-in?next=/chats").content.decode()
    assert "example.org" not in browser.get("/sign-in?next=//example.org").content.decode()


# --- limits -----------------------------------------------------------------------------------------------------------


def test_tries_are_limited(browser, ann, settings):
    settings.RATE_LIMIT_FACTOR = 1
    for _ in range(10):
        browser.post("/sign-in", CREDENTIALS | {"password": "another-password"})
    response = browser.post("/sign-in", CREDENTIALS)
    assert response.status_code == 429
    assert not is_signed_in(browser)


def test_looking_at_the_form_is_no_try(browser, ann, settings):
    settings.RATE_LIMIT_FACTOR = 0.2
    for _ in range(5):
        browser.get("/sign-in")
    assert browser.post("/sign-in", CREDENTIALS).status_code == 302


def test_nobody_signs_in_while_tries_can_not_be_counted(browser, ann, redis_away):
    assert browser.post("/sign-in", CREDENTIALS).status_code == 503


# --- CSRF -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/sign-in", "/sign-up", "/sign-out"])
def test_a_form_from_elsewhere_is_refused(strict_browser, ann, path):
    assert strict_browser.post(path, CREDENTIALS).status_code == 403
    assert not AuthSession.objects.exists()


def test_our_own_form_works_without_javascript(strict_browser, ann):
    token = csrf_of(strict_browser.get("/sign-in"))
    assert strict_browser.post("/sign-in", CREDENTIALS | {"csrfmiddlewaretoken": token}).status_code == 302


def test_a_write_to_the_api_by_cookie_needs_the_csrf_token(strict_browser, ann, settings):
    token = csrf_of(strict_browser.get("/sign-in"))
    strict_browser.post("/sign-in", CREDENTIALS | {"csrfmiddlewaretoken": token})
    assert strict_browser.get("/api/auth/me").status_code == 200
    refused = strict_browser.post("/api/auth/me", {}, content_type="application/json")
    assert problem(refused) == (403, "FORBIDDEN")
    csrf = strict_browser.cookies["csrftoken"].value
    known = strict_browser.post("/api/auth/me", {}, content_type="application/json", headers={"X-CSRFToken": csrf})
    assert problem(known) == (405, "METHOD_NOT_ALLOWED")


# --- out --------------------------------------------------------------------------------------------------------------


@commits
def test_signing_out_ends_the_session_behind_the_cookie(signed_in):
    cookie = signed_in.cookies[settings.SESSION_COOKIE_NAME].value
    assert is_signed_in(signed_in)
    response = signed_in.post("/sign-out")
    assert (response.status_code, response.headers["Location"]) == (302, reverse("discover"))
    assert AuthSession.objects.get().end_reason == "signout"
    signed_in.cookies[settings.SESSION_COOKIE_NAME] = cookie
    assert not is_signed_in(signed_in)


def test_signing_out_is_a_post(signed_in):
    assert signed_in.get("/sign-out").status_code == 405
    assert is_signed_in(signed_in)


def test_who_is_not_signed_in_may_sign_out(browser):
    assert browser.post("/sign-out").status_code == 302


# --- the cookie -------------------------------------------------------------------------------------------------------


@commits
def test_a_session_that_was_ended_elsewhere_is_felt_at_once(signed_in, ann):
    assert is_signed_in(signed_in)
    services.end_sessions_of(user_id=ann.pk, reason="ban")
    assert signed_in.get("/sign-in").status_code == 200  # not led on: a stranger again
    assert settings.SESSION_COOKIE_NAME in signed_in.cookies
    assert signed_in.cookies[settings.SESSION_COOKIE_NAME].value == ""
    assert not is_signed_in(signed_in)


@commits
def test_an_ended_session_is_refused_by_the_api_too(signed_in, ann):
    services.end_sessions_of(user_id=ann.pk, reason="ban")
    assert problem(signed_in.get("/api/auth/me")) == (401, "UNAUTHENTICATED")


def test_a_session_lives_on_while_redis_is_away(signed_in, monkeypatch, redis_away):
    assert is_signed_in(signed_in)


def test_a_session_lives_on_after_redis_was_emptied(signed_in):
    redis.client().flushdb()
    assert is_signed_in(signed_in)


def test_a_django_session_without_one_of_ours_is_nobodys(signed_in):
    session = signed_in.session
    del session["auth_session"]
    session.save()
    assert not is_signed_in(signed_in)
    assert signed_in.get("/sign-in").status_code == 200


@pytest.mark.parametrize(
    "cookie", ["x", "x" * 5000, '"\\000"', '"abcdefgh12345678abcdefgh1234567\\000"', "é" * 32, "../x"]
)
def test_an_odd_cookie_is_nobodys(cookie):
    browser = Client(headers={"Cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}"})
    assert browser.get("/sign-in").status_code == 200
    assert problem(browser.get("/api/auth/me")) == (401, "UNAUTHENTICATED")


def test_the_api_knows_who_calls_by_cookie_without_loading_them(signed_in, ann, django_assert_num_queries, monkeypatch):
    monkeypatch.setattr("accounts.registry._me_parts", {})
    signed_in.get("/api/auth/me")
    with django_assert_num_queries(1):  # the person, whom `me` shows
        signed_in.get("/api/auth/me")


@commits
def test_a_socket_is_identified_by_the_cookie_while_its_session_lives(signed_in, ann):
    key = signed_in.cookies[settings.SESSION_COOKIE_NAME].value
    claims = realtime.identify_web_session(key)
    assert claims.user_id == ann.pk
    assert claims.session_id == AuthSession.objects.get().pk
    services.end_session(session_id=claims.session_id, reason="signout")
    assert realtime.identify_web_session(key) is None
    assert realtime.identify_web_session("nobody" * 6) is None
    assert realtime.identify_web_session("\x00" * 32) is None

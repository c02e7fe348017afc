"""`POST /api/auth/login`."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import AuthSession, User
from tests.accounts.conftest import PASSWORD, Api, problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(make_user):
    return make_user(PASSWORD, email="Ann@example.org")


def body(**fields):
    return {"email": "ann@example.org", "password": PASSWORD} | fields


@pytest.mark.parametrize("email", ["Ann@example.org", "ann@example.org", " ANN@EXAMPLE.ORG "])
def test_the_right_password_opens_a_session_in_any_case_of_the_address(api, ann, email):
    response = api.post("login", body(email=email))
    assert response.status_code == 200
    assert set(response.json()) == {"user", "access", "refresh"}
    assert Api(response.json()["access"]).get("me").json()["user"]["email"] == "Ann@example.org"
    assert User.objects.get().last_seen_at is not None


def test_a_second_factor_is_accepted_while_nobody_has_one(api, ann):
    assert api.post("login", body(code="123456")).status_code == 200


@pytest.mark.parametrize(("field", "value"), [("code", 123456), ("code", "1" * 33), ("email", "x"), ("more", 1)])
def test_a_wrong_field_is_named(api, ann, field, value):
    response = api.post("login", body(**{field: value}))
    assert problem(response) == (400, "VALIDATION_ERROR")
    assert list(response.json()["errors"]) == [field]


def test_an_unknown_address_and_a_wrong_password_are_told_alike(api, ann):
    wrong = api.post("login", body(password="another-password"))
    unknown = api.post("login", body(email="nobody@example.org"))
    assert problem(wrong) == problem(unknown) == (401, "UNAUTHENTICATED")
    assert wrong.json()["detail"] == unknown.json()["detail"]
    assert wrong.headers["WWW-Authenticate"] == unknown.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    assert not AuthSession.objects.exists()


@pytest.mark.parametrize("fields", [{"is_active": False}, {"deleted_at": timezone.now() - timedelta(days=30)}])
def test_who_is_closed_or_left_a_month_ago_is_unknown(api, ann, fields):
    User.objects.update(**fields)
    assert problem(api.post("login", body())) == (401, "UNAUTHENTICATED")


def test_who_is_banned_is_told_so_after_the_right_password_only(api, ann):
    User.objects.update(banned_until=timezone.now() + timedelta(days=1))
    assert problem(api.post("login", body())) == (403, "BANNED")
    assert problem(api.post("login", body(password="another-password"))) == (401, "UNAUTHENTICATED")
    assert not AuthSession.objects.exists()


def test_a_ban_that_is_over_keeps_nobody_out(api, ann):
    User.objects.update(banned_until=timezone.now() - timedelta(seconds=1))
    assert api.post("login", body()).status_code == 200


def test_tries_are_limited_by_address(api, ann, settings):
    settings.RATE_LIMIT_FACTOR = 1
    for number in range(10):
        response = api.post("login", {"email": f"someone{number}@example.org", "password": ""})
        assert response.status_code in {400, 429}
    assert response.headers["X-RateLimit-Limit"] == "10"
    refused = api.post("login", body())
    assert problem(refused) == (429, "RATE_LIMIT_EXCEEDED")
    assert refused.json()["bucket"] == "auth"


def test_tries_on_one_account_are_limited_wherever_they_come_from(ann, settings):
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    settings.RATE_LIMIT_FACTOR = 0.2  # two tries
    statuses = [
        Api().post("login", body(email=email), **{"X-Forwarded-For": f"192.0.2.{number}"})
        for number, email in enumerate(["ann@example.org", "ANN@example.org", "ann@EXAMPLE.org", "bob@example.org"])
    ]
    assert [response.status_code for response in statuses] == [200, 200, 429, 401]
    refused = statuses[2]
    assert refused.json()["bucket"] == "auth"
    assert refused.headers["Retry-After"] == str(refused.json()["retry_after"])
    assert refused.headers["X-RateLimit-Remaining"] == "0"


def test_nobody_signs_in_while_tries_can_not_be_counted(api, ann, redis_away):
    assert problem(api.post("login", body())) == (503, "NOT_READY")


def test_signing_in_takes_a_fixed_number_of_queries(api, ann, django_assert_num_queries):
    # the person, factors, savepoint, seen, devices, session, organisation, release; and their plan, which is then kept
    with django_assert_num_queries(8 + 2):
        assert api.post("login", body()).status_code == 200

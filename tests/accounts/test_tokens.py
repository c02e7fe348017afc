"""Access and refresh tokens: what is in them, and which are refused."""

import time
import uuid
from datetime import timedelta

import jwt
import pytest
from django.conf import settings

from accounts.tokens import AccessToken, Claims, RefreshToken, read_access, read_refresh
from common.errors import Unauthenticated
from tests.accounts.conftest import Api, problem

CLAIMS = Claims(uuid.uuid4(), uuid.uuid4(), uuid.uuid4(), "creator")


def signed(key=None, algorithm="HS256", without=(), **changes):
    payload = AccessToken.for_claims(CLAIMS).payload | {"iss": settings.SERVICE_NAME} | changes
    return jwt.encode(
        {name: value for name, value in payload.items() if name not in without},
        settings.JWT_SECRET if key is None else key,
        algorithm=algorithm,
    )


def refusal(token, read=read_access):
    with pytest.raises(Unauthenticated) as caught:
        read(token)
    return caught.value.code


def test_an_access_token_carries_the_claims():
    assert read_access(str(AccessToken.for_claims(CLAIMS))) == CLAIMS


def test_an_access_token_holds_these_claims_and_no_address():
    payload = jwt.decode(str(AccessToken.for_claims(CLAIMS)), options={"verify_signature": False})
    assert set(payload) == {"sub", "sid", "org", "role", "jti", "token_type", "iss", "iat", "exp"}
    assert payload["exp"] - payload["iat"] == settings.ACCESS_TOKEN_LIFETIME.total_seconds()


def test_a_refresh_token_carries_its_session_and_its_own_id():
    token = RefreshToken.for_session(CLAIMS.session_id, CLAIMS.user_id)
    read = read_refresh(str(token))
    assert (read.session_id, read.token_id) == (CLAIMS.session_id, token["jti"])


def test_a_token_past_its_time_is_expired():
    token = AccessToken.for_claims(CLAIMS)
    token.set_exp(lifetime=timedelta(seconds=-1))
    assert refusal(str(token)) == "TOKEN_EXPIRED"


def test_a_forged_token_is_forged_even_when_it_has_expired():
    assert refusal(signed(key="x" * 40, exp=int(time.time()) - 10)) == "UNAUTHENTICATED"


GARBAGE = [
    "", ".", "..", "a.b.c", "not a token", "x" * 100_000, "é.ü.ß", "\ud800", "\x00", "null", "eyJhbGciOiJIUzI1NiJ9..",
]  # fmt: skip


@pytest.mark.parametrize("token", GARBAGE)
@pytest.mark.parametrize("read", [read_access, read_refresh])
def test_garbage_is_refused(token, read):
    assert refusal(token, read) == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(lambda: signed(key="x" * 40), id="another key"),
        pytest.param(lambda: signed(key="", algorithm="none"), id="no algorithm"),
        pytest.param(lambda: signed(algorithm="HS512"), id="another algorithm"),
        pytest.param(lambda: signed(iss="somebody"), id="another issuer"),
        pytest.param(lambda: signed(without=["iss"]), id="no issuer"),
        pytest.param(lambda: signed(without=["exp"]), id="no end"),
        pytest.param(lambda: signed(exp="tomorrow"), id="an odd end"),
        pytest.param(lambda: signed(without=["jti"]), id="no id"),
        pytest.param(lambda: signed(without=["token_type"]), id="no type"),
        pytest.param(lambda: signed(token_type="refresh"), id="another type"),
        pytest.param(lambda: signed(without=["sid"]), id="no session"),
        pytest.param(lambda: signed(sid="x"), id="an odd session"),
        pytest.param(lambda: signed(sid=5), id="a numeric session"),
        pytest.param(lambda: signed(sub="x"), id="an odd subject"),
        pytest.param(lambda: signed(without=["org"]), id="no organisation"),
        pytest.param(lambda: signed(without=["role"]), id="no role"),
        pytest.param(lambda: signed(nbf=int(time.time()) + 60), id="not yet"),
        pytest.param(lambda: signed()[:-2], id="cut off"),
        pytest.param(lambda: str(RefreshToken.for_session(CLAIMS.session_id, CLAIMS.user_id)), id="a refresh token"),
    ],
)
def test_a_token_that_is_not_an_access_token_of_ours_is_refused(token):
    assert refusal(token()) == "UNAUTHENTICATED"


def test_an_access_token_refreshes_nothing():
    assert refusal(str(AccessToken.for_claims(CLAIMS)), read_refresh) == "UNAUTHENTICATED"


def test_reading_a_token_is_cheap():
    token = str(AccessToken.for_claims(CLAIMS))
    started = time.perf_counter()
    for _ in range(500):
        read_access(token)
    assert (time.perf_counter() - started) / 500 < 0.0005  # it takes a tenth of this on an idle machine


# --- over HTTP --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["me", "profile"])
def test_a_person_is_told_who_they_are(person, path):
    answer = person.api.get(path).json()
    assert set(answer) >= {"user", "wallet", "subscription", "limits"}
    assert answer["user"]["id"] == str(person.user.pk)
    assert answer["user"]["email"] == person.user.email


@pytest.mark.django_db
def test_me_takes_one_query_beside_what_other_apps_add(person, django_assert_num_queries, monkeypatch):
    monkeypatch.setattr("accounts.registry._me_parts", {"wallet": lambda user, organization_id: {"total": "0"}})
    assert person.api.get("me").status_code == 200  # the session is remembered from here on
    with django_assert_num_queries(1):
        assert person.api.get("me").json()["wallet"] == {"total": "0"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer x", "Bearer \x80", "Bearer a b", "Basic YTpi", "Token x", "x"]
)
def test_without_a_token_of_ours_one_is_asked_to_sign_in(header):
    response = Api(Authorization=header).get("me")
    assert problem(response) == (401, "UNAUTHENTICATED")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.django_db
def test_an_expired_token_says_so(person):
    token = AccessToken.for_claims(read_access(person.token))
    token.set_exp(lifetime=timedelta(seconds=-1))
    assert problem(Api(str(token)).get("me")) == (401, "TOKEN_EXPIRED")


@pytest.mark.django_db
def test_a_refresh_token_opens_no_door(person):
    assert problem(Api(person.refresh).get("me")) == (401, "UNAUTHENTICATED")


@pytest.mark.django_db
def test_a_true_token_of_a_session_that_never_was_is_refused():
    assert problem(Api(signed()).get("me")) == (401, "UNAUTHENTICATED")


@pytest.mark.django_db
def test_the_scheme_is_read_in_any_case_of_letters(person):
    assert Api(Authorization=f"bearer {person.token}").get("me").status_code == 200

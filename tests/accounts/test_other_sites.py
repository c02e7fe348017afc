"""Signing in by other sites over the API: there and back, with the real code of each against a real server."""

from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.core import signing
from django.utils import timezone

from accounts.models import AuthSession, MailKey, User
from accounts.services import oauth_state
from common.models import OutgoingMail
from tests.accounts.conftest import Api, problem
from tests.accounts.elsewhere import BACK, SITES, STORED, WITH_ADDRESS
from tests.hostile.conftest import unchanged
from tests.standins.identity_server import CLIENT_ID, NILS, SECRET, UMA, VERA, VICTOR

pytestmark = pytest.mark.django_db
sites = pytest.mark.parametrize("provider", SITES)
with_address = pytest.mark.parametrize("provider", WITH_ADDRESS)


def follow_link(row):
    """What the page behind a mailed link does."""
    from common.keys import seal

    link = OutgoingMail.objects.get(link__row_id=str(row.pk)).link
    return Api().post("callback", {"key": seal(link["purpose"], row.pk)})


# --- there ------------------------------------------------------------------------------------------------------------


@sites
def test_the_way_there_has_a_state_of_ours_and_a_challenge(program, identity, provider):
    started = program.start(provider)
    address = urlsplit(started["authorize_url"])
    query = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert f"{address.scheme}://{address.netloc}" == identity.url
    assert (query["client_id"], query["redirect_uri"], query["response_type"]) == (CLIENT_ID, BACK, "code")
    assert query["state"] == started["state"]
    assert len(query["state"]) < 500  # what X takes
    assert query["code_challenge_method"] == "S256"
    assert query["code_challenge"] == oauth_state.challenge_of(started["code_verifier"])
    assert started["code_verifier"] not in started["authorize_url"]
    assert started["code_verifier"] not in started["state"]
    assert ("nonce" in query) is (provider in ("google", "local"))


def test_every_sign_in_is_another(program):
    first, second = program.start("google"), program.start("google")
    assert not set(first.values()) & set(second.values())


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:8000/", "http://127.0.0.1:8000/deep/down?tab=1", "https://app.example.org/back",
        "https://APP.example.org:443/back", "https://front.example.org:8443/", "stage://signed-in",
    ],
)  # fmt: skip
def test_people_come_back_to_our_own_addresses(program, settings, address):
    settings.FRONTEND_URL = "https://app.example.org"
    settings.CORS_ALLOWED_ORIGINS = ["https://front.example.org:8443"]
    settings.OAUTH_REDIRECT_URIS = ["stage://signed-in"]
    assert program.start("google", address)


@pytest.mark.parametrize(
    "address",
    [
        "", "/", "back", "https://evil.example/", "http://127.0.0.1:8001/", "https://127.0.0.1:8000/",
        "//127.0.0.1:8000/",
        "http://127.0.0.1:8000@evil.example/", "http://evil.example@127.0.0.1:8000/", "http://127.0.0.1:8000.evil.example/",
        "http://127.0.0.1:8000\\@evil.example/", "http://127.0.0.1:80%2500/", "http://127.0.0.1:99999999/", "http://[::1",
        "javascript:alert(1)", "stage://signed-in/more", "stage://Signed-in", "http://127.0.0.1:8000/%00",
        "http://127.0.0.1:8000/" + "x" * 1000, "http://127.0.0.1:8000/a%0d%0ab%20", "http://127.0.0.1:8000/é",
        "http://127.0.0.1:8000/%23part",
    ],
)  # fmt: skip
def test_people_are_sent_nowhere_else(program, settings, address):
    settings.OAUTH_REDIRECT_URIS = ["stage://signed-in"]
    response = program.api.client.get("/api/auth/oauth/google", {"redirect_uri": address.replace("%00", "\x00")})
    if "%0d" in address or address.endswith("%23part") or "%2500" in address:
        response = program.api.get(f"oauth/google?redirect_uri={address}")
    assert problem(response) == (400, "VALIDATION_ERROR")
    assert response.json()["errors"].keys() == {"redirect_uri"}


@pytest.mark.parametrize("path", ["oauth/google", "oauth/myspace", "oauth/twitter_oauth2", "oauth/%00", "oauth/é"])
def test_a_site_without_keys_is_not_there(api, db, settings, path):
    settings.SIGN_IN_PROVIDERS = {}
    settings.RATE_LIMIT_FACTOR = 1000
    response = api.get(f"{path}?redirect_uri={BACK}")
    assert problem(response) == (404, "NOT_FOUND")
    assert "CLIENT_ID" not in response.json()["detail"]
    body = dict.fromkeys(("code", "state", "redirect_uri", "code_verifier"), "x") | {"provider": "google"}
    assert problem(api.post("oauth-callback", body)) == (404, "NOT_FOUND")
    assert problem(api.post("google/verify", {"credential": "x"})) == (404, "NOT_FOUND")


def test_in_development_it_says_which_variables_it_lacks(api, db, settings):
    settings.SIGN_IN_PROVIDERS, settings.ENVIRONMENT = {}, "development"
    detail = api.get(f"oauth/google?redirect_uri={BACK}").json()["detail"]
    assert "GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET" in detail


# --- and back ---------------------------------------------------------------------------------------------------------


@with_address
def test_a_new_person_with_a_verified_address_gets_an_account(program, provider):
    response = program.sign_in(provider, VERA)
    assert response.status_code == 200, response.content
    assert "no-store" in response.headers["Cache-Control"]
    user = User.objects.get()
    assert (user.email, user.email_verified, user.has_usable_password()) == (VERA.email, True, False)
    assert user.username.startswith("guest-")  # what they are called elsewhere is theirs to tell
    assert user.display_name == ""
    account = SocialAccount.objects.get()
    assert (account.user, account.provider) == (user, STORED[provider])
    assert set(account.extra_data) == {"label"}
    assert not SocialToken.objects.exists()
    assert AuthSession.objects.get().method == provider
    body = response.json()
    assert body["user"]["id"] == str(user.pk)
    assert Api(body["access"]).get("me").status_code == 200


@with_address
def test_who_comes_again_is_the_same_person(program, provider):
    first = program.sign_in(provider, VERA).json()["user"]
    User.objects.update(email="elsewhere@example.org")  # an address may change, the identity stays
    assert program.sign_in(provider, VERA).json()["user"]["id"] == first["id"]
    assert (User.objects.count(), SocialAccount.objects.count(), AuthSession.objects.count()) == (1, 1, 2)


def test_two_people_are_two(program):
    one, other = program.sign_in("google", VERA).json(), program.sign_in("google", VICTOR).json()
    assert one["user"]["id"] != other["user"]["id"]


def test_one_person_may_come_by_every_site_that_vouches_for_the_address(program):
    ids = {program.sign_in(provider, VERA).json()["user"]["id"] for provider in WITH_ADDRESS}
    assert len(ids) == 1
    assert SocialAccount.objects.count() == 3


def test_a_client_by_a_basic_header_is_what_x_asks_for(program, identity):
    program.sign_in("twitter", NILS)
    (call,) = [call for call in identity.calls if call.path == "/2/oauth2/token"]
    assert call.authorization.startswith("Basic ")
    assert "client_secret" not in call.fields
    (call,) = [call for call in identity.calls if call.path == "/2/users/me"]
    assert "username" in call.fields["user.fields"]


def test_the_secret_goes_to_the_site_alone(program, identity):
    body = program.body("google", VERA)
    assert SECRET not in str(body)
    program.finish(body)
    (call,) = [call for call in identity.calls if call.path == "/token"]
    assert call.fields["client_secret"] == SECRET
    assert call.fields["code_verifier"] == body["code_verifier"]


# --- refusals ---------------------------------------------------------------------------------------------------------


def refused(response, field):
    assert problem(response) == (400, "VALIDATION_ERROR"), response.content
    assert field in response.json()["errors"]


@sites
def test_a_state_is_good_once(program, provider):
    body = program.body(provider, VERA)
    program.finish(body)
    with unchanged():
        refused(program.finish(body), "state")


@sites
def test_a_code_is_good_once(program, identity, provider):
    body = program.body(provider, VERA)
    program.finish(body)
    started = program.start(provider)
    fresh = body | {"state": started["state"], "code_verifier": started["code_verifier"]}
    with unchanged():
        refused(program.finish(fresh), "code")
    assert [call for call in identity.calls if call.fields.get("code") == body["code"]]


@pytest.mark.parametrize(
    "change",
    [
        {"state": "x"}, {"state": ""}, {"state": "a:b:c"}, {"state": "é:1:x"}, {"code_verifier": "x" * 64},
        {"redirect_uri": "http://127.0.0.1:8000/another"}, {"provider": "discord"}, {"provider": "local"},
    ],
)  # fmt: skip
def test_a_state_is_for_one_site_one_address_and_one_caller(program, identity, change):
    body = program.body("google", VERA)
    identity.calls.clear()
    with unchanged():
        refused(program.finish(body | change), "state")
    assert not identity.calls  # nobody was asked
    if "state" not in change:
        assert program.finish(body).status_code == 200  # and nothing was used up


def test_a_state_signed_for_something_else_is_none(program):
    body = program.body("google", VERA)
    forged = signing.TimestampSigner(salt="something else").sign("x")
    with unchanged():
        refused(program.finish(body | {"state": forged}), "state")


def test_a_state_lives_ten_minutes(program, monkeypatch):
    import time

    body = program.body("google", VERA)
    now = time.time()
    monkeypatch.setattr("django.core.signing.time.time", lambda: now + oauth_state.LIFETIME + 1)
    with unchanged():
        refused(program.finish(body), "state")


def test_a_code_of_somebody_elses_sign_in_is_refused(program):
    """Code injection: the code belongs to another challenge."""
    stolen, own = program.body("google", VERA), program.body("google", VICTOR)
    with unchanged():
        refused(program.finish(own | {"code": stolen["code"]}), "code")


def test_who_turned_back_has_no_code(program):
    with unchanged():
        refused(program.finish(program.body("google", None)), "code")


@pytest.mark.parametrize("field", ["provider", "code", "state", "redirect_uri", "code_verifier"])
def test_every_field_is_needed(program, field):
    body = program.body("google", VERA)
    del body[field]
    with unchanged():
        refused(program.finish(body), field)


def test_no_door_opens_while_uses_can_not_be_counted(program, redis_away, monkeypatch):
    from common import redis

    body = dict.fromkeys(("code", "state", "redirect_uri", "code_verifier"), "x") | {"provider": "google"}

    def away(*_):
        raise redis.RedisError

    monkeypatch.setattr(redis, "ask", away)
    for response in (
        program.api.get(f"oauth/google?redirect_uri={BACK}"),
        program.finish(body),
        program.api.post("google/verify", {"credential": "x"}),
        program.api.post("oauth-complete", {"key": "x", "email": "a@example.org"}),
    ):
        assert problem(response) == (503, "NOT_READY")


def test_tries_are_limited(program, settings):
    settings.RATE_LIMIT_FACTOR = 1
    answers = [program.api.get(f"oauth/google?redirect_uri={BACK}").status_code for _ in range(12)]
    assert answers == [200] * 10 + [429] * 2


# --- without an address -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "person"), [("twitter", VERA), ("local", NILS), ("google", UMA), ("discord", UMA)]
)
def test_who_has_no_verified_address_is_asked_for_one(program, provider, person):
    with unchanged():
        response = program.sign_in(provider, person)
    assert response.status_code == 202
    body = response.json()
    assert body["pending"] == "email"
    assert body["email"] == ("" if provider == "twitter" else person.email)
    asked = program.api.post("oauth-complete", {"key": body["key"], "email": "new@example.org"})
    assert asked.status_code == 202
    assert not User.objects.exists()
    row = MailKey.objects.get()
    assert (row.kind, row.email, row.user) == ("oauth_sign_up", "new@example.org", None)
    mail = OutgoingMail.objects.get()
    assert (mail.kind, mail.to) == ("oauth_confirm", "new@example.org")

    followed = follow_link(row)
    assert followed.status_code == 200, followed.content
    user = User.objects.get()
    assert (user.email, user.email_verified, user.has_usable_password()) == ("new@example.org", True, False)
    assert SocialAccount.objects.get().provider == STORED[provider]
    assert AuthSession.objects.get().method == provider
    assert program.sign_in(provider, person).json()["user"]["id"] == str(user.pk)


@pytest.fixture
def pending(program):
    return program.sign_in("twitter", NILS).json()["key"]


def test_the_answer_does_not_tell_whether_an_address_has_an_account(program, pending, make_user):
    make_user(email="known@example.org", email_verified=True)
    known = program.api.post("oauth-complete", {"key": pending, "email": "Known@example.org"})
    unknown = program.api.post("oauth-complete", {"key": pending, "email": "unknown@example.org"})
    assert (known.status_code, known.json()) == (unknown.status_code, unknown.json())
    assert OutgoingMail.objects.filter(kind="oauth_confirm").count() == 2


def test_a_link_connects_nothing_to_an_account_that_is_there(program, pending, make_user):
    """Whoever asked may be a stranger who hopes that the owner of the address presses the button."""
    make_user(email="known@example.org", email_verified=True)
    program.api.post("oauth-complete", {"key": pending, "email": "known@example.org"})
    with unchanged():
        assert problem(follow_link(MailKey.objects.get())) == (409, "CONFLICT")
    assert not SocialAccount.objects.exists()


def test_of_two_links_for_one_identity_the_first_makes_the_account(program, pending):
    for email in ("one@example.org", "two@example.org"):
        program.api.post("oauth-complete", {"key": pending, "email": email})
    first, second = MailKey.objects.order_by("pk")
    assert follow_link(second).status_code == 200
    with unchanged():
        assert problem(follow_link(first)) == (409, "CONFLICT")
    assert User.objects.get().email == "two@example.org"
    with unchanged():
        late = program.api.post("oauth-complete", {"key": pending, "email": "three@example.org"})
        assert problem(late) == (409, "CONFLICT")


def test_a_link_is_good_once(program, pending):
    program.api.post("oauth-complete", {"key": pending, "email": "one@example.org"})
    row = MailKey.objects.get()
    assert follow_link(row).status_code == 200
    with unchanged():
        assert problem(follow_link(row)) == (410, "GONE")


@pytest.mark.parametrize("key", ["x", "", "é", "x" * 2000, "e30:1a:x", '{"provider": "google"}'])
def test_a_key_that_is_not_ours_is_refused(program, key):
    with unchanged():
        response = program.api.post("oauth-complete", {"key": key, "email": "one@example.org"})
        assert problem(response) == ((401, "UNAUTHENTICATED") if key else (400, "VALIDATION_ERROR"))


def test_a_key_lives_half_an_hour(program, pending, monkeypatch):
    now = timezone.now().timestamp()
    monkeypatch.setattr("django.core.signing.time.time", lambda: now + 1801)
    with unchanged():
        response = program.api.post("oauth-complete", {"key": pending, "email": "one@example.org"})
        assert problem(response) == (401, "UNAUTHENTICATED")


def test_an_address_is_mailed_to_only_so_often(program, pending, settings):
    settings.RATE_LIMIT_FACTOR = 1
    answers = [
        program.api.post("oauth-complete", {"key": pending, "email": "one@example.org"}, **{"X-Forwarded-For": "x"})
        for _ in range(11)
    ]
    assert answers[-1].status_code == 429
    assert OutgoingMail.objects.count() <= 10


# --- Google's own button ----------------------------------------------------------------------------------------------


def test_googles_credential_signs_in(program, identity):
    response = program.api.post("google/verify", {"credential": identity.credential(VERA)})
    assert response.status_code == 200
    assert User.objects.get().email == VERA.email
    again = program.api.post("google/verify", {"credential": identity.credential(VERA)})
    assert again.json()["user"]["id"] == response.json()["user"]["id"]
    assert program.sign_in("google", VERA).json()["user"]["id"] == response.json()["user"]["id"]


def test_a_credential_is_good_once(program, identity):
    credential = identity.credential(VERA)
    program.api.post("google/verify", {"credential": credential})
    with unchanged():
        assert problem(program.api.post("google/verify", {"credential": credential})) == (401, "UNAUTHENTICATED")


def test_an_unverified_credential_is_asked_for_an_address(program, identity):
    with unchanged():
        response = program.api.post("google/verify", {"credential": identity.credential(UMA)})
    assert (response.status_code, response.json()["pending"]) == (202, "email")


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"}, {"aud": "another-site"}, {"aud": ["another-site"]}, {"exp": 1}, {"exp": None},
        {"iat": 9_999_999_999}, {"iat": None}, {"sub": None}, {"sub": 5}, {"iss": None}, {"aud": None}, {"exp": "soon"},
    ],
)  # fmt: skip
def test_a_credential_for_another_site_or_time_is_refused(program, identity, claims):
    identity.change = lambda real: {name: value for name, value in (real | claims).items() if value is not None}
    with unchanged():
        response = program.api.post("google/verify", {"credential": identity.credential(VERA)})
        assert problem(response) == (401, "UNAUTHENTICATED")


def test_googles_older_name_is_its_own(program, identity):
    credential = identity.credential(VERA, iss="accounts.google.com")
    assert program.api.post("google/verify", {"credential": credential}).status_code == 200


def test_a_credential_signed_by_somebody_else_is_refused(program, identity):
    import jwt
    from cryptography.hazmat.primitives import serialization

    claims = jwt.decode(identity.credential(VERA), options={"verify_signature": False})
    public = identity.key._private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    same_name = type(identity.key)(identity.key.kid)
    forged = [
        identity.other_key.sign(claims),  # a key that Google does not show
        same_name.sign(claims),
        jwt.encode(claims, None, algorithm="none", headers={"kid": identity.key.kid}),
        _hmac_signed(claims, public, identity.key.kid),
        jwt.encode(claims, identity.key._private, algorithm="RS256"),  # without a key's name
        jwt.encode(claims, identity.key._private, algorithm="RS512", headers={"kid": identity.key.kid}),
    ]
    for credential in forged:
        with unchanged():
            response = program.api.post("google/verify", {"credential": credential})
            assert problem(response) == (401, "UNAUTHENTICATED")


def _hmac_signed(claims, secret, kid):
    """The old trick: the public key as the secret of a symmetric signature."""
    import base64
    import hashlib
    import hmac
    import json

    def part(data):
        return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=")

    signed = part({"alg": "HS256", "typ": "JWT", "kid": kid}) + b"." + part(claims)
    signature = base64.urlsafe_b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).rstrip(b"=")
    return (signed + b"." + signature).decode()


@pytest.mark.parametrize("credential", ["x", "a.b.c", "é", "..", "x" * 8000, "eyJhbGciOiJSUzI1NiJ9.e30.x"])
def test_what_is_no_token_is_refused(program, credential):
    with unchanged():
        assert problem(program.api.post("google/verify", {"credential": credential})) == (401, "UNAUTHENTICATED")

"""The local identity provider keeps the rules of OAuth 2, PKCE and OpenID Connect, and stays out of production."""

import base64
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest

from stack import ROOT
from stack.identity import Client, IdentityServer
from stack.identity.dialects import DIALECTS
from stack.identity.grants import CODE_SECONDS
from stack.identity.people import PEOPLE

BACK, SECRET = "http://127.0.0.1:9/back", "between two servers"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
PLAIN, GOOGLE, DISCORD, X = DIALECTS
every_dialect = pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)


@pytest.fixture(scope="module")
def server() -> Iterator[IdentityServer]:
    with IdentityServer([Client("one", SECRET, (BACK,)), Client("other", SECRET, (f"{BACK}*",))]) as server:
        yield server


@pytest.fixture
def http(server: IdentityServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        yield client


def asked(**changes: str | None) -> dict[str, str]:
    fields = {
        "response_type": "code", "client_id": "one", "redirect_uri": BACK, "scope": "openid email", "state": "s",
        "nonce": "n", "code_challenge": CHALLENGE, "code_challenge_method": "S256",
    }  # fmt: skip
    return {name: value for name, value in (fields | changes).items() if value is not None}


def returned(response: httpx.Response) -> dict[str, str]:
    assert response.status_code == 302, response.text
    return {name: values[0] for name, values in parse_qs(urlsplit(response.headers["Location"]).query).items()}


def code_of(http: httpx.Client, dialect=PLAIN, person=PEOPLE[0], **changes) -> str:
    return returned(http.post(dialect.authorize, data=asked(**changes) | {"person": person.sub}))["code"]


def exchange(http: httpx.Client, code: str, dialect=PLAIN, **changes) -> httpx.Response:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": VERIFIER}
    return http.post(dialect.token, data=form | changes, auth=("one", SECRET))


def test_it_says_where_everything_is(http, server):
    document = http.get("/.well-known/openid-configuration").json()
    assert document["issuer"] == server.url
    for name in ("authorization_endpoint", "jwks_uri"):
        assert http.get(document[name], params=asked()).status_code == 200
    assert http.get(document["userinfo_endpoint"]).status_code == 401
    assert http.post(document["token_endpoint"]).status_code == 401


@every_dialect
def test_the_whole_way(http, server, dialect):
    for person in PEOPLE:
        tokens = exchange(http, code_of(http, dialect, person), dialect).json()
        bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
        profile = http.get(dialect.profile_path, headers=bearer).json()
        assert profile == dialect.profile(person)
        assert ("id_token" in tokens) is (dialect.issuer is not None)


@pytest.mark.parametrize("dialect", [PLAIN, GOOGLE], ids=["plain", "google"])
def test_an_id_token_is_signed_with_a_key_it_shows(http, server, dialect):
    from cryptography import x509

    token = exchange(http, code_of(http, dialect), dialect).json()["id_token"]
    kid = jwt.get_unverified_header(token)["kid"]
    if dialect is GOOGLE:
        key = x509.load_pem_x509_certificate(http.get("/oauth2/v1/certs").json()[kid].encode()).public_key()
    else:
        key = jwt.PyJWKSet.from_dict(http.get("/jwks").json())[kid].key
    claims = jwt.decode(token, key, algorithms=["RS256"], audience="one", issuer=dialect.issuer or server.url)
    assert (claims["nonce"], claims["sub"], claims["email_verified"]) == ("n", PEOPLE[0].sub, True)


def test_the_page_names_everybody_and_runs_nothing_of_the_address(http):
    page = http.get(PLAIN.authorize, params=asked(state='"><script>alert(1)</script>')).text
    assert all(person.name in page for person in PEOPLE)
    assert "<script>" not in page


def test_who_turns_back_is_sent_back_without_a_code(http):
    assert returned(http.post(PLAIN.authorize, data=asked() | {"person": ""})) == {
        "error": "access_denied",
        "state": "s",
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"}, {"redirect_uri": "http://evil.example/"}, {"redirect_uri": f"{BACK}/deeper"},
        {"redirect_uri": None}, {"client_id": None},
    ],
)  # fmt: skip
def test_nobody_is_sent_to_an_address_nobody_registered(http, changes):
    for response in (
        http.get(PLAIN.authorize, params=asked(**changes)),
        http.post(PLAIN.authorize, data=asked(**changes)),
    ):
        assert response.status_code == 400
        assert "Location" not in response.headers


@pytest.mark.parametrize(
    ("dialect", "changes", "error"),
    [
        (PLAIN, {"response_type": "token"}, "unsupported_response_type"),
        (PLAIN, {"code_challenge_method": "plain"}, "invalid_request"),
        (X, {"code_challenge": None}, "invalid_request"),
    ],
)
def test_a_wrong_request_is_told_to_the_client(http, dialect, changes, error):
    assert returned(http.get(dialect.authorize, params=asked(**changes)))["error"] == error


def test_a_code_is_good_once_and_a_second_try_ends_its_tokens(http):
    code = code_of(http)
    bearer = {"Authorization": f"Bearer {exchange(http, code).json()['access_token']}"}
    assert http.get(PLAIN.profile_path, headers=bearer).status_code == 200
    again = exchange(http, code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert http.get(PLAIN.profile_path, headers=bearer).status_code == 401


@pytest.mark.parametrize(
    "changes",
    [{"code_verifier": "w" * 64}, {"code_verifier": ""}, {"redirect_uri": f"{BACK}x"}],
)
def test_a_code_is_for_who_began_and_for_where(http, changes):
    response = exchange(http, code_of(http), **changes)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_grant")


def test_an_unknown_code_is_refused(http):
    assert exchange(http, "unknown").json()["error"] == "invalid_grant"


def test_a_code_is_for_one_client(http):
    form = {"grant_type": "authorization_code", "code": code_of(http), "redirect_uri": BACK, "code_verifier": VERIFIER}
    response = http.post(PLAIN.token, data=form, auth=("other", SECRET))
    assert response.json()["error"] == "invalid_grant"


def test_a_code_lives_a_minute(http, monkeypatch):
    import time

    code, now = code_of(http), time.time()
    monkeypatch.setattr("stack.identity.grants.time.time", lambda: now + CODE_SECONDS + 1)
    assert exchange(http, code).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("auth", [("one", "wrong"), ("nobody", SECRET), ("", "")])
def test_a_client_has_to_prove_itself(http, auth):
    form = {"grant_type": "authorization_code", "code": code_of(http), "redirect_uri": BACK, "code_verifier": VERIFIER}
    assert http.post(PLAIN.token, data=form, auth=auth).status_code == 401
    posted = form | {"client_id": auth[0], "client_secret": auth[1]}
    assert http.post(PLAIN.token, data=posted).status_code == 401


def test_x_wants_the_client_in_the_header(http):
    form = {
        "grant_type": "authorization_code",
        "code": code_of(http, X),
        "redirect_uri": BACK,
        "code_verifier": VERIFIER,
    }
    posted = form | {"client_id": "one", "client_secret": SECRET}
    assert http.post(X.token, data=posted).status_code == 401


@pytest.mark.parametrize("body", [b"\xff\xfe", b"=", b"&&&", b"x" * 30_000])
def test_nonsense_is_answered(http, body):
    response = http.post(PLAIN.token, content=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert response.status_code in (401, 413)


def start(**environment: str) -> subprocess.CompletedProcess[str]:
    given = {
        "LOCAL_IDENTITY_URL": "http://127.0.0.1:18",
        "LOCAL_IDENTITY_SECRET": "x",
        "PUBLIC_URL": "http://127.0.0.1",
    }
    return subprocess.run(
        [sys.executable, "-m", "stack.identity"], cwd=ROOT, env={**os.environ, **given, **environment}, check=False,
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip


def test_it_never_starts_in_production():
    done = start(DJANGO_ENV="production")
    assert (done.returncode, "does not start in production" in done.stderr) == (1, True)


@pytest.mark.parametrize("address", ["http://0.0.0.0:8020", "http://192.0.2.7:8020", "http://127.0.0.1"])
def test_it_listens_on_this_machine_alone(address):
    done = start(DJANGO_ENV="development", LOCAL_IDENTITY_URL=address)
    assert (done.returncode, "127.0.0.1 alone" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("host", "environment", "expected"),
    [
        ("127.0.0.1", {}, True),
        ("127.0.0.1", {"DJANGO_ENV": "development"}, True),
        ("localhost", {}, True),
        ("192.0.2.7", {}, False),
        ("127.0.0.1", {"DJANGO_ENV": "test"}, False),
        ("127.0.0.1", {"DJANGO_ENV": "production"}, False),
        ("127.0.0.1", {"LOCAL_IDENTITY_URL": "http://127.0.0.1:9"}, False),
    ],
)
def test_a_run_brings_its_own_in_development_alone(monkeypatch, host, environment, expected):
    from stack import run
    from stack.processes import OWN_IDENTITY, commands

    names = ("DJANGO_ENV", "LOCAL_IDENTITY_URL", "LOCAL_IDENTITY_URL_FILE", "LOCAL_IDENTITY_SECRET", OWN_IDENTITY)
    for name in names:
        monkeypatch.setenv(name, "")  # so that it is put back afterwards
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    run._choose_identity(host)
    assert ("identity" in commands(host, 8000, reload=False)) is expected
    assert ("identity" in commands(host, 8000, reload=True)) is expected
    assert bool(os.environ.get("LOCAL_IDENTITY_SECRET")) is expected

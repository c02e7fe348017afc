"""Sites that are down, slow or wrong: a clear error each, nothing changed, nothing told."""

import io
import json
import logging
import time

import pytest

from tests.accounts.conftest import problem
from tests.accounts.elsewhere import SITES
from tests.hostile.conftest import unchanged
from tests.standins.identity_server import CLIENT_ID, SECRET, VERA

pytestmark = pytest.mark.django_db
TOKEN = {"google": "/token", "discord": "/api/oauth2/token", "twitter": "/2/oauth2/token", "local": "/oauth/token"}
PROFILE = {"discord": "/api/users/@me", "twitter": "/2/users/me", "local": "/userinfo"}
sites = pytest.mark.parametrize("provider", SITES)

WRONG = {
    "a server error": {"status": 500, "body": "{}"},
    "too many requests": {"status": 429, "body": "{}"},
    "a page": {"body": "<!doctype html><p>Hello", "content_type": "text/html"},
    "no JSON": {"body": '{"access_token": '},
    "a list": {"body": "[]"},
    "a text": {"body": '"access_token"'},
    "nothing": {"body": "{}"},
    "null": {"body": "null"},
    "a redirect": {"status": 302, "location": "/jwks"},
    "an error with a success": {"body": '{"error": "invalid_grant"}'},
    "a wrong client": {"status": 401, "body": '{"error": "invalid_client"}'},
}
wrong = pytest.mark.parametrize("fault", WRONG.values(), ids=WRONG)


def failed(response):
    assert problem(response) == (502, "PROVIDER_ERROR"), response.content
    assert "Nothing was changed" in response.json()["detail"]


@sites
@wrong
def test_a_wrong_answer_to_the_code(program, identity, provider, fault):
    body = program.body(provider, VERA)
    identity.fault(TOKEN[provider], **fault)
    with unchanged():
        failed(program.finish(body))


@pytest.mark.parametrize("provider", PROFILE)
@wrong
def test_a_wrong_answer_about_the_person(program, identity, provider, fault):
    body = program.body(provider, VERA)
    identity.fault(PROFILE[provider], **fault)
    with unchanged():
        failed(program.finish(body))


@pytest.mark.parametrize(
    ("provider", "profile"),
    [
        ("discord", {"id": None}), ("discord", {"id": 5}), ("discord", {"id": ""}), ("discord", {"id": "x" * 192}),
        ("discord", {"id": "a\x00b"}), ("twitter", {"data": {}}), ("twitter", {"data": []}),
        ("twitter", {"data": {"id": 5, "name": "x", "username": "x"}}),
        ("twitter", {"data": {"id": "", "name": "x", "username": "x"}}), ("local", {"sub": "somebody else"}),
    ],
)  # fmt: skip
def test_a_person_who_is_none(program, identity, provider, profile):
    body = program.body(provider, VERA)
    identity.fault(PROFILE[provider], body=json.dumps(profile))
    with unchanged():
        failed(program.finish(body))


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "of another sign-in"}, {"nonce": None}, {"aud": "another-site"}, {"iss": "https://evil.example"},
        {"exp": 1}, {"exp": None}, {"iat": 9_999_999_999}, {"sub": None}, {"sub": 5}, {"aud": []},
    ],
)  # fmt: skip
@pytest.mark.parametrize("provider", ["google", "local"])
def test_an_id_token_that_is_not_for_this_sign_in(program, identity, provider, claims):
    body = program.body(provider, VERA)
    identity.change = lambda real: {name: value for name, value in (real | claims).items() if value is not None}
    with unchanged():
        failed(program.finish(body))


@pytest.mark.parametrize("provider", ["google", "local"])
def test_an_id_token_signed_with_a_key_nobody_shows(program, identity, provider):
    body = program.body(provider, VERA)
    identity.sign = identity.other_key.sign
    with unchanged():
        failed(program.finish(body))


@pytest.mark.parametrize("provider", ["google", "local"])
def test_an_id_token_that_is_missing(program, identity, provider):
    body = program.body(provider, VERA)
    identity.fault(TOKEN[provider], body='{"access_token": "x", "token_type": "bearer"}')
    with unchanged():
        failed(program.finish(body))


@pytest.mark.parametrize(
    "keys",
    ["{}", "[]", "null", '{"local-1": "no certificate"}', '{"local-1": 5}', '{"keys": []}', '{"keys": [{}]}', "<p>"],
)
@pytest.mark.parametrize(("provider", "path"), [("google", "/oauth2/v1/certs"), ("local", "/jwks")])
def test_keys_that_are_none(program, identity, provider, path, keys):
    body = program.body(provider, VERA)
    identity.fault(path, body=keys)
    with unchanged():
        failed(program.finish(body))


@pytest.mark.parametrize("fault", [{"status": 500, "body": "{}"}, {"body": "[]"}, {"body": "<p>"}, {"body": "null"}])
def test_a_credential_while_googles_keys_can_not_be_had(program, identity, fault):
    identity.fault("/oauth2/v1/certs", **fault)
    with unchanged():
        failed(program.api.post("google/verify", {"credential": identity.credential(VERA)}))


@pytest.mark.parametrize("document", ["{}", "[]", '{"issuer": "https://evil.example"}', "<p>"])
def test_a_wrong_discovery_document(program, identity, document):
    from tests.accounts.elsewhere import BACK

    identity.fault("/.well-known/openid-configuration", body=document)
    with unchanged():
        failed(program.api.get(f"oauth/local?redirect_uri={BACK}"))


def test_a_discovery_document_of_another_issuer(program, identity):
    body = program.body("local", VERA)
    identity.fault(
        "/.well-known/openid-configuration", body=json.dumps(identity.discovery() | {"issuer": "https://e.example"})
    )
    with unchanged():
        failed(program.finish(body))


@sites
def test_a_site_that_is_down(program, identity, settings, provider):
    from tests.live import free_port

    body = program.body(provider, VERA)
    down = {
        name: block | {"BASE_URL": f"http://127.0.0.1:{free_port()}"} for name, block in identity.providers().items()
    }
    settings.SIGN_IN_PROVIDERS = down
    with unchanged():
        failed(program.finish(body))


def test_a_site_that_is_slow(program, identity, settings):
    assert settings.SOCIALACCOUNT_REQUESTS_TIMEOUT == 5
    settings.SOCIALACCOUNT_REQUESTS_TIMEOUT = 0.5
    body = program.body("google", VERA)
    identity.fault("/token", delay=3)
    began = time.monotonic()
    with unchanged():
        failed(program.finish(body))
    assert time.monotonic() - began < 2


def test_after_a_failure_one_starts_again_and_it_works(program, identity):
    body = program.body("google", VERA)
    identity.fault("/token", status=500, body="{}")
    failed(program.finish(body))
    identity.forget()
    assert problem(program.finish(body)) == (400, "VALIDATION_ERROR")  # the state was used up
    assert program.sign_in("google", VERA).status_code == 200


def test_no_secret_and_no_code_reaches_a_log(program, identity):
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    root, level = logging.getLogger(), logging.getLogger().level
    handler.setFormatter(next(h.formatter for h in root.handlers if "ProcessorFormatter" in repr(h.formatter)))
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    secrets = [SECRET, VERA.email]
    try:
        for provider in SITES:
            body = program.body(provider, VERA)
            answer = program.finish(body).json()
            program.finish(body)
            failing = program.body(provider, VERA)
            identity.fault(TOKEN[provider], status=500, body=json.dumps({"error": f"no {failing['code']} {SECRET}"}))
            program.finish(failing)
            identity.fault(TOKEN[provider], body=json.dumps({"error": f"no {failing['code']} {SECRET}"}))
            again = program.body(provider, VERA)
            program.finish(again)
            identity.forget()
            for sent in (body, failing, again):
                secrets += [sent["code"], sent["state"], sent["code_verifier"]]
            secrets += [answer[name] for name in ("access", "refresh", "key") if name in answer]
        credential = identity.credential(VERA)
        program.api.post("google/verify", {"credential": credential})
        program.api.post("google/verify", {"credential": credential})
        secrets += [credential, credential.rsplit(".", 1)[-1]]
        issued = [call.authorization for call in identity.calls if call.authorization]
        secrets += [authorization.partition(" ")[2] for authorization in issued]
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    written = text.getvalue()
    assert "/api/auth/oauth-callback" in written
    assert "sign-in provider failed" in written
    assert CLIENT_ID not in written
    for secret in secrets:
        assert secret not in written, secret

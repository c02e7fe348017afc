"""allauth's headless API: the same people, sessions and tokens as at every other door."""

import json
from datetime import timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts import realtime, services
from accounts.models import AuthSession, User
from common import redis
from tests.accounts.conftest import PASSWORD, Api, problem
from tests.accounts.factors import Passkey, Phone, add_phone, add_recovery_codes

pytestmark = pytest.mark.django_db
commits = pytest.mark.django_db(transaction=True)

CREDENTIALS = {"email": "ann@example.org", "password": PASSWORD}
NEW_PASSWORD = "a-new-pair-of-shoes"


class Headless:
    """A program that speaks to the headless API: an app, with a session token or an access token, or a browser."""

    def __init__(self, token=None, *, access=None, browser=None):
        self.client = browser or Client()
        self.base = f"/api/auth/headless/{'browser' if browser else 'app'}/v1"
        self.headers = {"X-Session-Token": token} if token else {}
        if access:
            self.headers = {"Authorization": f"Bearer {access}"}

    def get(self, path):
        return self.client.get(f"{self.base}/{path}", headers=self.headers)

    def post(self, path, body=None):
        return self._send("post", path, body)

    def delete(self, path, body=None):
        return self._send("delete", path, body)

    def put(self, path, body=None):
        return self._send("put", path, body)

    def _send(self, method, path, body):
        data = body if isinstance(body, (bytes, str)) else json.dumps(body or {})
        send = getattr(self.client, method)
        return send(f"{self.base}/{path}", data, content_type="application/json", headers=self.headers)


@pytest.fixture
def ann(make_user):
    return make_user(PASSWORD, email="ann@example.org", email_verified=True)


def sign_in(**credentials):
    return Headless().post("auth/login", CREDENTIALS | credentials)


@pytest.fixture
def meta(ann):
    """What signing in gives an app: `session_token`, `access_token`, `refresh_token`."""
    answer = sign_in()
    assert answer.status_code == 200, answer.content
    return answer.json()["meta"]


@pytest.fixture
def app(meta):
    return Headless(meta["session_token"])


def me(access):
    return Api(access).get("me")


def flows(answer):
    return {flow["id"]: flow for flow in answer.json()["data"]["flows"]}


# --- in and out -------------------------------------------------------------------------------------------------------


def test_signing_in_gives_the_pair_that_every_door_gives(ann, meta):
    assert meta["is_authenticated"] is True
    assert meta["expires_in"] == 900
    assert me(meta["access_token"]).json()["user"]["id"] == str(ann.pk)
    assert realtime.identify_token(meta["access_token"]).user_id == ann.pk
    session = AuthSession.objects.get()
    assert (session.kind, session.method, session.user) == ("token", "password", ann)
    assert session.expires_at > timezone.now() + timedelta(days=6)


def test_limits_are_told_in_the_headers(ann):
    assert sign_in().headers["X-RateLimit-Limit"] == "100"  # ten, and ten times that in tests


@commits
def test_signing_out_here_ends_the_tokens_too(meta, app):
    assert app.get("auth/session").status_code == 200
    assert app.delete("auth/session").status_code == 401  # nobody is signed in any more
    assert problem(me(meta["access_token"])) == (401, "UNAUTHENTICATED")
    assert problem(Api().post("refresh", {"refresh": meta["refresh_token"]})) == (401, "UNAUTHENTICATED")
    assert app.get("auth/session").status_code == 410
    assert AuthSession.objects.get().end_reason == "signout"


@commits
def test_signing_out_at_our_door_ends_the_session_here_too(meta, app):
    assert app.get("auth/session").status_code == 200
    assert Api().post("signout", {"refresh": meta["refresh_token"]}).status_code == 204
    assert app.get("auth/session").status_code == 410
    assert app.get("account/authenticators").status_code == 410


@commits
def test_an_access_token_of_any_door_opens_this_one_and_ends_with_it(sign_in, ann):
    person = sign_in(ann)
    app = Headless(access=person.token)
    assert app.get("auth/session").json()["data"]["user"]["email"] == "ann@example.org"
    assert app.get("account/authenticators").status_code == 200
    assert AuthSession.objects.count() == 1
    assert app.delete("auth/session").status_code == 401
    assert problem(person.api.get("me")) == (401, "UNAUTHENTICATED")
    assert app.get("auth/session").status_code == 410


def test_an_access_token_keeps_one_state_between_calls(sign_in, ann):
    person = sign_in(ann)
    secret = Headless(access=person.token).get("account/authenticators/totp").json()["meta"]["secret"]
    answer = Headless(access=person.token).post("account/authenticators/totp", {"code": Phone(secret).code()})
    assert answer.status_code == 200


@pytest.mark.parametrize("token", ["x", "a.b.c", "x" * 5000, "é"])
def test_a_made_up_access_token_is_nobodys(token):
    assert Headless(access=token).get("auth/session").status_code == 410


def test_an_expired_access_token_is_nobodys(sign_in, ann):
    person = sign_in(ann)
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        assert Headless(access=person.token).get("auth/session").status_code == 410


@pytest.mark.parametrize(
    "token", ["x", "x" * 100_000, "a\x00b", "abcdefgh12345678abcdefgh1234567\x00", "é" * 32, "../x", "0" * 32, " ", "'"]
)
def test_a_made_up_session_token_is_nobodys(token):
    assert Headless(token).get("auth/session").status_code in {401, 410}
    assert Headless(token).post("auth/login", {"email": "x@example.org", "password": "y"}).status_code in {400, 410}


def test_a_cookies_key_is_that_browsers_session_and_gives_no_tokens(ann, make_user):
    """Whoever has the key has the cookie; it opens nobody else's session, and mints nothing that would outlive it."""
    browser = Client()
    browser.post("/sign-in", CREDENTIALS)
    answer = Headless(browser.cookies["session"].value).get("auth/session")
    assert answer.json()["data"]["user"]["email"] == "ann@example.org"
    assert "access_token" not in answer.json()["meta"]
    services.end_sessions_of(user_id=ann.pk, reason="ban")
    redis.client().flushdb()
    assert Headless(browser.cookies["session"].value).get("auth/session").status_code == 410


def test_a_session_of_djangos_own_sign_in_is_nobodys(ann):
    browser = Client()
    browser.post("/sign-in", CREDENTIALS)
    session = browser.session
    del session["auth_session"]
    session.save()
    assert Headless(session.session_key).get("auth/session").status_code == 410


def test_an_app_is_not_taken_for_the_browser_whose_cookie_comes_along(ann):
    browser = Client()
    browser.post("/sign-in", CREDENTIALS)
    assert browser.get("/api/auth/headless/app/v1/auth/session").status_code == 401


def test_the_only_doors_are_those_that_we_have_not_ourselves():
    for path in ("auth/signup", "auth/password/request", "auth/code/request", "account/email", "auth/provider/token"):
        assert problem(Headless().post(path, {})) == (404, "NOT_FOUND")


# --- tokens -----------------------------------------------------------------------------------------------------------


def refresh(token):
    return Headless().post("tokens/refresh", {"refresh_token": token})


def test_a_refresh_here_is_a_refresh_there(meta):
    answer = refresh(meta["refresh_token"])
    assert answer.status_code == 200
    assert me(answer.json()["data"]["access_token"]).status_code == 200
    assert Api().post("refresh", {"refresh": answer.json()["data"]["refresh_token"]}).status_code == 200


@commits
@pytest.mark.parametrize("first", ["here", "there"])
@pytest.mark.parametrize("second", ["here", "there"])
def test_a_refresh_token_used_twice_ends_the_session_through_either_door(meta, app, first, second):
    exchange = {"here": refresh, "there": lambda token: Api().post("refresh", {"refresh": token})}
    assert exchange[first](meta["refresh_token"]).status_code == 200
    assert exchange[second](meta["refresh_token"]).status_code == (400 if second == "here" else 401)
    assert AuthSession.objects.get().end_reason == "reuse"
    assert problem(me(meta["access_token"])) == (401, "UNAUTHENTICATED")
    assert app.get("auth/session").status_code == 410


@pytest.mark.parametrize("token", ["", "x", "x" * 5000, None, 5, [], "a\x00"])
def test_what_is_no_refresh_token_is_refused(token):
    assert refresh(token).status_code == 400


# --- the second factor at the door ------------------------------------------------------------------------------------


def test_the_second_factor_is_asked_for(ann):
    phone = add_phone(ann)
    asked = sign_in()
    assert asked.status_code == 401
    assert flows(asked)["mfa_authenticate"]["is_pending"]
    assert "access_token" not in asked.json()["meta"]
    app = Headless(asked.json()["meta"]["session_token"])
    assert app.get("account/authenticators").status_code == 401
    assert app.post("auth/2fa/authenticate", {"code": phone.wrong()}).status_code == 400
    assert not AuthSession.objects.exists()
    opened = app.post("auth/2fa/authenticate", {"code": phone.code()})
    assert opened.status_code == 200
    assert me(opened.json()["meta"]["access_token"]).status_code == 200
    assert AuthSession.objects.count() == 1


def test_a_code_is_good_once_for_all_doors(ann):
    phone, codes = add_phone(ann), add_recovery_codes(ann)
    with time_machine.travel("2026-11-20T12:00:05Z", tick=False):
        assert Api().post("login", CREDENTIALS | {"code": phone.code()}).status_code == 200
        app = Headless(sign_in().json()["meta"]["session_token"])
        assert app.post("auth/2fa/authenticate", {"code": phone.code()}).status_code == 400
        assert app.post("auth/2fa/authenticate", {"code": codes[0]}).status_code == 200
        assert Api().post("login", CREDENTIALS | {"code": codes[0]}).status_code == 400


def test_tries_at_a_code_are_limited_together_with_the_other_doors(ann, settings):
    phone = add_phone(ann)
    app = Headless(sign_in().json()["meta"]["session_token"])
    settings.TRUSTED_PROXIES, settings.RATE_LIMIT_FACTOR = ["127.0.0.1"], 1
    for number in range(10):
        app.headers["X-Forwarded-For"] = f"192.0.2.{number}"
        assert app.post("auth/2fa/authenticate", {"code": phone.wrong()}).status_code == 400
    app.headers["X-Forwarded-For"] = "192.0.2.99"
    assert app.post("auth/2fa/authenticate", {"code": phone.code()}).status_code == 429
    assert not AuthSession.objects.exists()


@pytest.mark.parametrize("code", ["", None, 5, [], {}, "x" * 10_000, "１２３４５６", "1\x002"])
def test_what_can_not_be_a_code_is_refused(ann, code):
    add_phone(ann)
    app = Headless(sign_in().json()["meta"]["session_token"])
    assert app.post("auth/2fa/authenticate", {"code": code}).status_code == 400


# --- looking after factors --------------------------------------------------------------------------------------------


def set_up(app):
    asked = app.get("account/authenticators/totp")
    assert asked.status_code == 404
    phone = Phone(asked.json()["meta"]["secret"])
    assert app.post("account/authenticators/totp", {"code": phone.wrong()}).status_code == 400
    assert app.post("account/authenticators/totp", {"code": phone.code()}).status_code == 200
    return phone


def test_an_app_is_set_up_and_turned_off(app):
    set_up(app)
    assert app.get("account/authenticators/totp").json()["data"]["type"] == "totp"
    assert {factor["type"] for factor in app.get("account/authenticators").json()["data"]} == {"totp", "recovery_codes"}
    assert problem(Api().post("login", CREDENTIALS)) == (401, "MFA_REQUIRED")
    assert app.delete("account/authenticators/totp").status_code == 200
    assert Api().post("login", CREDENTIALS).status_code == 200
    assert not Authenticator.objects.exists()


@commits
def test_setting_it_up_many_times_at_once_does_it_once(app, at_once):
    secret = app.get("account/authenticators/totp").json()["meta"]["secret"]
    code = Phone(secret).code()

    def activate():
        client = Headless(app.headers["X-Session-Token"])
        client.client.raise_request_exception = False
        return client.post("account/authenticators/totp", {"code": code})

    statuses = sorted(answer.status_code for answer in at_once([activate] * 3))
    assert statuses[0] == 200
    assert set(statuses) <= {200, 400, 409}
    assert Authenticator.objects.filter(type="totp").count() == 1


def test_recovery_codes_are_listed_and_made_anew(app):
    set_up(app)
    old = app.get("account/authenticators/recovery-codes").json()["data"]["unused_codes"]
    new = app.post("account/authenticators/recovery-codes").json()["data"]["unused_codes"]
    assert len(old) == len(new) == 10
    assert not set(old) & set(new)


def test_who_has_not_confirmed_the_address_adds_nothing(app, ann):
    from allauth.account.models import EmailAddress

    EmailAddress.objects.update(verified=False)
    assert app.get("account/authenticators/totp").status_code == 409
    assert app.get("account/authenticators/webauthn").status_code == 409


def test_factors_change_only_for_who_has_proven_themselves_just_now(meta, app, ann):
    phone = set_up(app)
    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        for refused in (
            app.delete("account/authenticators/totp"),
            app.get("account/authenticators/recovery-codes"),
            app.post("account/authenticators/recovery-codes"),
            app.get("account/authenticators/webauthn"),
        ):
            assert refused.status_code == 401
            assert {"reauthenticate", "mfa_reauthenticate"} <= flows(refused).keys()
        assert Authenticator.objects.filter(type="totp").exists()
        assert app.post("auth/reauthenticate", {"password": "another"}).status_code == 400
        answer = app.post("auth/reauthenticate", {"password": PASSWORD})
        assert answer.status_code == 200, answer.content
        assert app.get("account/authenticators/webauthn").status_code == 200
    with time_machine.travel(timezone.now() + timedelta(minutes=12)):
        assert app.get("account/authenticators/webauthn").status_code == 401
        assert app.post("auth/2fa/reauthenticate", {"code": phone.code()}).status_code == 200
        assert app.post("auth/2fa/reauthenticate", {"code": phone.code()}).status_code == 400  # good once
        assert app.delete("account/authenticators/totp").status_code == 200


def test_a_session_without_password_or_factor_is_not_enough_to_add_a_way_in(sign_in, make_user):
    person = sign_in(make_user(None, email_verified=True))
    app = Headless(access=person.token)
    assert app.get("account/authenticators/webauthn").status_code == 200  # signed in just now
    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        assert app.get("account/authenticators/webauthn").status_code == 401
        assert app.post("account/password/change", {"new_password": NEW_PASSWORD}).status_code == 401
    assert not User.objects.get().has_usable_password()


# --- passwords --------------------------------------------------------------------------------------------------------


@commits
def test_a_new_password_signs_out_everywhere_else(sign_in, ann):
    here, elsewhere = sign_in(ann), sign_in(ann)
    app = Headless(access=here.token)
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert app.post("account/password/change", body | {"current_password": "another"}).status_code == 400
    assert app.post("account/password/change", body | {"new_password": "short"}).status_code == 400
    assert elsewhere.api.get("me").status_code == 200
    assert app.post("account/password/change", body).status_code == 200
    assert problem(elsewhere.api.get("me")) == (401, "UNAUTHENTICATED")
    assert here.api.get("me").status_code == 200
    assert app.get("auth/session").status_code == 200
    assert Api().post("login", {"email": "ann@example.org", "password": NEW_PASSWORD}).status_code == 200
    from common.models import OutgoingMail

    assert OutgoingMail.objects.filter(kind="password_changed", to="ann@example.org").count() == 1


def test_who_has_none_may_set_one_just_after_signing_in(sign_in, make_user):
    person = sign_in(make_user(None, email_verified=True))
    app = Headless(access=person.token)
    assert app.post("account/password/change", {"new_password": NEW_PASSWORD}).status_code == 200
    assert User.objects.get().check_password(NEW_PASSWORD)


# --- sessions ---------------------------------------------------------------------------------------------------------


@commits
def test_sign_ins_are_listed_and_ended(meta, app, sign_in, ann):
    elsewhere, stranger = sign_in(ann), sign_in()
    listed = app.get("auth/sessions").json()["data"]
    assert {session["id"] for session in listed} == {str(row.pk) for row in ann.auth_sessions.all()}
    assert [session["is_current"] for session in listed].count(True) == 1
    other = next(session["id"] for session in listed if not session["is_current"])
    strangers = str(stranger.user.auth_sessions.get().pk)
    left = app.delete("auth/sessions", {"sessions": [other, strangers]})
    assert [session["is_current"] for session in left.json()["data"]] == [True]
    assert problem(elsewhere.api.get("me")) == (401, "UNAUTHENTICATED")
    assert stranger.api.get("me").status_code == 200
    current = left.json()["data"][0]["id"]
    assert app.delete("auth/sessions", {"sessions": [current]}).status_code == 401
    assert problem(me(meta["access_token"])) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize("ids", [None, "x", 5, ["x"], [None], [[]], {"a": 1}, [""] * 3, ["é"], list(range(1000))])
def test_what_is_no_list_of_sessions_is_refused(app, ids):
    assert app.delete("auth/sessions", {"sessions": ids}).status_code == 400
    assert AuthSession.objects.get().ended_at is None


# --- passkeys ---------------------------------------------------------------------------------------------------------

PASSKEYS = "account/authenticators/webauthn"


def add_passkey(app, passkey, name="Ring"):
    options = app.get(f"{PASSKEYS}?passwordless").json()["data"]["creation_options"]
    return app.post(PASSKEYS, {"name": name, "credential": passkey.register(options)})


@pytest.fixture
def passkey(app):
    passkey = Passkey()
    answer = add_passkey(app, passkey)
    assert answer.status_code == 200, answer.content
    assert answer.json()["data"]["name"] == "Ring"
    return passkey


def come_in(passkey, app=None, **how):
    app = app or Headless()
    asked = app.get("auth/webauthn/login")
    app.headers.setdefault("X-Session-Token", asked.json()["meta"]["session_token"]) if "app" in app.base else None
    credential = passkey.sign(asked.json()["data"]["request_options"], **how)
    return app.post("auth/webauthn/login", {"credential": credential})


def test_the_options_ask_for_a_key_that_names_its_owner(app):
    options = app.get(f"{PASSKEYS}?passwordless").json()["data"]["creation_options"]["publicKey"]
    assert options["rp"] == {"id": "testserver", "name": "Troupe"}
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == "required"


def test_a_passkey_signs_in_alone(passkey, ann):
    answer = come_in(passkey)
    assert answer.status_code == 200, answer.content
    assert me(answer.json()["meta"]["access_token"]).json()["user"]["id"] == str(ann.pk)
    assert AuthSession.objects.latest("id").method == "passkey"


def test_a_passkey_signs_a_browser_in(passkey, ann):
    browser = Client()
    assert come_in(passkey, Headless(browser=browser)).status_code == 200
    assert browser.get("/api/auth/me").status_code == 200
    assert AuthSession.objects.latest("id").kind == "web"
    assert browser.get("/account/security/password").status_code == 200  # having come in just now is proof enough


def test_a_passkey_whose_owner_was_not_verified_signs_nobody_in(passkey):
    assert come_in(passkey, verified=False).status_code == 400


def test_a_passkey_of_nobodys_signs_nobody_in(passkey, ann):
    forged = Passkey(credential_id=passkey.credential_id, user_handle=passkey.user_handle)
    assert come_in(forged).status_code == 400
    assert come_in(Passkey(user_handle=b"nobody")).status_code == 400
    assert come_in(Passkey()).status_code == 400


def test_an_answer_to_another_question_signs_nobody_in(passkey):
    asked = Headless().get("auth/webauthn/login").json()["data"]["request_options"]
    other = Headless(Headless().get("auth/webauthn/login").json()["meta"]["session_token"])
    assert other.post("auth/webauthn/login", {"credential": passkey.sign(asked)}).status_code == 400


def test_a_passkey_is_the_second_factor_too(passkey):
    asked = sign_in()
    app = Headless(asked.json()["meta"]["session_token"])
    options = app.get("auth/webauthn/authenticate").json()["data"]["request_options"]
    assert app.post("auth/webauthn/authenticate", {"credential": passkey.sign(options)}).status_code == 200


def test_a_passkey_proves_that_it_is_still_them(passkey, app):
    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        options = app.get("auth/webauthn/reauthenticate").json()["data"]["request_options"]
        assert app.get("account/authenticators/recovery-codes").status_code == 401
        assert app.post("auth/webauthn/reauthenticate", {"credential": passkey.sign(options)}).status_code == 200
        assert app.get("account/authenticators/recovery-codes").status_code == 200


def test_a_passkey_is_renamed_and_removed_by_its_owner_only(passkey, app, make_user, sign_in):
    number = Authenticator.objects.get(type="webauthn").pk
    stranger = Headless(access=sign_in(make_user(email_verified=True)).token)
    assert stranger.put(PASSKEYS, {"id": number, "name": "Mine now"}).status_code == 400
    assert stranger.delete(PASSKEYS, {"authenticators": [number]}).status_code == 400
    assert app.put(PASSKEYS, {"id": number, "name": "Thumb"}).json()["data"]["name"] == "Thumb"
    assert app.delete(PASSKEYS, {"authenticators": [number]}).status_code == 200
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize("fields", [{"banned_until": timezone.now() + timedelta(days=1)}, {"is_active": False}])
def test_a_passkey_does_not_let_in_who_may_not_enter(passkey, fields):
    before = AuthSession.objects.count()
    User.objects.update(**fields)
    answer = come_in(passkey)
    assert answer.status_code in {401, 403}
    assert "access_token" not in str(answer.json())
    assert AuthSession.objects.count() == before


def odd_credentials(right):
    yield from (None, 5, "x", [], {}, [right], {"id": 1}, {"response": {}}, {**right, "response": None})
    yield from ({**right, "id": "AAAA"}, {**right, "rawId": "AAAA"}, {**right, "type": "password"}, {**right, "id": []})
    for name in right["response"]:
        for value in ("", "AAAA", "é", None, 5, {}, "A" * 40_000):
            yield {**right, "response": {**right["response"], name: value}}
    yield {**right, "clientExtensionResults": "x"}
    yield {**right, "note": "a\x00b"}


def test_odd_credentials_are_refused(passkey, app, settings):
    settings.RATE_LIMIT_FACTOR = 10_000
    for path in ("auth/webauthn/login", "auth/webauthn/reauthenticate"):
        asked = app.get(path).json()["data"]["request_options"]
        for credential in odd_credentials(passkey.sign(asked)):
            app.get(path)
            answer = app.post(path, {"credential": credential})
            assert answer.status_code in {400, 401, 429}, (path, credential)
    options = app.get(PASSKEYS).json()["data"]["creation_options"]
    for credential in odd_credentials(Passkey().register(options)):
        app.get(PASSKEYS)
        assert app.post(PASSKEYS, {"name": "x", "credential": credential}).status_code == 400, credential
    assert app.post(PASSKEYS, {"name": "x" * 81, "credential": {}}).status_code == 400
    assert Authenticator.objects.filter(type="webauthn").count() == 1


# --- who may not enter ------------------------------------------------------------------------------------------------


def test_an_unknown_address_and_a_wrong_password_are_told_alike(ann):
    wrong, unknown = sign_in(password="another-password"), sign_in(email="nobody@example.org")
    assert wrong.status_code == unknown.status_code == 400
    assert wrong.json() == unknown.json()


def test_who_is_banned_is_told_so_after_the_right_password_only(ann):
    User.objects.update(banned_until=timezone.now() + timedelta(days=1))
    assert problem(sign_in()) == (403, "BANNED")
    assert sign_in(password="another-password").status_code == 400
    assert not AuthSession.objects.exists()


@pytest.mark.parametrize("fields", [{"is_active": False}, {"deleted_at": timezone.now() - timedelta(days=31)}])
def test_who_is_gone_is_unknown(ann, fields):
    User.objects.update(**fields)
    assert sign_in().status_code == 400


def test_who_left_a_while_ago_comes_back(ann):
    services.delete_account(user_id=ann.pk, actor=ann)
    assert sign_in().status_code == 200
    assert User.objects.get().deleted_at is None


@commits
def test_a_ban_is_felt_here_at_once(meta, app, ann):
    services.end_sessions_of(user_id=ann.pk, reason="ban")
    for path in ("auth/session", "account/authenticators", "auth/sessions"):
        assert app.get(path).status_code == 410
        assert Headless(access=meta["access_token"]).get(path).status_code == 410


# --- browsers ---------------------------------------------------------------------------------------------------------


def test_a_browser_needs_its_csrf_token(ann):
    browser = Client(enforce_csrf_checks=True)
    app = Headless(browser=browser)
    assert app.get("auth/session").status_code == 401
    assert problem(app.post("auth/login", CREDENTIALS)) == (403, "FORBIDDEN")
    app.headers["X-CSRFToken"] = browser.cookies["csrftoken"].value
    assert app.post("auth/login", CREDENTIALS).status_code == 200
    app.headers = {}
    assert problem(app.delete("auth/session")) == (403, "FORBIDDEN")
    assert browser.get("/api/auth/me").status_code == 200


def test_a_browser_gets_a_cookie_and_no_tokens(ann):
    browser = Client()
    answer = Headless(browser=browser).post("auth/login", CREDENTIALS)
    assert answer.status_code == 200
    assert "token" not in answer.content.decode()
    assert AuthSession.objects.get().kind == "web"
    assert browser.get("/api/auth/me").status_code == 200
    assert problem(Headless(browser=browser).post("tokens/refresh", {"refresh_token": "x"})) == (404, "NOT_FOUND")


# --- limits and odd bodies --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["auth/login", "auth/2fa/authenticate", "auth/webauthn/login", "auth/reauthenticate"])
def test_tries_are_limited_by_address(path, settings):
    settings.RATE_LIMIT_FACTOR = 0.2
    answers = [Headless().post(path, {"password": "x"}) for _ in range(3)]
    assert answers[0].status_code != 429
    assert problem(answers[2]) == (429, "RATE_LIMIT_EXCEEDED")
    assert answers[2].json()["bucket"] == "auth"
    assert answers[2].headers["X-RateLimit-Remaining"] == "0"


def test_tries_on_one_account_are_limited_wherever_they_come_from_and_through_both_doors(ann, settings):
    settings.TRUSTED_PROXIES, settings.RATE_LIMIT_FACTOR = ["127.0.0.1"], 0.2
    Api().post("login", CREDENTIALS, **{"X-Forwarded-For": "192.0.2.1"})
    statuses = []
    for number, email in enumerate(["ANN@example.org", "ann@example.org"], start=2):
        app = Headless()
        app.headers["X-Forwarded-For"] = f"192.0.2.{number}"
        statuses.append(app.post("auth/login", CREDENTIALS | {"email": email}).status_code)
    assert statuses == [200, 429]


def test_nobody_tries_while_tries_can_not_be_counted(ann, redis_away):
    assert problem(sign_in()) == (503, "NOT_READY")


BODIES = [
    b"{",
    b"[]",
    b"5",
    b"null",
    b'"x"',
    b"\xff\xfe",
    b'{"email": "a\\u0000b"}',
    b'{"email": "\\ud800"}',
    b"[" * 9000,
]


@pytest.mark.parametrize("body", BODIES)
def test_a_body_that_is_no_object_of_ours_is_refused(app, body):
    for path in ("auth/login", "auth/2fa/authenticate", "account/password/change", PASSKEYS, "tokens/refresh"):
        assert problem(app.post(path, body)) == (400, "VALIDATION_ERROR"), path


def test_a_body_that_is_too_large_is_refused(app):
    for size in (65 * 1024, 2 * 1024 * 1024):
        answer = app.post("auth/login", json.dumps({"email": "x" * size}))
        assert problem(answer) == (413, "PAYLOAD_TOO_LARGE")


FIELDS = [None, 5, 1.5, True, [], {}, ["x"], {"a": "b"}, "", "x" * 10_000, "é", "'; --", "%00", -1, 10**40]


@pytest.mark.parametrize("value", FIELDS, ids=repr)
def test_odd_values_are_never_our_fault(app, value, settings):
    settings.RATE_LIMIT_FACTOR = 10_000
    for path, body in (
        ("auth/login", {"email": value, "password": value}),
        ("auth/reauthenticate", {"password": value}),
        ("auth/2fa/reauthenticate", {"code": value}),
        ("account/password/change", {"current_password": value, "new_password": value}),
        ("account/authenticators/totp", {"code": value}),
        (PASSKEYS, {"name": value, "credential": value}),
        ("tokens/refresh", {"refresh_token": value}),
    ):
        assert app.post(path, body).status_code in {400, 401, 409, 429}, path
    assert app.put(PASSKEYS, {"id": value, "name": value}).status_code in {400, 401}
    assert app.delete(PASSKEYS, {"authenticators": value}).status_code in {400, 401}
    assert connection.is_usable()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("auth/reauthenticate", {"password": "another"}),
        ("account/password/change", {"current_password": "another", "new_password": NEW_PASSWORD}),
    ],
)
def test_who_has_a_session_can_not_try_passwords_for_ever(app, ann, settings, path, body):
    settings.TRUSTED_PROXIES, settings.RATE_LIMIT_FACTOR = ["127.0.0.1"], 0.5
    redis.client().flushdb()
    statuses = []
    for number in range(6):
        app.headers["X-Forwarded-For"] = f"192.0.2.{number}"
        statuses.append(app.post(path, body).status_code)
    assert statuses == [400] * 5 + [429]

"""The second factor at every door: codes of an authenticator app, recovery codes, passkeys."""

import io
import json
import logging
from datetime import timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.test import Client, override_settings
from django.utils import timezone

from accounts.models import AuthSession, MailKey, User
from accounts.services import second_factor
from common.errors import RateLimited, ValidationProblem
from tests.accounts.conftest import PASSWORD, Api, problem
from tests.accounts.factors import Passkey, Phone, add_phone, add_recovery_codes
from tests.accounts.mailed import MAGIC, RESET, follow, mail_link, newest_key

pytestmark = pytest.mark.django_db
commits = pytest.mark.django_db(transaction=True)

CREDENTIALS = {"email": "ann@example.org", "password": PASSWORD}
PAGE = "/sign-in/second-factor"


@pytest.fixture
def ann(make_user):
    return make_user(PASSWORD, email="ann@example.org", email_verified=True)


@pytest.fixture
def phone(ann):
    return add_phone(ann)


@pytest.fixture
def codes(ann, phone):
    return add_recovery_codes(ann)


def login(**more):
    return Api().post("login", CREDENTIALS | more)


def finish(key, code):
    return Api().post("mfa", {"key": key, "code": code})


# --- over the API -----------------------------------------------------------------------------------------------------


def test_who_has_none_is_asked_for_none(ann):
    assert login().status_code == 200


def test_the_right_password_alone_opens_nothing(phone, codes):
    answer = login()
    assert problem(answer) == (401, "MFA_REQUIRED")
    assert answer.json()["factors"] == ["recovery_codes", "totp"]
    assert answer.json()["key"]
    assert not AuthSession.objects.exists()


def test_a_wrong_password_says_nothing_of_a_second_factor(phone):
    assert problem(login(password="another-password")) == (401, "UNAUTHENTICATED")
    assert problem(login(password="another-password", code=phone.code())) == (401, "UNAUTHENTICATED")
    assert login(code=phone.code()).status_code == 200  # and has not used the code up


def test_password_and_code_together_open_the_door(ann, phone):
    answer = login(code=phone.code())
    assert answer.status_code == 200
    assert Api(answer.json()["access"]).get("me").status_code == 200
    assert AuthSession.objects.get().method == "password"
    assert Authenticator.objects.get().last_used_at is not None


def test_the_code_may_follow_the_password(phone):
    key = login().json()["key"]
    answer = finish(key, phone.code())
    assert (answer.status_code, set(answer.json())) == (200, {"user", "access", "refresh"})
    assert AuthSession.objects.get().method == "password"


@pytest.mark.parametrize("typed", ["{0} {1}", " {0}{1} ", "{0}\t{1}"])
def test_a_code_may_be_typed_with_spaces(phone, typed):
    code = phone.code()
    assert login(code=typed.format(code[:3], code[3:])).status_code == 200


@pytest.mark.parametrize("code", ["000", "abcdef", "１２３４５６", "-1", "1e5", "٠١٢٣٤٥", "'", "%s"])
def test_what_is_no_code_is_a_wrong_field(phone, codes, code):
    refused = login(code=code)
    assert problem(refused) == (400, "VALIDATION_ERROR")
    assert list(refused.json()["errors"]) == ["code"]
    assert problem(finish(login().json()["key"], code)) == (400, "VALIDATION_ERROR")
    assert not AuthSession.objects.exists()


@pytest.mark.parametrize("code", ["", None, 123456, [], "1" * 33, "12\x0034"])
def test_what_can_not_be_a_code_is_a_wrong_field(phone, code):
    assert problem(login(code=code)) == (400, "VALIDATION_ERROR")
    assert problem(finish("x", code)) == (400, "VALIDATION_ERROR")


def test_the_code_before_and_the_code_after_are_right_and_none_further(ann):
    for later, status in ((-2, 400), (-1, 200), (0, 200), (1, 200), (2, 400)):
        Authenticator.objects.all().delete()
        assert login(code=add_phone(ann).code(later)).status_code == status, later


@time_machine.travel("2026-11-20T12:00:05Z", tick=False)
def test_a_code_is_good_once(phone):
    code = phone.code()
    assert login(code=code).status_code == 200
    assert problem(login(code=code)) == (400, "VALIDATION_ERROR")
    assert problem(finish(login().json()["key"], code)) == (400, "VALIDATION_ERROR")
    assert AuthSession.objects.count() == 1


def test_a_code_is_good_once_for_as_long_as_clocks_may_differ(phone):
    start = timezone.now()
    code = phone.code(1)  # of a phone that is fast
    assert login(code=code).status_code == 200
    for seconds in (20, 40, 59):
        with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
            assert problem(login(code=code)) == (400, "VALIDATION_ERROR"), seconds


def test_a_code_older_than_one_that_was_used_is_worth_nothing(phone):
    with time_machine.travel("2026-11-20T12:00:05Z", tick=False):
        older = phone.code(-1)
        assert login(code=phone.code()).status_code == 200
        assert problem(login(code=older)) == (400, "VALIDATION_ERROR")
        assert login(code=phone.code(1)).status_code == 200


@commits
def test_of_the_same_code_sent_many_times_at_once_one_opens(ann, at_once):
    phone = add_phone(ann)
    code = phone.code()
    answers = at_once([lambda: login(code=code)] * 5)
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400, 400]


def test_each_recovery_code_is_good_once(codes):
    assert login(code=codes[3]).status_code == 200
    assert problem(login(code=codes[3])) == (400, "VALIDATION_ERROR")
    assert finish(login().json()["key"], codes[0]).status_code == 200
    assert len(Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()) == 8


@commits
def test_of_the_same_recovery_code_sent_many_times_at_once_one_opens(ann, at_once):
    add_phone(ann)
    code = add_recovery_codes(ann)[0]
    answers = at_once([lambda: login(code=code)] * 5)
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400, 400]


def test_tries_are_limited_by_person_wherever_they_come_from(ann, phone, settings):
    key = login().json()["key"]
    settings.TRUSTED_PROXIES, settings.RATE_LIMIT_FACTOR = ["127.0.0.1"], 1
    for number in range(10):
        address = {"X-Forwarded-For": f"192.0.2.{number}"}
        assert Api().post("mfa", {"key": key, "code": phone.wrong()}, **address).status_code == 400
    address = {"X-Forwarded-For": "192.0.2.99"}
    refused = Api().post("mfa", {"key": key, "code": phone.code()}, **address)
    assert problem(refused) == (429, "RATE_LIMIT_EXCEEDED")
    with pytest.raises(RateLimited):
        second_factor.check_code(ann, phone.code())
    assert not AuthSession.objects.exists()


def test_the_key_lives_five_minutes(phone):
    key = login().json()["key"]
    with time_machine.travel(timezone.now() + timedelta(minutes=4, seconds=55)):
        assert finish(key, phone.wrong()).status_code == 400
    with time_machine.travel(timezone.now() + timedelta(minutes=5, seconds=5)):
        assert problem(finish(key, phone.code())) == (401, "UNAUTHENTICATED")
    assert not AuthSession.objects.exists()


def test_the_key_dies_with_the_password_and_with_the_address(ann, phone):
    before = login().json()["key"]
    ann.set_password("a-new-pair-of-shoes")
    ann.save()
    assert problem(finish(before, phone.code())) == (401, "UNAUTHENTICATED")
    ann.set_password(PASSWORD)
    ann.save()
    before = login().json()["key"]
    User.objects.update(email="else@example.org")
    assert problem(finish(before, phone.code())) == (401, "UNAUTHENTICATED")


def test_a_key_is_nobody_elses(phone, make_user):
    other = make_user(PASSWORD, email="other@example.org", email_verified=True)
    theirs = add_phone(other)
    key = login().json()["key"]
    assert finish(key, theirs.code()).status_code == 400
    assert finish(key, phone.code()).json()["user"]["email"] == "ann@example.org"


@pytest.mark.parametrize("key", ["x", "a:b:c", "x" * 1024, "..", "é", "eyJ1c2VyIjoxfQ:1:1"])
def test_a_made_up_key_is_refused(phone, key):
    assert problem(finish(key, phone.code())) == (401, "UNAUTHENTICATED")


def test_a_key_with_a_changed_letter_is_refused(phone):
    key = login().json()["key"]
    assert problem(finish(key[:-1] + ("A" if key[-1] != "A" else "B"), phone.code()))[0] == 401


def test_who_is_banned_meanwhile_stays_outside(phone):
    key = login().json()["key"]
    User.objects.update(banned_until=timezone.now() + timedelta(hours=1))
    assert problem(finish(key, phone.code())) == (403, "BANNED")
    assert not AuthSession.objects.exists()


def test_nobody_gives_a_code_while_tries_can_not_be_counted(ann, phone, redis_away):
    assert problem(finish("x", phone.code())) == (503, "NOT_READY")


# --- with a mailed link -----------------------------------------------------------------------------------------------


def test_a_magic_link_asks_for_the_second_factor_and_is_not_used_up_by_that(phone):
    key = mail_link(MAGIC, "ann@example.org")
    asked = follow(key)
    assert problem(asked) == (401, "MFA_REQUIRED")
    assert problem(follow(key, code=phone.wrong())) == (400, "VALIDATION_ERROR")
    assert MailKey.objects.get().used_at is None
    assert follow(key, code=phone.code()).status_code == 200
    assert MailKey.objects.get().used_at is not None
    assert AuthSession.objects.get().method == "magic_link"


def test_what_a_magic_link_asks_for_may_be_given_at_the_other_door(phone):
    asked = follow(mail_link(MAGIC, "ann@example.org"))
    assert finish(asked.json()["key"], phone.code()).status_code == 200
    assert AuthSession.objects.get().method == "magic_link"


def test_a_new_password_by_mail_does_not_open_the_door_alone(phone):
    body = {"key": mail_link(RESET, "ann@example.org"), "password": "a-new-pair-of-shoes"}
    assert Api().post("reset-password", body).status_code == 204
    assert problem(login(password="a-new-pair-of-shoes")) == (401, "MFA_REQUIRED")


# --- on the pages -----------------------------------------------------------------------------------------------------


@pytest.fixture
def at_the_page(phone):
    browser = Client()
    answer = browser.post("/sign-in", CREDENTIALS | {"next": "/chats"})
    assert (answer.status_code, answer.headers["Location"]) == (302, PAGE)
    return browser


def is_signed_in(browser):
    return browser.get("/api/auth/me").status_code == 200


def test_the_page_asks_for_a_code_and_leads_on(at_the_page, phone):
    page = at_the_page.get(PAGE)
    assert page.status_code == 200
    assert "no-store" in page.headers["Cache-Control"]
    assert not is_signed_in(at_the_page)
    before = at_the_page.cookies["session"].value
    answer = at_the_page.post(PAGE, {"code": phone.code()})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/chats")
    assert is_signed_in(at_the_page)
    assert at_the_page.cookies["session"].value != before
    assert AuthSession.objects.get().method == "password"


def test_a_wrong_code_is_told_and_leaves_one_outside(at_the_page, phone, codes):
    for code in (phone.wrong(), "", "x" * 33):
        assert at_the_page.post(PAGE, {"code": code}).status_code == 400
    assert not is_signed_in(at_the_page)
    assert at_the_page.post(PAGE, {"code": codes[0]}).status_code == 302
    assert is_signed_in(at_the_page)


def test_the_page_is_for_who_is_on_the_way_only(phone):
    assert Client().get(PAGE).headers["Location"] == "/sign-in"
    assert Client().post(PAGE, {"code": phone.code()}).headers["Location"] == "/sign-in"
    assert problem(Client().get(f"{PAGE}/passkey")) == (401, "UNAUTHENTICATED")


def test_who_takes_too_long_begins_again_and_is_told_why(at_the_page, phone):
    with time_machine.travel(timezone.now() + timedelta(minutes=5, seconds=5)):
        answer = at_the_page.post(PAGE, {"code": phone.code()}, follow=True)
    assert answer.redirect_chain == [("/sign-in", 302)]
    assert b"This took too long" in answer.content
    assert at_the_page.get(PAGE).status_code == 302


def test_who_is_banned_meanwhile_is_told_so_on_the_page(at_the_page, phone):
    User.objects.update(banned_until=timezone.now() + timedelta(hours=1))
    answer = at_the_page.post(PAGE, {"code": phone.code()})
    assert (answer.status_code, b"banned until" in answer.content) == (400, True)
    assert not is_signed_in(at_the_page)


def test_tries_are_limited_on_the_page(at_the_page, phone, settings):
    settings.RATE_LIMIT_FACTOR = 0.2
    statuses = [at_the_page.post(PAGE, {"code": phone.wrong()}).status_code for _ in range(3)]
    assert statuses == [400, 400, 429]


def test_a_magic_link_leads_to_the_page_as_well(phone):
    browser = Client()
    answer = browser.post("/auth/callback", {"key": mail_link(MAGIC, "ann@example.org")})
    assert answer.headers["Location"] == PAGE
    assert not is_signed_in(browser)
    browser.post(PAGE, {"code": phone.code()})
    assert is_signed_in(browser)
    assert AuthSession.objects.get().method == "magic_link"


# --- setting it up ----------------------------------------------------------------------------------------------------


@pytest.fixture
def browser(ann):
    browser = Client()
    browser.post("/sign-in", CREDENTIALS)
    return browser


SETUP = "/account/security/authenticator"


def set_up(browser):
    phone = Phone(browser.get(SETUP).context["secret"])
    answer = browser.post(SETUP, {"code": phone.code()})
    assert answer.headers["Location"] == "/account/security/recovery-codes"
    return phone


def test_an_app_is_set_up_with_its_secret_and_a_first_code_and_the_person_is_told(
    browser, ann, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        phone = set_up(browser)
    codes = browser.get("/account/security/recovery-codes").context["codes"]
    assert len(codes) == 10
    assert [mail.context for mail in told(ann)] == [{"change": "totp_added"}]
    assert login(code=phone.code(1)).status_code == 200
    assert login(code=codes[0]).status_code == 200


def told(user):
    from common.models import OutgoingMail

    return OutgoingMail.objects.filter(kind="second_factor_changed", to=user.email).order_by("id")


def test_the_code_that_set_it_up_opens_no_door(ann, django_capture_on_commit_callbacks):
    with time_machine.travel("2026-11-20T12:00:05Z", tick=False):
        browser = Client()
        browser.post("/sign-in", CREDENTIALS)
        with django_capture_on_commit_callbacks(execute=True):
            phone = set_up(browser)
        assert problem(login(code=phone.code())) == (400, "VALIDATION_ERROR")


def test_a_wrong_first_code_turns_nothing_on_and_keeps_the_secret(browser):
    secret = browser.get(SETUP).context["secret"]
    answer = browser.post(SETUP, {"code": Phone(secret).wrong()})
    assert (answer.status_code, answer.context["secret"]) == (400, secret)
    assert not Authenticator.objects.exists()


def test_an_app_is_turned_off_and_its_recovery_codes_go_with_it(browser, ann):
    set_up(browser)
    assert browser.post(SETUP, {"remove": "yes"}).headers["Location"] == "/account/security"
    assert not Authenticator.objects.exists()
    assert [mail.context["change"] for mail in told(ann)][-1] == "totp_removed"
    assert login().status_code == 200


def test_new_recovery_codes_make_the_old_ones_worthless(browser):
    phone = set_up(browser)
    old = browser.get("/account/security/recovery-codes").context["codes"]
    browser.post("/account/security/recovery-codes")
    new = browser.get("/account/security/recovery-codes").context["codes"]
    assert not set(old) & set(new)
    assert login(code=old[0]).status_code == 400
    assert login(code=new[0]).status_code == 200
    assert login(code=phone.code(1)).status_code == 200


def test_who_has_not_confirmed_the_address_waits(browser, ann):
    User.objects.update(email_verified=False)
    from allauth.account.models import EmailAddress

    EmailAddress.objects.update(verified=False)
    assert browser.get(SETUP).headers["Location"] == "/account/security"
    assert browser.post(SETUP, {"code": "123456"}).status_code == 400
    assert not Authenticator.objects.exists()


GUARDED = [SETUP, "/account/security/recovery-codes", "/account/security/password", "/account/security/email"]


@pytest.mark.parametrize("path", GUARDED)
def test_who_signed_in_a_while_ago_proves_that_it_is_still_them(browser, ann, path):
    later = timezone.now() + timedelta(minutes=5, seconds=5)
    with time_machine.travel(later):
        for answer in (browser.get(path), browser.post(path, {"email": "x@example.org", "password": "p" * 20})):
            assert answer.headers["Location"] == f"/account/security/confirm?next={path.replace('/', '%2F')}"
        confirm = {"proof": PASSWORD, "next": path}
        assert browser.post("/account/security/confirm", {"proof": "another", "next": path}).status_code == 400
        assert browser.post("/account/security/confirm", confirm).headers["Location"] == path
        assert browser.get(path, follow=True).redirect_chain in ([], [("/account/security", 302)])
    ann.refresh_from_db()
    assert ann.check_password(PASSWORD)


def test_a_code_proves_it_too_and_leads_nowhere_but_inside(browser, ann):
    phone = add_phone(ann)
    browser.post("/account/security/confirm", {"proof": "x"})
    answer = browser.post("/account/security/confirm", {"proof": phone.code(), "next": "https://elsewhere.example/"})
    assert answer.headers["Location"] == "/"


def test_who_has_nothing_to_type_is_told_to_sign_in_again(make_user):
    user = make_user(None, email="nopass@example.org", email_verified=True)
    browser = Client()
    browser.post("/auth/callback", {"key": mail_link(MAGIC, user.email)})
    assert browser.get("/account/security/password").status_code == 200  # has signed in just now
    with time_machine.travel(timezone.now() + timedelta(minutes=5, seconds=5)):
        page = browser.get("/account/security/password", follow=True)
        assert b"Sign in again" in page.content
        refused = browser.post("/account/security/confirm", {"proof": "anything"})
        assert refused.status_code == 400
        browser.post("/auth/callback", {"key": mail_link(MAGIC, user.email)})
        assert browser.get("/account/security/password").status_code == 200


def test_visitors_are_led_to_sign_in(db):
    for path in (*GUARDED, "/account/security", "/account/sessions", "/account/security/confirm"):
        assert Client().get(path).headers["Location"].startswith("/sign-in?next=")


def test_a_new_password_on_the_page_signs_every_other_device_out(
    browser, sign_in, ann, django_capture_on_commit_callbacks
):
    elsewhere = sign_in(ann)
    with django_capture_on_commit_callbacks(execute=True):
        answer = browser.post("/account/security/password", {"password": "a-new-pair-of-shoes"})
    assert answer.headers["Location"] == "/account/security"
    assert is_signed_in(browser)
    assert elsewhere.api.get("me").status_code == 401
    assert login(password="a-new-pair-of-shoes").status_code == 200


def test_a_new_address_on_the_page_is_mailed_a_link(browser):
    assert browser.post("/account/security/email", {"email": "else@example.org"}).status_code == 302
    assert follow(newest_key("change_email")).status_code == 204
    assert browser.get("/api/auth/me").json()["user"]["email"] == "else@example.org"


# --- a passkey as the second factor -----------------------------------------------------------------------------------


@pytest.fixture
def passkey(browser, ann):
    """One of Ann's."""
    passkey = Passkey()
    add_passkey(browser, passkey)
    return passkey


HEADLESS = "/api/auth/headless/browser/v1"
MINE = f"{HEADLESS}/account/authenticators/webauthn"


def add_passkey(browser, passkey, name="Ring"):
    options = browser.get(MINE).json()["data"]["creation_options"]
    body = {"name": name, "credential": passkey.register(options)}
    answer = browser.post(MINE, body, content_type="application/json")
    assert answer.status_code == 200, answer.content
    return answer


def give(browser, credential):
    return browser.post(f"{PAGE}/passkey", {"credential": credential}, content_type="application/json")


def test_a_passkey_is_a_second_factor(passkey):
    assert login().json()["factors"] == ["recovery_codes", "webauthn"]
    other = Client()
    other.post("/sign-in", CREDENTIALS | {"next": "/chats"})
    options = other.get(f"{PAGE}/passkey").json()
    answer = give(other, passkey.sign(options))
    assert (answer.status_code, answer.json()) == (200, {"next": "/chats"})
    assert is_signed_in(other)
    assert Authenticator.objects.get(type="webauthn").last_used_at is not None


def test_an_answer_is_good_for_its_own_question_once(passkey):
    first, second = Client(), Client()
    for browser in (first, second):
        browser.post("/sign-in", CREDENTIALS)
    answer = passkey.sign(first.get(f"{PAGE}/passkey").json())
    second.get(f"{PAGE}/passkey")
    assert problem(give(second, answer)) == (400, "VALIDATION_ERROR")
    assert give(first, answer).status_code == 200
    first.post("/sign-out")
    first.post("/sign-in", CREDENTIALS)
    assert problem(give(first, answer)) == (400, "VALIDATION_ERROR")


def test_a_strangers_passkey_is_none(passkey, make_user):
    make_user(PASSWORD, email="other@example.org", email_verified=True)
    stranger = Client()
    stranger.post("/sign-in", {"email": "other@example.org", "password": PASSWORD})
    theirs = Passkey()
    add_passkey(stranger, theirs)
    browser = Client()
    browser.post("/sign-in", CREDENTIALS)
    options = browser.get(f"{PAGE}/passkey").json()
    assert problem(give(browser, theirs.sign(options))) == (400, "VALIDATION_ERROR")
    assert not is_signed_in(browser)


def odd_credentials(passkey, options):
    right = passkey.sign(options)
    yield from (None, 5, "x", [], {}, [right], {"id": 1}, {"response": {}}, {**right, "response": None})
    yield {**right, "id": "AAAA", "rawId": "AAAA"}
    yield {**right, "type": "password"}
    for name in right["response"]:
        for value in ("", "AAAA", "é", None, 5, "A" * 40_000):
            yield {**right, "response": {**right["response"], name: value}} if name != "userHandle" else None


def test_odd_answers_of_a_passkey_are_refused(passkey, settings):
    settings.RATE_LIMIT_FACTOR = 1000
    browser = Client(raise_request_exception=False)
    browser.post("/sign-in", CREDENTIALS)
    for credential in odd_credentials(passkey, browser.get(f"{PAGE}/passkey").json()):
        browser.get(f"{PAGE}/passkey")
        answer = give(browser, credential)
        assert answer.status_code in {400, 429}, credential
    for body in (b"", b"[]", b"{", b"\xff", b'"x"'):
        assert browser.post(f"{PAGE}/passkey", body, content_type="application/json").status_code == 400
    assert not is_signed_in(browser)


def test_a_passkey_is_removed_by_its_owner_only(browser, passkey, ann, make_user):
    mine = Authenticator.objects.get(type="webauthn")
    make_user(PASSWORD, email="other@example.org", email_verified=True)
    stranger = Client()
    stranger.post("/sign-in", {"email": "other@example.org", "password": PASSWORD})
    for number in (str(mine.pk), "x", "", "9" * 30, "٣"):
        stranger.post("/account/security/passkeys/remove", {"passkey": number})
    assert Authenticator.objects.filter(pk=mine.pk).exists()
    browser.post("/account/security/passkeys/remove", {"passkey": mine.pk})
    assert not Authenticator.objects.exists()
    assert [mail.context["change"] for mail in told(ann)] == ["passkey_added", "passkey_removed"]


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_secrets_of_factors_are_encrypted_in_the_database(ann):
    phone = add_phone(ann)
    codes = add_recovery_codes(ann)
    stored = json.dumps(list(Authenticator.objects.values_list("data", flat=True)))
    assert phone.secret not in stored
    assert not any(code in stored for code in codes)
    seed = Authenticator.objects.get(type="recovery_codes").data["seed"]
    assert seed.startswith("gAAAA")  # Fernet's


def test_factors_outlive_a_new_secret_key(ann, phone, settings):
    with override_settings(SECRET_KEY="the next key", SECRET_KEY_FALLBACKS=[settings.SECRET_KEY]):
        second_factor.check_code(ann, phone.code())
        later = add_recovery_codes(ann)
    with override_settings(SECRET_KEY="the next key"):
        Authenticator.objects.filter(type="totp").delete()
        second_factor.check_code(ann, later[0])


def test_no_log_tells_a_secret(ann, settings):
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        phone, codes = add_phone(ann), add_recovery_codes(ann)
        key = login().json()["key"]
        code = phone.code()
        finish(key, phone.wrong())
        finish(key, code)
        login(code=codes[0])
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    assert "request" in written.getvalue()
    for secret in (phone.secret, code, key, codes[0], PASSWORD):
        assert secret not in written.getvalue()


def test_an_unknown_factor_of_nobody_raises(ann):
    with pytest.raises(ValidationProblem):
        second_factor.check_code(ann, "123456")

"""What goes by mail: magic links, confirmed and changed addresses, forgotten passwords."""

import uuid
from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from django.utils import timezone
from rq import SimpleWorker

from accounts import services
from accounts.models import ApiKey, AuthSession, MailKey, User
from accounts.services import mail_keys
from accounts.services.mail_keys import Kind
from common import redis
from common.errors import Gone, ValidationProblem
from common.keys import seal
from common.models import AuditEntry, OutgoingMail
from tests.accounts.conftest import PASSWORD, Api, problem
from tests.accounts.mailed import MAGIC, RESET, follow, mail_link, mails, newest_key

pytestmark = pytest.mark.django_db
commits = pytest.mark.django_db(transaction=True)

NEW_PASSWORD = "a-new-pair-of-shoes"


@pytest.fixture
def ann(make_user):
    return make_user(PASSWORD, email="Ann@example.org", email_verified=True)


@pytest.fixture
def unconfirmed(make_user):
    return make_user(PASSWORD, email="new@example.org")


def look(key, **headers):
    return Client().get("/api/auth/callback", {"key": key}, headers=headers)


def reset(key, password=NEW_PASSWORD):
    return Api().post("reset-password", {"key": key, "password": password})


def in_pages(path, **fields):
    browser = Client()
    return browser, browser.post(path, fields)


def is_used(key_of=MAGIC):
    return MailKey.objects.filter(kind=key_of).latest("id").used_at is not None


# --- asking -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["magic-link", "forgot-password"])
def test_who_asks_is_told_the_same_for_every_address(api, ann, path, django_assert_num_queries):
    with django_assert_num_queries(0):  # a job looks who that is
        known = api.post(path, {"email": "ann@example.org"})
        unknown = api.post(path, {"email": "nobody@example.org"})
    assert known.status_code == unknown.status_code == 202
    assert known.content == unknown.content == b'{"accepted":true}'


@commits
@pytest.mark.parametrize(("path", "kind"), [("magic-link", MAGIC), ("forgot-password", RESET)])
def test_a_worker_mails_the_link_to_who_has_an_account_and_to_nobody_else(api, ann, path, kind):
    import django_rq

    api.post(path, {"email": "ANN@example.org"})
    api.post(path, {"email": "nobody@example.org"})
    queue = django_rq.get_queue("mail")
    SimpleWorker([queue], connection=queue.connection).work(burst=True, logging_level="ERROR")
    assert [mail.to for mail in OutgoingMail.objects.filter(kind=kind)] == ["Ann@example.org"]
    assert MailKey.objects.get().kind == kind
    row = OutgoingMail.objects.get(kind=kind)
    assert row.context == {"minutes": 15 if kind == MAGIC else 60}
    assert newest_key(kind) not in str(row.__dict__)  # the row holds no secret


@pytest.mark.parametrize(
    "fields",
    [
        {"is_active": False},
        {"deleted_at": timezone.now() - timedelta(days=30, seconds=1)},
        {"deleted_at": timezone.now() - timedelta(days=40), "anonymised_at": timezone.now()},
    ],
)
@pytest.mark.parametrize("kind", [MAGIC, RESET])
def test_who_is_gone_gets_no_mail(ann, fields, kind):
    User.objects.update(**fields)
    with pytest.raises(MailKey.DoesNotExist):
        mail_link(kind, "ann@example.org")
    assert mails() == 0


@pytest.mark.parametrize("path", ["magic-link", "forgot-password"])
def test_nothing_is_promised_while_no_job_can_be_queued(api, ann, path, redis_away):
    assert problem(api.post(path, {"email": "ann@example.org"})) == (503, "NOT_READY")


@pytest.mark.parametrize("path", ["magic-link", "forgot-password"])
def test_asking_is_limited_by_account(ann, path, settings):
    settings.TRUSTED_PROXIES, settings.RATE_LIMIT_FACTOR = ["127.0.0.1"], 0.2
    answers = [
        Api().post(path, {"email": "ann@example.org"}, **{"X-Forwarded-For": f"192.0.2.{number}"})
        for number in range(3)
    ]
    assert [answer.status_code for answer in answers] == [202, 202, 429]


# --- magic links ------------------------------------------------------------------------------------------------------


def test_a_magic_link_signs_in_whoever_follows_it_wherever_they_are(api, ann):
    api.post("magic-link", {"email": "ann@example.org"})
    answer = follow(mail_link(MAGIC, "ann@example.org"))  # another client than the one that asked
    assert answer.status_code == 200
    assert set(answer.json()) == {"user", "access", "refresh"}
    assert "no-store" in answer.headers["Cache-Control"]
    assert Api(answer.json()["access"]).get("me").json()["user"]["id"] == str(ann.pk)
    assert AuthSession.objects.get().method == "magic_link"


def test_a_magic_link_works_once(ann):
    key = mail_link(MAGIC, "ann@example.org")
    assert follow(key).status_code == 200
    assert problem(follow(key)) == (410, "GONE")
    assert problem(look(key)) == (410, "GONE")
    assert AuthSession.objects.count() == 1


@pytest.mark.parametrize(("minutes", "status"), [(14.9, 200), (15.1, 410)])
def test_a_magic_link_lives_fifteen_minutes(ann, minutes, status):
    key = mail_link(MAGIC, "ann@example.org")
    with time_machine.travel(timezone.now() + timedelta(minutes=minutes)):
        assert look(key).status_code == status
        assert follow(key).status_code == status


def test_looking_at_a_link_never_uses_it_up(ann):
    key = mail_link(MAGIC, "ann@example.org")
    for _ in range(3):
        seen = look(key)
        assert (seen.status_code, seen.json()) == (200, {"kind": "magic_link", "email": "Ann@example.org"})
        page = look(key, Accept="text/html,application/xhtml+xml")
        assert (page.status_code, page.headers.get("Location")) == (302, f"/auth/callback?key={key}")
        assert Client().get(f"/auth/callback?key={key}").status_code == 200
        assert Client().head(f"/auth/callback?key={key}").status_code == 200
    assert not is_used()
    assert follow(key).status_code == 200


def test_the_page_of_a_link_has_one_button_that_signs_in(ann):
    key = mail_link(MAGIC, "ann@example.org")
    page = Client().get(f"/auth/callback?key={key}")
    assert b"Ann@example.org" in page.content
    assert "no-store" in page.headers["Cache-Control"]
    browser, answer = in_pages("/auth/callback", key=key)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert browser.get("/api/auth/me").json()["user"]["id"] == str(ann.pk)
    again, refused = in_pages("/auth/callback", key=key)
    assert refused.status_code == 410
    assert again.get("/api/auth/me").status_code == 401


def test_a_link_from_elsewhere_signs_nobody_in_without_the_pages_own_form(ann):
    key = mail_link(MAGIC, "ann@example.org")
    assert Client(enforce_csrf_checks=True).post("/auth/callback", {"key": key}).status_code == 403
    assert not is_used()


@commits
def test_of_two_who_follow_a_link_at_once_one_comes_in(ann, at_once):
    key = mail_link(MAGIC, "ann@example.org")
    answers = at_once([lambda: follow(key)] * 6)
    assert sorted(answer.status_code for answer in answers) == [200, 410, 410, 410, 410, 410]
    assert AuthSession.objects.count() == 1


def test_a_magic_link_brings_back_who_left(ann):
    services.delete_account(user_id=ann.pk, actor=ann)
    assert follow(mail_link(MAGIC, "ann@example.org")).status_code == 200
    ann.refresh_from_db()
    assert ann.deleted_at is None


def test_a_link_asked_for_before_leaving_dies_with_it(ann):
    key = mail_link(MAGIC, "ann@example.org")
    services.delete_account(user_id=ann.pk, actor=ann)
    assert problem(follow(key)) == (410, "GONE")


def test_who_is_banned_stays_outside_and_the_link_lives_on(ann):
    key = mail_link(MAGIC, "ann@example.org")
    User.objects.update(banned_until=timezone.now() + timedelta(minutes=5))
    assert problem(follow(key)) == (403, "BANNED")
    browser, refused = in_pages("/auth/callback", key=key)
    assert refused.status_code == 403
    assert b"banned until" in refused.content
    assert browser.get("/api/auth/me").status_code == 401
    assert not is_used()
    assert not AuthSession.objects.exists()
    User.objects.update(banned_until=None)
    assert follow(key).status_code == 200


def test_who_was_closed_meanwhile_stays_outside(ann):
    key = mail_link(MAGIC, "ann@example.org")
    User.objects.update(is_active=False)
    assert problem(follow(key)) == (410, "GONE")


def test_signing_in_where_somebody_is_signed_in_ends_what_was(ann, make_user):
    other = make_user(PASSWORD, email="other@example.org")
    browser = Client()
    browser.post("/sign-in", {"email": "other@example.org", "password": PASSWORD})
    browser.post("/auth/callback", {"key": mail_link(MAGIC, "ann@example.org")})
    assert browser.get("/api/auth/me").json()["user"]["id"] == str(ann.pk)
    assert AuthSession.objects.get(user=other).end_reason == "signout"
    browser.post("/auth/callback", {"key": mail_link(MAGIC, "ann@example.org")})
    assert AuthSession.objects.filter(user=ann, ended_at=None).count() == 1


# --- keys that are none -----------------------------------------------------------------------------------------------


def odd_keys():
    sealed = seal("mail_key", uuid.uuid4())
    return {
        "nothing": "",
        "a word": "abc",
        "a row that never was": sealed,
        "cut off": sealed[:-1],
        "longer": sealed + "A",
        "another purpose": seal("invitation", uuid.uuid4()),
        "no letters of ours": "é" * 43,
        "dots": "." * 43,
        "an id": str(uuid.uuid4()),
    }


@pytest.mark.parametrize("key", odd_keys().values(), ids=odd_keys())
def test_what_is_no_link_of_ours_is_told_so(key):
    assert problem(follow(key)) == (400, "VALIDATION_ERROR")
    assert problem(reset(key)) == (400, "VALIDATION_ERROR")
    assert problem(look(key)) == (400, "VALIDATION_ERROR")
    for path in ("/auth/callback", "/reset-password"):
        assert Client().get(path, {"key": key}).status_code == 400
        assert Client().post(path, {"key": key, "password": NEW_PASSWORD}).status_code == 400


@pytest.mark.parametrize("key", ["a\x00b", 5, None, [], {}, "x" * 100_000, "\ud800"])
def test_what_can_not_be_a_key_is_a_wrong_field(key):
    assert problem(follow(key)) == (400, "VALIDATION_ERROR")
    assert problem(reset(key)) == (400, "VALIDATION_ERROR")


def test_a_key_whose_signature_is_anothers_is_refused(ann, make_user):
    mine, theirs = mail_link(MAGIC, "ann@example.org"), seal("mail_key", uuid.uuid4())
    forged = mine[:22] + theirs[22:]  # 16 bytes of the id are 21⅓ letters
    assert problem(follow(forged)) == (400, "VALIDATION_ERROR")
    assert not is_used()


def test_a_link_is_good_for_its_own_kind_only(ann, unconfirmed):
    magic, forgotten = mail_link(MAGIC, "ann@example.org"), mail_link(RESET, "ann@example.org")
    assert problem(reset(magic)) == (400, "VALIDATION_ERROR")
    assert problem(follow(forgotten)) == (400, "VALIDATION_ERROR")
    assert not MailKey.objects.exclude(used_at=None).exists()
    ann.refresh_from_db()
    assert ann.check_password(PASSWORD)


def test_old_links_are_forgotten_after_a_week(ann):
    mail_link(MAGIC, "ann@example.org")
    MailKey.objects.update(expires_at=timezone.now() - timedelta(days=7, seconds=1))
    mail_link(MAGIC, "ann@example.org")
    assert mail_keys.forget_old() == 1
    assert MailKey.objects.count() == 1


# --- confirming -------------------------------------------------------------------------------------------------------


def test_who_signs_up_confirms_the_address_by_a_link(api):
    signed_in = api.post("signup", {"email": "ann@example.org", "password": PASSWORD}).json()
    assert signed_in["user"]["email_verified"] is False
    key = newest_key("confirm_email")
    assert look(key).json() == {"kind": "confirm_email", "email": "ann@example.org"}
    answer = follow(key)
    assert (answer.status_code, answer.content) == (204, b"")
    assert Api(signed_in["access"]).get("me").json()["user"]["email_verified"] is True
    assert EmailAddress.objects.get().verified is True
    assert AuthSession.objects.count() == 1  # it signs nobody in, and nobody out
    assert User.objects.get().check_password(PASSWORD)


def test_the_page_confirms_too(unconfirmed):
    mail_keys.send(Kind.CONFIRM, email=unconfirmed.email, user=unconfirmed, context={"name": ""})
    browser, answer = in_pages("/auth/callback", key=newest_key("confirm_email"))
    assert (answer.status_code, b"is confirmed" in answer.content) == (200, True)
    assert browser.get("/api/auth/me").status_code == 401


def test_the_confirmation_is_sent_again_on_demand_and_both_links_work(sign_in, unconfirmed):
    person = sign_in(unconfirmed)
    assert person.api.post("send-confirmation").status_code == 202
    first = newest_key("confirm_email")
    assert person.api.post("send-confirmation").status_code == 202
    assert mails("confirm_email", to="new@example.org") == 2
    assert follow(first).status_code == 204
    assert person.api.post("send-confirmation").status_code == 202
    assert mails("confirm_email") == 2  # nothing left to confirm
    assert follow(newest_key("confirm_email")).status_code == 204


def test_the_confirmation_is_sent_to_who_is_signed_in_only(api):
    assert problem(api.post("send-confirmation")) == (401, "UNAUTHENTICATED")


def test_the_page_of_signing_in_sends_the_confirmation_again(unconfirmed):
    browser = Client()
    browser.post("/sign-in", {"email": "new@example.org", "password": PASSWORD})
    assert browser.post("/account/security/confirmation").headers["Location"] == "/account/security"
    assert mails("confirm_email", to="new@example.org") == 1


def test_a_confirmation_lives_three_days(unconfirmed):
    mail_keys.send(Kind.CONFIRM, email=unconfirmed.email, user=unconfirmed, context={"name": ""})
    with time_machine.travel(timezone.now() + timedelta(days=3, seconds=1)):
        assert problem(follow(newest_key("confirm_email"))) == (410, "GONE")


def test_a_confirmation_of_an_address_that_was_changed_confirms_nothing(unconfirmed):
    mail_keys.send(Kind.CONFIRM, email=unconfirmed.email, user=unconfirmed, context={"name": ""})
    User.objects.update(email="elsewhere@example.org")
    assert problem(follow(newest_key("confirm_email"))) == (410, "GONE")
    assert User.objects.get().email_verified is False


# --- another address --------------------------------------------------------------------------------------------------


def ask_to_change(person, email="ann.new@example.org", password=PASSWORD):
    body = {"email": email} | ({"password": password} if password is not None else {})
    return person.api.client.post(
        "/api/users/me/email", body, content_type="application/json", headers=person.api.headers
    )


def test_an_address_changes_once_the_new_one_is_proven_and_the_old_one_is_told(sign_in, ann):
    person = sign_in(ann)
    assert ask_to_change(person).status_code == 202
    assert person.api.get("me").json()["user"]["email"] == "Ann@example.org"
    assert mails("change_email", to="ann.new@example.org") == 1
    earlier = [mail_link(MAGIC, "ann@example.org"), mail_link(RESET, "ann@example.org")]
    key = newest_key("change_email")
    assert look(key).json() == {"kind": "change_email", "email": "ann.new@example.org"}
    assert follow(key).status_code == 204
    user = person.api.get("me").json()["user"]
    assert (user["email"], user["email_verified"]) == ("ann.new@example.org", True)
    address = EmailAddress.objects.get()
    assert (address.email, address.verified, address.primary) == ("ann.new@example.org", True, True)
    told = OutgoingMail.objects.get(kind="email_changed")
    assert (told.to, told.context) == ("Ann@example.org", {"new_email": "a…@example.org"})
    assert AuditEntry.objects.filter(action="user.email_changed", actor=ann).exists()
    for link in earlier:  # they went to an address that is not theirs any more
        assert problem(follow(link)) == (410, "GONE")
    assert problem(follow(key)) == (410, "GONE")


def test_the_password_is_asked_for(sign_in, ann):
    person = sign_in(ann)
    for password in ("another-password", "", None):
        refused = ask_to_change(person, password=password)
        assert problem(refused) == (400, "VALIDATION_ERROR")
        assert list(refused.json()["errors"]) == ["password"]
    assert mails() == 0


def test_who_has_no_password_must_have_signed_in_just_now(sign_in, make_user):
    person = sign_in(make_user(None, email_verified=True))
    assert ask_to_change(person, password=None).status_code == 202
    AuthSession.objects.update(created_at=timezone.now() - timedelta(minutes=5, seconds=1))
    assert problem(ask_to_change(person, password=None)) == (403, "FORBIDDEN")
    assert mails("change_email") == 1


def test_asking_for_an_address_that_is_somebodys_looks_the_same_and_sends_nothing(sign_in, ann, unconfirmed):
    free, taken = ask_to_change(sign_in(ann)), ask_to_change(sign_in(ann), "NEW@example.org")
    assert free.content == taken.content
    assert mails("change_email") == 1
    assert mails(to="new@example.org") == 0


def test_of_two_wishes_the_newer_holds(sign_in, ann):
    person = sign_in(ann)
    ask_to_change(person, "first@example.org")
    first = newest_key("change_email")
    ask_to_change(person, "second@example.org")
    assert problem(follow(first)) == (410, "GONE")
    assert follow(newest_key("change_email")).status_code == 204


def test_an_address_that_was_taken_meanwhile_is_a_conflict_and_changes_nothing(sign_in, ann, make_user):
    ask_to_change(sign_in(ann))
    key = newest_key("change_email")
    late = make_user(email="ANN.new@example.org")
    assert problem(follow(key)) == (409, "CONFLICT")
    _, page = in_pages("/auth/callback", key=key)
    assert page.status_code == 409
    ann.refresh_from_db()
    assert ann.email == "Ann@example.org"
    assert not is_used("change_email")
    assert mails("email_changed") == 0
    late.delete()
    assert follow(key).status_code == 204


@commits
def test_of_two_people_who_take_one_address_at_once_one_gets_it(make_user, at_once):
    keys = []
    for name in ("one", "two", "three"):
        user = make_user(None, email=f"{name}@example.org", email_verified=True)
        keys.append(mail_keys.send(Kind.CHANGE_EMAIL, email="same@example.org", user=user, context={"name": ""}))
    sealed = [seal("mail_key", key.pk) for key in keys]
    answers = at_once([lambda key=key: follow(key) for key in sealed])
    assert sorted(answer.status_code for answer in answers) == [204, 409, 409]
    assert User.objects.filter(email="same@example.org").count() == 1


# --- forgotten passwords ----------------------------------------------------------------------------------------------


@commits
def test_a_forgotten_password_is_set_anew_and_every_session_ends(sign_in, ann):
    person, browser = sign_in(ann), Client()
    browser.post("/sign-in", {"email": "ann@example.org", "password": PASSWORD})
    assert (person.api.get("me").status_code, browser.get("/api/auth/me").status_code) == (200, 200)
    listener = redis.client().pubsub()
    listener.subscribe("control")
    listener.get_message(timeout=1)
    answer = reset(mail_link(RESET, "ann@example.org"))
    assert (answer.status_code, answer.content) == (204, b"")
    ended = {listener.get_message(timeout=1)["data"].decode() for _ in range(2)}
    listener.close()
    assert ended == {f"end-session {session.pk}" for session in AuthSession.objects.all()}  # for their sockets
    assert problem(person.api.get("me")) == (401, "UNAUTHENTICATED")
    assert problem(browser.get("/api/auth/me")) == (401, "UNAUTHENTICATED")
    assert problem(Api().post("refresh", {"refresh": person.refresh})) == (401, "UNAUTHENTICATED")
    assert problem(Api().post("login", {"email": "ann@example.org", "password": PASSWORD}))[0] == 401
    assert Api().post("login", {"email": "ann@example.org", "password": NEW_PASSWORD}).status_code == 200
    assert AuditEntry.objects.filter(action="user.password_changed", actor=ann).exists()
    assert mails("password_changed", to="Ann@example.org") == 1


def test_a_new_password_kills_every_other_open_link(sign_in, ann):
    ask_to_change(sign_in(ann), "thief@example.org")  # by somebody who had the old password
    keys = [newest_key("change_email"), mail_link(MAGIC, "ann@example.org"), mail_link(RESET, "ann@example.org")]
    assert reset(mail_link(RESET, "ann@example.org")).status_code == 204
    for key in keys:
        assert problem(follow(key)) == (410, "GONE")
    ann.refresh_from_db()
    assert ann.email == "Ann@example.org"


@pytest.mark.parametrize("password", ["short", "password123", "1234567890123", "ann@example.org"])
def test_a_weak_password_is_refused_and_the_link_lives_on(ann, password):
    key = mail_link(RESET, "ann@example.org")
    refused = reset(key, password)
    assert problem(refused) == (400, "VALIDATION_ERROR")
    assert list(refused.json()["errors"]) == ["password"]
    _, page = in_pages("/reset-password", key=key, password=password)
    assert page.status_code == 400
    assert key in page.content.decode()
    assert not is_used(RESET)
    assert reset(key).status_code == 204


def test_the_pages_lead_to_a_new_password(ann):
    key = mail_link(RESET, "ann@example.org")
    assert Client().get("/auth/callback", {"key": key}).headers["Location"] == f"/reset-password?key={key}"
    assert key in Client().get("/reset-password", {"key": key}).content.decode()
    _, done = in_pages("/reset-password", key=key, password=NEW_PASSWORD)
    assert (done.status_code, b"Your password is new" in done.content) == (200, True)
    ann.refresh_from_db()
    assert ann.check_password(NEW_PASSWORD)
    assert Client().get("/reset-password", {"key": key}).status_code == 410
    assert in_pages("/reset-password", key=key, password=NEW_PASSWORD)[1].status_code == 410


def test_a_link_to_a_new_password_lives_an_hour(ann):
    key = mail_link(RESET, "ann@example.org")
    with time_machine.travel(timezone.now() + timedelta(hours=1, seconds=1)):
        assert problem(reset(key)) == (410, "GONE")


@commits
def test_of_two_new_passwords_at_once_one_is_set(ann, at_once):
    key = mail_link(RESET, "ann@example.org")
    answers = at_once([lambda word=word: reset(key, f"{word}-pair-of-shoes") for word in ("one", "two", "three")])
    assert sorted(answer.status_code for answer in answers) == [204, 410, 410]


@commits
def test_links_of_one_person_followed_at_once_do_not_wait_for_each_other_for_ever(ann, at_once):
    resets = [mail_link(RESET, "ann@example.org") for _ in range(4)]
    magics = [mail_link(MAGIC, "ann@example.org") for _ in range(4)]
    calls = [lambda key=key: reset(key) for key in resets] + [lambda key=key: follow(key) for key in magics]
    answers = at_once(calls)
    assert {answer.status_code for answer in answers} <= {200, 204, 410}
    assert sum(answer.status_code == 204 for answer in answers) == 1


def test_who_left_comes_back_by_a_magic_link_and_not_by_a_new_password(ann):
    services.delete_account(user_id=ann.pk, actor=ann)
    refused = reset(mail_link(RESET, "ann@example.org"))
    assert problem(refused) == (410, "GONE")
    assert "brings it back" in refused.json()["detail"]
    ann.refresh_from_db()
    assert (ann.deleted_at is not None, ann.check_password(PASSWORD)) == (True, True)


# --- a trap set by somebody who signed up with another's address ------------------------------------------------------


@pytest.fixture
def trap(sign_in, unconfirmed):
    """An account with somebody else's address, and all that its maker has put there."""
    maker = sign_in(unconfirmed)
    SocialAccount.objects.create(user=unconfirmed, provider="discord", uid="1")
    ApiKey.objects.create(
        user=unconfirmed, organization_id=unconfirmed.memberships.get().organization_id,
        name="Mine", prefix="tk_trap", digest="x" * 64, scopes=["chat"],
    )  # fmt: skip
    ask_to_change(maker, "maker@example.org")
    return maker


@pytest.mark.parametrize("by", [MAGIC, RESET])
@commits
def test_who_proves_an_unconfirmed_address_has_it_for_themselves(trap, unconfirmed, by):
    makers_link = newest_key("change_email")
    key = mail_link(by, "new@example.org")
    answer = follow(key) if by == MAGIC else reset(key)
    assert answer.status_code in {200, 204}
    unconfirmed.refresh_from_db()
    assert unconfirmed.email_verified
    assert not unconfirmed.check_password(PASSWORD)
    assert problem(trap.api.get("me")) == (401, "UNAUTHENTICATED")
    assert problem(Api().post("refresh", {"refresh": trap.refresh})) == (401, "UNAUTHENTICATED")
    assert not SocialAccount.objects.exists()
    assert ApiKey.objects.get().revoked_at is not None
    assert problem(follow(makers_link)) == (410, "GONE")
    assert AuditEntry.objects.filter(action="user.credentials_wiped", target_id=str(unconfirmed.pk)).exists()


def test_who_has_confirmed_keeps_everything_when_they_follow_a_magic_link(sign_in, ann):
    earlier = sign_in(ann)
    assert follow(mail_link(MAGIC, "ann@example.org")).status_code == 200
    ann.refresh_from_db()
    assert ann.check_password(PASSWORD)
    assert earlier.api.get("me").status_code == 200


def test_a_link_that_is_used_raises_for_whoever_looks_again(ann):
    key = mail_link(MAGIC, "ann@example.org")
    row = mail_keys.look(key)
    mail_keys.use(row)
    for again in (lambda: mail_keys.use(row), lambda: mail_keys.look(key)):
        with pytest.raises(Gone):
            again()
    with pytest.raises(ValidationProblem):
        mail_keys.look(key[:-1])

"""`/account/data`, the way out, and what people agree to."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts import services
from accounts.models import Consent, DataExport, Membership, User
from accounts.services import exports
from tests.people import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(owner):
    client = Client()
    client.post("/sign-in", {"email": owner.user.email, "password": PASSWORD})
    return client


def text(response):
    return response.content.decode()


def test_every_page_asks_a_visitor_to_sign_in(db):
    for path in ("", "/export/state", "/delete"):
        response = Client().get(f"/account/data{path}")
        assert response.status_code == 302
        assert response.headers["Location"].startswith("/sign-in?next=/account/data")


def test_a_copy_is_asked_for_followed_and_downloaded(browser, owner):
    assert "Make my copy" in text(browser.get("/account/data"))
    assert browser.post("/account/data/export/new").headers["Location"] == "/account/data"
    waiting = text(browser.get("/account/data"))
    assert 'hx-trigger="every 2s"' in waiting
    assert "waits for its turn" in waiting
    DataExport.objects.update(status="running", progress=42)
    assert "42 %" in text(browser.get("/account/data/export/state"))
    DataExport.objects.update(status="pending")
    exports.make_export(DataExport.objects.get().pk)
    done = text(browser.get("/account/data/export/state"))
    assert "hx-trigger" not in done
    (path,) = [part.split('"')[0] for part in done.split('href="') if part.startswith("/account/data/export?key=")]
    assert b"".join(browser.get(path.replace("&amp;", "&")).streaming_content).startswith(b"PK")


@pytest.mark.parametrize(("status", "words"), [("failed", "could not be made"), ("expired", "no longer kept")])
def test_what_became_of_a_copy_is_said_with_what_to_do(browser, owner, status, words):
    DataExport.objects.create(user=owner.user, status=status)
    page = text(browser.get("/account/data"))
    assert words in page
    assert "Make a new copy" in page


def test_a_fourth_copy_is_refused_in_words(browser, owner):
    for _ in range(3):
        DataExport.objects.create(user=owner.user, status="expired")
    page = browser.post("/account/data/export/new", follow=True)
    assert "wait until tomorrow" in text(page)
    assert DataExport.objects.count() == 3


def test_news_by_mail_are_the_persons_choice(browser, owner):
    def answer():
        return Consent.objects.filter(user=owner.user, purpose="marketing").latest("pk").given

    assert answer() is False
    browser.post("/account/data/news", {"marketing": "on"})
    assert answer() is True
    assert "checked" in text(browser.get("/account/data"))
    browser.post("/account/data/news", {})
    assert answer() is False


def test_leaving_needs_the_typed_name_and_says_until_when_one_can_come_back(browser, owner):
    page = text(browser.get("/account/data/delete"))
    assert "Type your username, olivia" in page
    wrong = browser.post("/account/data/delete", {"username": "stella"})
    assert wrong.status_code == 400
    assert "That is not your username" in text(wrong)
    assert not User.objects.get(pk=owner.id).deleted_at
    response = browser.post("/account/data/delete", {"username": " @Olivia "})
    assert response.status_code == 302
    goodbye = text(Client().get(response.headers["Location"]))
    until = timezone.now() + timedelta(days=30)
    assert f"{until:%-d %B %Y}" in goodbye
    assert User.objects.get(pk=owner.id).deleted_at
    assert browser.get("/account/data").status_code == 302


@pytest.mark.parametrize("until", ["", "nonsense", "\x00", "x" * 5000])
def test_the_goodbye_page_believes_no_date_but_ours(db, until):
    page = Client().get("/goodbye", {"until": until})
    assert page.status_code == 200
    assert "for 30 days" in text(page)


def test_who_signed_in_long_ago_proves_it_is_them_first(browser, owner, time_machine):
    time_machine.move_to(timezone.now() + timedelta(minutes=10))
    response = browser.get("/account/data/delete")
    assert (response.status_code, response.headers["Location"][:26]) == (302, "/account/security/confirm?")
    assert browser.post("/account/data/delete", {"username": "olivia"}).status_code == 302
    assert not User.objects.get(pk=owner.id).deleted_at


def test_the_only_owner_of_a_team_is_told_which(browser, owner, teammate):
    team = services.create_team(user_id=owner.id, name="The Extras")
    Membership.objects.create(organization=team, user=teammate.user, role="member")
    assert "The Extras" in text(browser.get("/account/data/delete"))
    response = browser.post("/account/data/delete", {"username": "olivia"})
    assert response.status_code == 400
    assert "The Extras" in text(response)
    assert not User.objects.get(pk=owner.id).deleted_at


# --- consent ----------------------------------------------------------------------------------------------------------

PATH = "/api/users/me/consents"


def test_signing_up_is_agreeing_to_the_present_texts(api, join, settings):
    settings.TERMS_VERSION, settings.PRIVACY_VERSION = "2031-05", "2031-04"
    person = join("vera", marketing=True)
    given = {one["purpose"]: (one["version"], one["given"]) for one in api(person).get(PATH).json()["items"]}
    assert given == {"terms": ("2031-05", True), "privacy": ("2031-04", True), "marketing": ("2031-04", True)}


def test_a_new_text_is_agreed_to_once(api, owner, settings):
    settings.TERMS_VERSION = "2"
    first = api(owner).put(f"{PATH}/terms", {"given": True})
    assert (first.status_code, first.json()["version"]) == (200, "2")
    assert api(owner).put(f"{PATH}/terms", {"given": True}).json() == first.json()
    assert Consent.objects.filter(user=owner.user, purpose="terms").count() == 2


def test_only_news_can_be_taken_back(api, owner, problem):
    for purpose in ("terms", "privacy"):
        assert problem(api(owner).put(f"{PATH}/{purpose}", {"given": False})) == (409, "CONFLICT")
    assert api(owner).put(f"{PATH}/marketing", {"given": False}).status_code == 200
    assert Consent.objects.filter(user=owner.user, given=True).count() == 2


@pytest.mark.parametrize("body", [{}, {"given": "yes"}, {"given": None}, {"given": True, "version": "0"}])
def test_an_answer_is_yes_or_no(api, owner, problem, body):
    assert problem(api(owner).put(f"{PATH}/marketing", body)) == (400, "VALIDATION_ERROR")
    assert Consent.objects.filter(user=owner.user).count() == 3


def test_a_purpose_nobody_knows_is_not_found(api, owner, problem):
    assert problem(api(owner).put(f"{PATH}/world-domination", {"given": True})) == (404, "NOT_FOUND")


def test_a_visitor_has_agreed_to_nothing(api, problem):
    assert problem(api().get(PATH)) == (401, "UNAUTHENTICATED")
    assert problem(api().put(f"{PATH}/marketing", {"given": True})) == (401, "UNAUTHENTICATED")


def test_consents_take_one_query_however_many(api, owner, queries):
    api(owner).get(PATH)
    with queries() as few:
        api(owner).get(PATH)
    for number in range(20):
        Consent.objects.create(user=owner.user, purpose="marketing", version=str(number), given=True)
    with queries() as many:
        assert len(api(owner).get(PATH).json()["items"]) == 3
    assert len(few) == len(many) == 1


# --- the texts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "title"), [("/terms", "Terms of use"), ("/privacy", "Privacy")])
def test_the_texts_are_open_to_all_and_linked_where_people_join(db, path, title):
    assert f"<h1>{title}</h1>" in text(Client().get(path))
    assert f'href="{path}"' in text(Client().get("/sign-up"))
    assert f'href="{path}"' in text(Client().get("/"))


def test_the_form_to_join_asks_about_news(db):
    client = Client()
    fields = {"email": "vera@troupe.example", "password": PASSWORD, "username": "vera"}
    client.post("/sign-up", fields | {"marketing": "on"})
    assert Consent.objects.get(user__username="vera", purpose="marketing").given is True

"""A copy of one's own data: what is asked for, what is inside, who may fetch it, how long it is there."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Consent, DataExport
from accounts.services import exports
from characters.models import Lorebook
from characters.services import create_character, create_persona, like, remember
from chat.services import edit_message, send_message
from common.keys import seal
from common.models import OutgoingMail
from tests.own_data.conftest import folder, left, read

pytestmark = pytest.mark.django_db

PATH = "/api/users/me/export"
FILE = f"{PATH}/file"


def asked(person):
    return exports.request_export(user_id=person.id)


def ready(person):
    export = asked(person)
    exports.make_export(export.pk)
    export.refresh_from_db()
    assert export.status == "ready"
    return export


# --- asking -----------------------------------------------------------------------------------------------------------


def test_who_never_asked_is_told_so(api, owner):
    assert api(owner).get(PATH).json() == {"status": "none"}


def test_one_is_made_at_a_time(api, owner):
    first, second = api(owner).post(PATH), api(owner).post(PATH)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert (first.json()["status"], first.json()["progress"], first.json()["link"]) == ("pending", 0, None)
    assert DataExport.objects.count() == 1


def test_a_fourth_within_a_day_is_refused(api, owner, problem):
    for _ in range(3):
        ready(owner)
    response = api(owner).post(PATH)
    assert problem(response) == (429, "RATE_LIMIT_EXCEEDED")
    assert response.json()["bucket"] == "data_export"
    assert 86_000 < int(response.headers["Retry-After"]) <= 86_400
    assert DataExport.objects.count() == 3
    DataExport.objects.update(created_at=timezone.now() - timedelta(days=1))
    assert api(owner).post(PATH).status_code == 202


def test_one_that_failed_is_not_counted(api, owner):
    for _ in range(5):
        asked(owner)
        DataExport.objects.update(status="failed")
    assert api(owner).post(PATH).status_code == 202


def test_nobody_without_a_sign_in_has_data_here(api, problem):
    for method, path in (("post", PATH), ("get", PATH), ("get", FILE)):
        assert problem(getattr(api(), method)(path)) == (401, "UNAUTHENTICATED")
    assert not DataExport.objects.exists()


def test_one_persons_copy_is_nothing_to_another(api, owner, stranger, problem):
    ready(owner)
    assert api(stranger).get(PATH).json() == {"status": "none"}
    assert problem(api(stranger).get(FILE)) == (404, "NOT_FOUND")


def test_the_state_takes_a_fixed_number_of_queries(api, owner, queries):
    ready(owner)
    api(owner).get(PATH)  # the session is remembered from here on
    with queries() as one:
        api(owner).get(PATH)
    ready(owner)
    with queries() as two:
        api(owner).get(PATH)
    assert len(one) == len(two) <= 2


# --- what is inside ---------------------------------------------------------------------------------------------------


def test_everything_a_person_wrote_and_did_is_inside(owner, stranger, odile, talk, made):
    Lorebook.objects.create(character=odile, document={"entries": [{"content": "The lake is frozen."}]})
    create_persona(user_id=owner.id, fields={"name": "Captain", "description": "Of a ship"})
    theirs = create_character(creator=stranger.user, fields={"name": "Benno", "visibility": "unlisted"})
    like(character_id=theirs.pk, user_id=owner.id)
    remember(user_id=owner.id, character_id=theirs.pk, text="Fears storms")
    conversation = talk(owner, odile)
    sent = send_message(conversation_id=conversation.pk, user_id=owner.id, text="Dance for me", answer=False)
    edit_message(message_id=sent.message["id"], user_id=owner.id, text="Please dance for me")

    found = made(owner)
    assert read(found, "account/profile.json")["email"] == owner.user.email
    assert {row["purpose"] for row in read(found, "account/consents.json")} == {"terms", "privacy", "marketing"}
    assert len(read(found, "account/sessions.json")["sessions"]) == 1
    (character,) = folder(found, "characters")
    assert (character["name"], character["system_prompt"]) == ("Odile", "Dance.")
    assert character["lorebook"]["entries"][0]["content"] == "The lake is frozen."
    assert read(found, "you_and_characters/likes.json")["likes"][0]["character_name"] == "Benno"
    assert read(found, "you_and_characters/personas.json")[0]["name"] == "Captain"
    assert read(found, "you_and_characters/memories.json")["memories"][0]["text"] == "Fears storms"
    (said,) = folder(found, "conversations")
    assert [(one["from"], one["text"]) for one in said["messages"]] == [
        ("Odile", "Good evening."),
        ("olivia", "Please dance for me"),
    ]
    assert said["messages"][1]["you"]
    assert read(found, "wallet/entries.json")["entries"][0]["amount"] == "20"
    readme = found.read("README.txt").decode()
    assert "olivia@troupe.example" in readme
    for name in {one.split("/")[0] for one in found.namelist()} - {"README.txt"}:
        assert f"  {name}/" in readme


def test_nothing_of_others_is_inside(owner, stranger, made):
    create_character(creator=stranger.user, fields={"name": "Benno", "system_prompt": "Nobody's business"})
    found = made(owner)
    whole = b"".join(found.read(name) for name in found.namelist())
    assert b"Nobody's business" not in whole
    assert b"stella" not in whole


def test_no_secret_is_inside(owner, made):
    found = made(owner)
    whole = b"".join(found.read(name) for name in found.namelist())
    assert owner.user.password.encode() not in whole
    assert b"argon2" not in whole
    assert owner.refresh.encode() not in whole


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b\\c", "…", "con", "\u202egnp.exe", "x" * 80])
def test_a_name_can_not_lead_out_of_the_archive(owner, made, name):
    create_character(creator=owner.user, fields={"name": name})
    for file in made(owner).namelist():
        assert ".." not in file
        assert not file.startswith("/")
        assert file.isascii()
        assert file.count("/") <= 1 or file.startswith("picture/")


# --- fetching it ------------------------------------------------------------------------------------------------------


def test_the_link_comes_by_mail_and_is_never_stored(owner):
    export = ready(owner)
    mail = OutgoingMail.objects.get(kind="export_ready")
    assert (mail.to, mail.user_id) == (owner.user.email, owner.id)
    assert mail.link == {"path": "/account/data/export", "purpose": "data_export", "row_id": str(export.pk)}
    assert seal("data_export", export.pk) not in str(mail.link)


def test_the_file_is_sent_as_an_attachment_that_nobody_keeps(api, owner):
    export = ready(owner)
    response = api(owner).get(FILE)
    body = b"".join(response.streaming_content)
    assert body == exports.file_of(export).read_bytes()
    assert response.headers["Content-Type"] == "application/zip"
    assert response.headers["Content-Disposition"].startswith('attachment; filename="troupe-data-')
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [("bytes=0-0", 0, 0), ("bytes=10-", 10, None), ("bytes=-5", -5, None), ("bytes=3-999999999", 3, None)],
)
def test_a_download_goes_on_where_it_broke_off(api, owner, wanted, first, last):
    whole = exports.file_of(ready(owner)).read_bytes()
    response = api(owner).get(FILE, Range=wanted)
    expected = whole[first : None if last is None else last + 1]
    assert response.status_code == 206
    assert b"".join(response.streaming_content) == expected
    assert response.headers["Content-Length"] == str(len(expected))
    assert response.headers["Content-Range"].endswith(f"/{len(whole)}")


@pytest.mark.parametrize("wanted", ["bytes=99999999-", "bytes=5-2"])
def test_a_range_beyond_the_file_is_refused(api, owner, wanted):
    ready(owner)
    response = api(owner).get(FILE, Range=wanted)
    assert response.status_code == 416


@pytest.mark.parametrize("wanted", ["bytes=", "bytes=-", "chapters=1-2", "bytes=1-2,4-5", "bytes=x-y", "bytes=٣-٤"])
def test_a_range_that_is_none_gets_the_whole_file(api, owner, wanted):
    size = exports.file_of(ready(owner)).stat().st_size
    response = api(owner).get(FILE, Range=wanted)
    assert response.status_code == 200
    assert len(b"".join(response.streaming_content)) == size


def browser(person):
    client = Client()
    client.force_login(person.user)
    return client


def link(export):
    return f"/account/data/export?key={seal('data_export', export.pk)}"


def test_the_mailed_link_works_for_its_person(owner):
    response = browser(owner).get(link(ready(owner)))
    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]
    assert b"".join(response.streaming_content).startswith(b"PK")


def test_in_another_browser_the_link_asks_to_sign_in_first(owner):
    path = link(ready(owner))
    response = Client().get(path)
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/sign-in?next=/account/data/export%3Fkey%3D")


@pytest.mark.parametrize("spoil", [lambda key: key[:-1], lambda key: "B" + key[1:], lambda key: "", lambda key: "\x00"])
def test_a_link_that_is_not_whole_is_nothing(owner, spoil):
    export = ready(owner)
    key = seal("data_export", export.pk)
    assert browser(owner).get("/account/data/export", {"key": spoil(key)}).status_code == 404
    other_purpose = seal("magic_link", export.pk)
    assert browser(owner).get("/account/data/export", {"key": other_purpose}).status_code == 404


def test_somebody_elses_link_is_nothing(owner, stranger):
    assert browser(stranger).get(link(ready(owner))).status_code == 404


def test_after_seven_days_the_file_is_gone_and_the_state_says_so(api, owner, problem):
    export = ready(owner)
    assert exports.sweep_exports() == 0
    DataExport.objects.update(expires_at=timezone.now())
    assert exports.sweep_exports() == 2  # the row, and the file
    assert not exports.file_of(export).exists()
    assert api(owner).get(PATH).json()["status"] == "expired"
    assert api(owner).get(PATH).json()["link"] is None
    assert problem(api(owner).get(FILE)) == (404, "NOT_FOUND")
    assert browser(owner).get(link(export)).headers["Location"] == "/account/data"
    assert exports.sweep_exports() == 0


def test_a_file_that_is_lost_is_not_found_rather_than_an_error(api, owner, problem):
    exports.file_of(ready(owner)).unlink()
    assert problem(api(owner).get(FILE)) == (404, "NOT_FOUND")


def test_what_ended_long_ago_is_forgotten(api, owner):
    ready(owner)
    DataExport.objects.update(status="expired", created_at=timezone.now() - timedelta(days=31))
    exports.sweep_exports()
    assert api(owner).get(PATH).json() == {"status": "none"}


def test_consents_of_a_person_who_left_are_still_theirs(owner):
    left(owner, days=1)
    assert Consent.objects.filter(user_id=owner.id).count() == 3

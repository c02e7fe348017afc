"""Sending, reading, editing and deleting messages over REST."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from chat.models import Conversation, Message, MessageTrace, Variant

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(conversation):
    return f"/api/conversations/{conversation}/messages"


def test_what_is_said_is_kept_and_a_reply_is_pending(api, owner, path):
    response = api(owner).post(path, {"text": "Good evening.", "client_id": "a1"})
    assert response.status_code == 201
    message, reply = response.json()["message"], response.json()["reply"]
    assert (message["text"], message["status"], message["seq"]) == ("Good evening.", "complete", 2)
    assert message["author"]["kind"] == "user"
    assert (reply["status"], reply["seq"], reply["parent"], reply["text"]) == ("pending", 3, message["id"], "")
    assert reply["variants"][0]["status"] == "pending"


def test_the_answer_of_the_send_is_what_a_reader_gets(api, owner, path):
    sent = api(owner).post(path, {"text": "Good evening."}).json()
    reply, message, _greeting = api(owner).get(path).json()["items"]
    assert message == sent["message"]
    assert reply == sent["reply"]


def test_a_reply_takes_a_free_message_first(api, owner, path):
    api(owner).post(path, {"text": "One"})
    wallet = api(owner).get("/api/wallet").json()
    assert (wallet["free_messages"], wallet["total"]) == (9, "20")


def test_without_free_messages_a_reply_holds_its_price(api, owner, path):
    from billing.models import Wallet

    Wallet.objects.filter(organization_id=owner.organization_id).update(free_messages=0, free_messages_granted=0)
    api(owner).post(path, {"text": "One"})
    wallet = api(owner).get("/api/wallet").json()
    assert (wallet["total"], wallet["reserved"]) == ("19.9", "0.1")


def test_out_of_credits_nothing_is_said_and_nothing_is_held(api, owner, path, conversation, problem):
    from billing.models import Wallet

    Wallet.objects.filter(organization_id=owner.organization_id).update(
        free_messages=0, free_messages_granted=0, bonus_balance=Decimal("0.05")
    )
    response = api(owner).post(path, {"text": "One"})
    assert problem(response) == (402, "NO_CREDITS")
    assert response.json()["remaining_credits"] == "0.05"
    assert response.json()["required_credits"] == "0.1"
    assert Message.objects.filter(conversation_id=conversation).count() == 1
    assert Conversation.objects.get(pk=conversation).last_seq == 1


def test_it_can_be_said_without_asking_for_an_answer(api, owner, path):
    response = api(owner).post(path, {"text": "Just so you know.", "reply": False}).json()
    assert response["reply"] is None
    assert api(owner).get("/api/wallet").json()["free_messages"] == 10
    assert Variant.objects.filter(status="pending").count() == 0


def test_the_same_client_id_gives_the_first_message_and_reply_again(api, owner, path):
    first = api(owner).post(path, {"text": "Once", "client_id": "c-7"}).json()
    again = api(owner).post(path, {"text": "Once", "client_id": "c-7"}).json()
    assert again == first
    assert api(owner).get("/api/wallet").json()["free_messages"] == 9
    assert len(api(owner).get(path).json()["items"]) == 3


def test_a_client_id_repeats_without_a_reply_too(api, owner, path):
    body = {"text": "Once", "client_id": "c-8", "reply": False}
    assert api(owner).post(path, body).json() == api(owner).post(path, body).json()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "text"),
        ({"text": ""}, "text"),
        ({"text": "   "}, "text"),
        ({"text": 5.5e300, "reply": "perhaps"}, "reply"),
        ({"text": "x" * 16_001}, "text"),
        ({"text": "a\x00b"}, "text"),
        ({"text": "a", "client_id": "x" * 65}, "client_id"),
        ({"text": "a", "reply_to": "me"}, "reply_to"),
        ({"text": "a", "reply_to": "01890a5d-ac96-774b-bcce-b302099a8057"}, "reply_to"),
        ({"text": "a", "shout": True}, "shout"),
        ({"text": {"a": 1}}, "text"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_said(api, owner, path, conversation, body, field, problem):
    response = api(owner).post(path, body)
    assert problem(response) == (400, "VALIDATION_ERROR")
    assert field in response.json()["errors"]
    assert Message.objects.filter(conversation_id=conversation).count() == 1


def test_a_megabyte_of_text_is_refused_politely(api, owner, path, problem):
    assert problem(api(owner).post(path, {"text": "x" * 1_100_000})) in [
        (400, "VALIDATION_ERROR"),
        (413, "PAYLOAD_TOO_LARGE"),
    ]


@pytest.mark.parametrize(
    "text", ["16 000 signs " * 1200, "日本語" * 100, "🎭" * 500, "line\r\nline", "<script>alert(1)</script>"]
)
def test_words_of_every_kind_come_back_as_they_were(api, owner, path, text):
    text = text[:16_000]
    assert api(owner).post(path, {"text": text, "reply": False}).json()["message"]["text"] == text


def test_history_is_read_backwards_in_pages_and_forwards_from_a_place(api, owner, path):
    for number in range(1, 8):
        api(owner).post(path, {"text": str(number), "reply": False})
    page = api(owner).get(f"{path}?limit=3").json()
    assert [item["text"] for item in page["items"]] == ["7", "6", "5"]
    page = api(owner).get(f"{path}?limit=3&cursor={page['next']}").json()
    assert [item["text"] for item in page["items"]] == ["4", "3", "2"]
    later = api(owner).get(f"{path}?after=6&count=true").json()
    assert [item["text"] for item in later["items"]] == ["6", "7"]
    assert later["total"] == 8
    forwards = api(owner).get(f"{path}?after=2&limit=2").json()
    assert [item["text"] for item in forwards["items"]] == ["2", "3"]
    forwards = api(owner).get(f"{path}?after=2&limit=2&cursor={forwards['next']}").json()
    assert [item["text"] for item in forwards["items"]] == ["4", "5"]


@pytest.mark.parametrize(
    "query", ["cursor=x", "after=-1", "after=x", "limit=0", "limit=101", "limit=x", "after=9" + "9" * 30]
)
def test_a_bad_query_is_a_validation_error(api, owner, path, query, problem):
    assert problem(api(owner).get(f"{path}?{query}")) == (400, "VALIDATION_ERROR")


def test_history_costs_one_query_at_every_size(api, owner, path, write_reply, django_assert_num_queries):
    api(owner).get(path)
    with django_assert_num_queries(1):
        api(owner).get(path)
    for number in range(4):
        write_reply(api(owner).post(path, {"text": str(number)}).json()["reply"]["id"])
    with django_assert_num_queries(1):
        assert len(api(owner).get(path).json()["items"]) == 9


def test_ones_own_message_can_be_edited_for_fifteen_minutes(api, owner, path, problem):
    message = api(owner).post(path, {"text": "Good evning.", "reply": False}).json()["message"]
    edited = api(owner).patch(f"/api/messages/{message['id']}", {"text": "Good evening."}).json()
    assert edited["text"] == "Good evening."
    assert edited["edited_at"]
    assert edited["rev"] > message["rev"]
    assert edited["seq"] == message["seq"]
    assert MessageTrace.objects.get().text == "Good evning."
    Message.objects.filter(pk=message["id"]).update(created_at=timezone.now() - timedelta(minutes=15, seconds=1))
    late = api(owner).patch(f"/api/messages/{message['id']}", {"text": "Too late."})
    assert problem(late) == (409, "CONFLICT")


def test_a_characters_words_are_not_ones_own_to_edit(api, owner, path, problem):
    (greeting,) = api(owner).get(path).json()["items"]
    response = api(owner).patch(f"/api/messages/{greeting['id']}", {"text": "I never said that."})
    assert problem(response) == (403, "FORBIDDEN")


def test_a_deleted_message_is_gone_for_readers_and_kept_for_moderators(api, owner, path, problem):
    message = api(owner).post(path, {"text": "Forget this.", "reply": False}).json()["message"]
    assert api(owner).delete(f"/api/messages/{message['id']}").status_code == 204
    assert [item["seq"] for item in api(owner).get(path).json()["items"]] == [1]
    assert MessageTrace.objects.get().text == "Forget this."
    assert problem(api(owner).delete(f"/api/messages/{message['id']}")) == (404, "NOT_FOUND")


def test_a_stranger_can_do_nothing_to_a_message(api, owner, stranger, path, problem):
    sent = api(owner).post(path, {"text": "Mine."}).json()
    message, reply = f"/api/messages/{sent['message']['id']}", f"/api/messages/{sent['reply']['id']}"
    for response in (
        api(stranger).patch(message, {"text": "Yours."}),
        api(stranger).delete(message),
        api(stranger).post(f"{reply}/stop"),
        api(stranger).post(f"{reply}/regenerate"),
        api(stranger).post(f"{reply}/continue"),
        api(stranger).post(f"{reply}/select", {"variant": 0}),
    ):
        assert problem(response) == (404, "NOT_FOUND")
    assert Message.objects.get(pk=sent["message"]["id"]).text == "Mine."
    assert Message.objects.get(pk=sent["reply"]["id"]).status == "pending"


def test_a_flood_of_messages_is_slowed_down(api, owner, path, settings, problem):
    settings.RATE_LIMIT_FACTOR = 1
    answers = [api(owner).post(path, {"text": str(n), "reply": False}) for n in range(6)]
    assert problem(answers[-1]) == (429, "RATE_LIMIT_EXCEEDED")
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert {"retry_after", "bucket", "current_count", "max_allowed"} <= answers[-1].json().keys()

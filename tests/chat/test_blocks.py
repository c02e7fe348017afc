"""A block holds in conversations: none is begun, and nothing new is said in one that is there."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import services as accounts
from billing.models import Entry
from characters.models import Character
from chat import services
from chat.models import Conversation, Message
from common.errors import Forbidden

pytestmark = pytest.mark.django_db


@pytest.fixture
def character(owner):
    return Character.objects.create(creator=owner.user, name="Mira", visibility="unlisted", greeting="Good evening.")


@pytest.fixture
def conversation(stranger, character):
    return services.start_conversation(
        user_id=stranger.id, organization_id=stranger.organization_id, character_id=character.pk
    )


@pytest.fixture(params=["reader", "creator"])
def blocked(request, owner, stranger, conversation):
    one, other = (stranger, owner) if request.param == "reader" else (owner, stranger)
    accounts.block(user_id=one.id, blocked_id=other.id)
    return one, other


def nothing_changed(conversation, entries):
    assert Message.objects.filter(conversation=conversation).count() == 1
    assert Conversation.objects.get(pk=conversation.pk).last_seq == 1
    assert Entry.objects.count() == entries


@pytest.mark.parametrize("reply", [True, False])
def test_nothing_new_is_said(api, blocked, conversation, stranger, problem, reply):
    entries = Entry.objects.count()
    path = f"/api/conversations/{conversation.pk}/messages"
    assert problem(api(stranger).post(path, {"text": "Are you there?", "reply": reply})) == (403, "BLOCKED")
    nothing_changed(conversation, entries)


def test_no_reply_is_written_anew_or_on(api, blocked, conversation, stranger, problem):
    entries, greeting = Entry.objects.count(), Message.objects.get(conversation=conversation)
    for action in ("regenerate", "continue"):
        assert problem(api(stranger).post(f"/api/messages/{greeting.pk}/{action}")) == (403, "BLOCKED")
    nothing_changed(conversation, entries)


def test_none_is_begun(api, blocked, character, stranger, problem):
    before = Conversation.objects.count()
    body = {"kind": "character", "character": str(character.pk)}
    assert problem(api(stranger).post("/api/conversations", body)) == (403, "BLOCKED")
    assert Conversation.objects.count() == before


def test_what_was_said_stays_readable(api, blocked, conversation, stranger):
    assert len(api(stranger).get(f"/api/conversations/{conversation.pk}/messages").json()["items"]) == 1


def test_with_the_block_ended_it_goes_on(api, blocked, conversation, stranger):
    one, other = blocked
    accounts.unblock(user_id=one.id, blocked_id=other.id)
    path = f"/api/conversations/{conversation.pk}/messages"
    assert api(stranger).post(path, {"text": "Back again.", "reply": False}).status_code == 201


def test_blocks_of_others_are_no_matter(api, owner, stranger, teammate, conversation):
    accounts.block(user_id=stranger.id, blocked_id=teammate.id)
    accounts.block(user_id=teammate.id, blocked_id=owner.id)
    path = f"/api/conversations/{conversation.pk}/messages"
    assert api(stranger).post(path, {"text": "Hello.", "reply": False}).status_code == 201


def test_a_message_is_still_one_statement(conversation, stranger, teammate):
    accounts.block(user_id=stranger.id, blocked_id=teammate.id)
    with CaptureQueriesContext(connection) as queries:
        services.send_message(conversation_id=conversation.pk, user_id=stranger.id, text="Hello.", answer=False)
    assert len(queries) == 1


def test_the_socket_is_told_the_same(blocked, conversation, stranger):
    with pytest.raises(Forbidden) as refusal:
        services.send_message(conversation_id=conversation.pk, user_id=stranger.id, text="Hello.")
    assert refusal.value.code == "BLOCKED"

"""What a model is given: the character's material, then as much history as fits its window."""

import pytest

from chat.models import Conversation, Message
from chat.prompt import build_request
from generation.models import AIModel

pytestmark = pytest.mark.django_db


@pytest.fixture
def small_model():
    return AIModel(provider="custom", name="small", context_tokens=900, max_output_tokens=100)


def request_for(conversation_id, reply_id, model, **options):
    conversation = Conversation.objects.select_related("character", "persona").get(pk=conversation_id)
    message = Message.objects.get(pk=reply_id)
    return build_request(
        conversation, message, model, **({"base_text": "", "continuation": False, "seed": "x"} | options)
    )


def ask(api, owner, conversation, text):
    return api(owner).post(f"/api/conversations/{conversation}/messages", {"text": text}).json()["reply"]["id"]


def test_the_characters_material_comes_first_with_its_names_filled_in(api, owner, conversation, small_model):
    request = request_for(conversation, ask(api, owner, conversation, "Hello."), small_model)
    system = request.messages[0]
    assert system.role == "system"
    assert "You are Odile" in system.content
    assert "olivia: Do you like rain?" in system.content
    assert "{{" not in system.content


def test_history_follows_oldest_first_and_ends_with_the_question(api, owner, conversation, small_model):
    request = request_for(conversation, ask(api, owner, conversation, "Hello."), small_model)
    assert [message.role for message in request.messages] == ["system", "assistant", "user"]
    assert request.messages[-1].content == "Hello."


def test_old_history_is_left_out_where_the_window_is_small(api, owner, conversation, small_model):
    for number in range(12):
        api(owner).post(
            f"/api/conversations/{conversation}/messages", {"text": f"{number}. " + "words " * 80, "reply": False}
        )
    request = request_for(conversation, ask(api, owner, conversation, "And now?"), small_model)
    said = [message.content for message in request.messages if message.role == "user"]
    assert said[-1] == "And now?"
    assert said[-2].startswith("11.")
    assert len(said) < 12


def test_a_question_too_long_for_the_window_is_asked_all_the_same(api, owner, conversation, small_model):
    request = request_for(conversation, ask(api, owner, conversation, "why " * 3000), small_model)
    assert request.messages[-1].role == "user"


def test_deleted_messages_and_failed_replies_are_not_shown_to_the_model(
    api, owner, conversation, small_model, write_reply
):
    from chat.models import Status

    write_reply(ask(api, owner, conversation, "one"), "broken", Status.FAILED)
    sent = api(owner).post(f"/api/conversations/{conversation}/messages", {"text": "secret", "reply": False}).json()
    api(owner).delete(f"/api/messages/{sent['message']['id']}")
    request = request_for(conversation, ask(api, owner, conversation, "two"), small_model)
    assert [message.content for message in request.messages[2:]] == ["one", "two"]


def test_going_on_ends_with_what_is_there(api, owner, conversation, small_model):
    reply = ask(api, owner, conversation, "Tell me.")
    request = request_for(conversation, reply, small_model, base_text="Once upon", continuation=True)
    assert (request.messages[-1].role, request.messages[-1].content) == ("assistant", "Once upon")
    assert request.continuation

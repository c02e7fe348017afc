"""Chat over the socket: the same services as REST, the same inputs, the same limits."""

import uuid
from collections.abc import Callable
from typing import Any

from chat import inputs, selectors, services, topics
from common.api import InputSerializer, checked
from common.fields import Id
from common.ratelimits import Gate
from common.realtime import register_command, register_topic

Payload = dict[str, Any]


class InConversation(InputSerializer):
    conversation = Id()


class OfMessage(InputSerializer):
    message = Id()


class SendInput(InConversation, inputs.MessageInput):
    pass


class ReadInput(InConversation, inputs.ReadInput):
    pass


class TypingInput(InConversation, inputs.TypingInput):
    pass


class EditInput(OfMessage, inputs.MessageChange):
    pass


class SelectInput(OfMessage, inputs.VariantChoice):
    pass


def register() -> None:
    register_topic("conversation", replay=selectors.replay_conversation)
    for name, command in COMMANDS.items():
        register_command(f"chat.{name}", command)


def _pass(*windows: tuple[str, str]) -> None:
    Gate(who="", windows=windows).enter()


def send(identity: Any, payload: Payload) -> Payload:
    """As `POST /api/conversations/{id}/messages`."""
    body = checked(SendInput, payload)
    conversation_id: uuid.UUID = body["conversation"]
    who = f"{identity.user_id}:{conversation_id}"
    _pass(("chat:dm:send", who), ("chat:dm:send:burst", who))
    sent = services.send_message(
        conversation_id=conversation_id,
        user_id=identity.user_id,
        text=body["text"],
        client_id=body["client_id"],
        reply_to=body["reply_to"],
        answer=body["reply"],
    )
    return {"message": sent.message, "reply": sent.reply}


def edit(identity: Any, payload: Payload) -> Payload:
    body = checked(EditInput, payload)
    _pass(("chat:edit", str(identity.user_id)))
    return services.edit_message(message_id=body["message"], user_id=identity.user_id, text=body["text"])


def delete(identity: Any, payload: Payload) -> Payload:
    body = checked(OfMessage, payload)
    _pass(("chat:delete", str(identity.user_id)))
    services.delete_message(message_id=body["message"], user_id=identity.user_id)
    return {"message": body["message"]}


def _asked(service: Callable[..., Payload]) -> Callable[[Any, Payload], Payload]:
    """A command that has a character's message written anew or on."""

    def command(identity: Any, payload: Payload) -> Payload:
        body = checked(OfMessage, payload)
        who = f"{identity.user_id}:replies"
        _pass(("chat:dm:send", who), ("chat:dm:send:burst", who))
        return service(message_id=body["message"], user_id=identity.user_id)

    return command


def stop(identity: Any, payload: Payload) -> Payload:
    body = checked(OfMessage, payload)
    return services.stop_reply(message_id=body["message"], user_id=identity.user_id)


def select(identity: Any, payload: Payload) -> Payload:
    body = checked(SelectInput, payload)
    return services.select_variant(message_id=body["message"], user_id=identity.user_id, variant=body["variant"])


def read(identity: Any, payload: Payload) -> Payload:
    body = checked(ReadInput, payload)
    mark = services.mark_read(conversation_id=body["conversation"], user_id=identity.user_id, seq=body["seq"])
    return {"last_read_seq": mark}


def typing(identity: Any, payload: Payload) -> Payload:
    body = checked(TypingInput, payload)
    selectors.seat_of(body["conversation"], identity.user_id)
    topics.typing(body["conversation"], identity.user_id, active=body["active"])
    return {}


COMMANDS: dict[str, Callable[[Any, Payload], Any]] = {
    "send": send,
    "edit": edit,
    "delete": delete,
    "regenerate": _asked(services.regenerate_reply),
    "continue": _asked(services.continue_reply),
    "stop": stop,
    "select": select,
    "read": read,
    "typing": typing,
}

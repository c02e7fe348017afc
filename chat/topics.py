"""The topic `conversation:<id>` and the payload of each of its frames. Services publish through these."""

import uuid
from typing import Any

from common.realtime import publish_now_unsafe, publish_on_commit


def topic_of(conversation_id: uuid.UUID | str) -> str:
    return f"conversation:{conversation_id}"


def message_created(message: dict[str, Any]) -> None:
    publish_on_commit(topic_of(message["conversation"]), "chat.message", message, seq=message["seq"])


def message_updated(message: dict[str, Any]) -> None:
    """The whole message as it is now."""
    publish_on_commit(topic_of(message["conversation"]), "chat.updated", message, seq=message["rev"])


def message_deleted(conversation_id: uuid.UUID, message_id: uuid.UUID, seq: int, rev: int) -> None:
    data = deleted_data(conversation_id, message_id, seq, rev)
    publish_on_commit(topic_of(conversation_id), "chat.deleted", data, seq=rev)


def deleted_data(conversation_id: uuid.UUID, message_id: uuid.UUID | str, seq: int, rev: int) -> dict[str, Any]:
    return {"message": message_id, "conversation": conversation_id, "seq": seq, "rev": rev}


def delta_data(message_id: uuid.UUID, variant: int, index: int, text: str) -> dict[str, Any]:
    return {"message": message_id, "variant": variant, "index": index, "text": text}


def typing(conversation_id: uuid.UUID, user_id: uuid.UUID, *, active: bool) -> None:
    publish_now_unsafe(topic_of(conversation_id), "chat.typing", {"user": user_id, "active": active})


def read_up_to(conversation_id: uuid.UUID, user_id: uuid.UUID, seq: int) -> None:
    publish_now_unsafe(topic_of(conversation_id), "chat.read", {"user": user_id, "seq": seq})

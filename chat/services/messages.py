"""Sending, editing and deleting messages."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from chat import topics
from chat.models import Message, MessageTrace, Status
from chat.numbers import next_number
from chat.selectors import APART, Seat, read_message, refuse_apart, seat_at, seat_of
from chat.services import replies
from common.database import fetch_one
from common.errors import Conflict, Forbidden, NotFound, ValidationProblem
from common.models import new_id
from common.tokens import count_tokens
from common.tracking import track

EDITABLE_FOR = timedelta(minutes=15)


@dataclass(frozen=True)
class Sent:
    """What `send_message` made, or what an earlier call with the same `client_id` made."""

    message: dict[str, Any]
    reply: dict[str, Any] | None
    repeated: bool = False


SEND = f"""
WITH repeat AS (
  SELECT 1 FROM chat_message WHERE conversation_id = %(conversation)s AND client_id = %(client_id)s::text
), numbered AS (
  UPDATE chat_conversation c
  SET last_seq = c.last_seq + %(count)s, last_message_at = %(now)s, tokens = c.tokens + %(tokens)s
  FROM chat_member mb
  WHERE c.id = %(conversation)s AND mb.conversation_id = c.id AND mb.user_id = %(user)s AND mb.left_at IS NULL
    AND c.deleted_at IS NULL AND NOT EXISTS (SELECT 1 FROM repeat)
    AND NOT {APART}
  RETURNING c.last_seq - %(count)s + 1 AS seq
), listed AS (
  UPDATE chat_member SET last_message_at = %(now)s
  WHERE conversation_id = %(conversation)s AND EXISTS (SELECT 1 FROM numbered)
), said AS (
  INSERT INTO chat_message (id, created_at, updated_at, conversation_id, seq, rev, reply_to_id, author_kind,
                            author_user_id, text, status, variant, tokens, client_id)
  SELECT %(id)s, %(now)s, %(now)s, %(conversation)s, seq, seq, %(reply_to)s::uuid, 'user',
         %(user)s, %(text)s, 'complete', 0, %(tokens)s, %(client_id)s::text
  FROM numbered
  ON CONFLICT (conversation_id, client_id) WHERE client_id IS NOT NULL DO NOTHING
  RETURNING seq
)
SELECT said.seq, COALESCE(NULLIF(u.display_name, ''), u.username) FROM said, accounts_user u WHERE u.id = %(user)s
"""  # noqa: S608 - only our own texts are put together


def send_message(
    *,
    conversation_id: uuid.UUID,
    user_id: uuid.UUID,
    text: str,
    client_id: str | None = None,
    reply_to: uuid.UUID | None = None,
    answer: bool = True,
    key: replies.ByKey | None = None,
) -> Sent:
    """A person says something; a character that is there begins its reply.

    The message, the reply to write and the credits it may cost are one transaction. With a `client_id` that was used
    in this conversation before, nothing is done and the first result comes back. `answer=False` only says it.
    Raises NotFound, NoCredits, ValidationProblem, Forbidden `BLOCKED`.
    """
    if not text.strip():
        raise ValidationProblem(errors={"text": ["Say something."]})
    if not answer and reply_to is None:
        return _say(conversation_id, user_id, text, client_id, None)
    seat = seat_of(conversation_id, user_id)
    _check_reply_to(conversation_id, reply_to)
    if not answer or seat.character_id is None:
        return _say(conversation_id, user_id, text, client_id, reply_to)
    if client_id and (sent := _sent_before(conversation_id, user_id, client_id)):
        return sent
    return _say_and_ask(seat, seat.character_id, text, client_id, reply_to, key)


def _say(
    conversation_id: uuid.UUID, user_id: uuid.UUID, text: str, client_id: str | None, reply_to: uuid.UUID | None
) -> Sent:
    """One statement, so one round trip, and no transaction around it."""
    message = _insert(conversation_id, user_id, text, client_id, reply_to, count=1)
    if message is None:
        return _already_sent(conversation_id, user_id, client_id)
    topics.message_created(message)
    return Sent(message, None)


def _say_and_ask(
    seat: Seat,
    character_id: uuid.UUID,
    text: str,
    client_id: str | None,
    reply_to: uuid.UUID | None,
    key: replies.ByKey | None,
) -> Sent:
    with transaction.atomic():
        work = replies.prepare(seat, extra_tokens=count_tokens(text), key=key)
        message = _insert(seat.conversation_id, seat.user_id, text, client_id, reply_to, count=2)
        if message is None:
            # a twin of this call was faster; give back what was reserved for ours
            transaction.set_rollback(True)
        else:
            reply = replies.open_reply(seat, work, character_id, seq=message["seq"] + 1, parent=message["id"])
            topics.message_created(message)
            topics.message_created(reply)
            track("message_sent", user_id=seat.user_id, kind=seat.kind)
            return Sent(message, reply)
    return _already_sent(seat.conversation_id, seat.user_id, client_id)


def _insert(
    conversation_id: uuid.UUID,
    user_id: uuid.UUID,
    text: str,
    client_id: str | None,
    reply_to: uuid.UUID | None,
    *,
    count: int,
) -> dict[str, Any] | None:
    """Writes the message and takes `count` numbers; None if it was no member's, or said before."""
    message_id, now = new_id(), timezone.now()
    row = fetch_one(
        SEND,
        {
            "id": message_id,
            "conversation": conversation_id,
            "user": user_id,
            "text": text,
            "tokens": count_tokens(text),
            "client_id": client_id,
            "reply_to": reply_to,
            "count": count,
            "now": now,
        },
        prepared=True,
    )
    if row is None:
        return None
    return {
        "id": message_id,
        "conversation": conversation_id,
        "seq": row[0],
        "rev": row[0],
        "parent": None,
        "author": {"id": user_id, "kind": "user", "name": row[1], "avatar": None},
        "text": text,
        "status": Status.COMPLETE.value,
        "reply_to": reply_to,
        "reactions": [],
        "variants": [],
        "variant": 0,
        "attachments": [],
        "client_id": client_id,
        "edited_at": None,
        "created_at": now,
    }


def _already_sent(conversation_id: uuid.UUID, user_id: uuid.UUID, client_id: str | None) -> Sent:
    """After an insert that wrote nothing: a repeat, or nobody who may write here."""
    seat_of(conversation_id, user_id)
    if client_id and (sent := _sent_before(conversation_id, user_id, client_id)):
        return sent
    refuse_apart(conversation_id, user_id)
    raise NotFound


def _sent_before(conversation_id: uuid.UUID, user_id: uuid.UUID, client_id: str) -> Sent | None:
    row = fetch_one(
        """
        SELECT m.id, m.author_user_id, r.id FROM chat_message m LEFT JOIN chat_message r ON r.parent_id = m.id
        WHERE m.conversation_id = %s AND m.client_id = %s
        """,
        [conversation_id, client_id],
    )
    if row is None:
        return None
    message_id, author_id, reply_id = row
    if author_id != user_id:
        raise Conflict("This client_id was used in this conversation already.")
    return Sent(read_message(message_id), read_message(reply_id) if reply_id else None, repeated=True)


def _check_reply_to(conversation_id: uuid.UUID, reply_to: uuid.UUID | None) -> None:
    if reply_to and not Message.objects.filter(pk=reply_to, conversation_id=conversation_id, deleted_at=None).exists():
        raise ValidationProblem(errors={"reply_to": ["There is no such message in this conversation."]})


@transaction.atomic
def edit_message(*, message_id: uuid.UUID, user_id: uuid.UUID, text: str) -> dict[str, Any]:
    """One's own message, within 15 minutes. The words before stay in a trace for moderators."""
    if not text.strip():
        raise ValidationProblem(errors={"text": ["Say something, or delete the message."]})
    message = _own_message(message_id, user_id)
    if message.author_user_id != user_id:
        raise Forbidden("Only who wrote a message may edit it.")
    if message.created_at < timezone.now() - EDITABLE_FOR:
        raise Conflict("A message can be edited for 15 minutes.")
    if message.text != text:
        MessageTrace.objects.create(message=message, editor_id=user_id, action="edit", text=message.text)
        tokens = count_tokens(text)
        message.rev = next_number(message.conversation_id, tokens=tokens - message.tokens)
        message.text, message.tokens, message.edited_at = text, tokens, timezone.now()
        message.save(update_fields=["rev", "text", "tokens", "edited_at", "updated_at"])
        topics.message_updated(read_message(message_id))
    return read_message(message_id)


@transaction.atomic
def delete_message(*, message_id: uuid.UUID, user_id: uuid.UUID) -> None:
    """One's own message, or a character's in a conversation of one's own. A reply in progress is stopped first."""
    message = _own_message(message_id, user_id)
    replies.stop_message(message)
    MessageTrace.objects.create(message=message, editor_id=user_id, action="delete", text=message.text)
    rev = next_number(message.conversation_id, tokens=-message.tokens)
    Message.objects.filter(pk=message_id).update(rev=rev, deleted_at=timezone.now(), updated_at=timezone.now())
    topics.message_deleted(message.conversation_id, message.id, message.seq, rev)


def _own_message(message_id: uuid.UUID, user_id: uuid.UUID) -> Message:
    """The message, locked, if the person may change it. Raises NotFound, Forbidden."""
    seat = seat_at(message_id, user_id)
    message = Message.objects.select_for_update(no_key=True).filter(pk=message_id, deleted_at=None).first()
    if message is None:
        raise NotFound
    if message.author_user_id != user_id and not (message.author_character_id and seat.role == "owner"):
        raise Forbidden
    return message


def mark_read(*, conversation_id: uuid.UUID, user_id: uuid.UUID, seq: int) -> int:
    """Moves the reader's mark forward, never back; returns where it is."""
    row = fetch_one(
        """
        UPDATE chat_member mb SET last_read_seq = GREATEST(mb.last_read_seq, LEAST(%s, c.last_seq))
        FROM chat_conversation c
        WHERE c.id = mb.conversation_id AND c.id = %s AND c.deleted_at IS NULL
          AND mb.user_id = %s AND mb.left_at IS NULL
        RETURNING mb.last_read_seq
        """,
        [seq, conversation_id, user_id],
    )
    if row is None:
        raise NotFound
    topics.read_up_to(conversation_id, user_id, row[0])
    return row[0]

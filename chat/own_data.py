"""A person's own copy of their conversations, and what becomes of those when they leave for good."""

import uuid
from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from accounts import registry
from accounts.models import User
from accounts.registry import ExportFile, LongList
from characters.own_data import file_stem
from chat.models import Conversation, Member, MessageTrace, Variant
from chat.services.replies import stop_all
from common.database import by_key, fetch_all

AT_ONCE = 100  # messages: each may have many wordings
ROWS_A_STATEMENT = 5_000

MESSAGES = """
SELECT m.id, m.seq, m.created_at, m.edited_at, m.text, m.variant, m.author_user_id, c.name,
       COALESCE(NULLIF(u.display_name, ''), u.username)
FROM (SELECT * FROM chat_message
      WHERE conversation_id = %s AND seq > %s AND deleted_at IS NULL ORDER BY seq LIMIT %s) m
LEFT JOIN accounts_user u ON u.id = m.author_user_id
LEFT JOIN characters_character c ON c.id = m.author_character_id
ORDER BY m.seq
"""


def register() -> None:
    registry.add_export_part(
        "conversations", read, size=size, says="Your conversations, a file each, with every message in its order."
    )
    registry.on_account_anonymised(anonymise)


# --- their copy -------------------------------------------------------------------------------------------------------


def size(user: User) -> int:
    members = Member.objects.filter(user=user, left_at=None)
    return members.count() + (members.aggregate(sum=Sum("conversation__last_seq"))["sum"] or 0)


def read(user: User) -> Iterator[ExportFile]:
    """What the person can read in the web app: what was deleted is not there."""
    members = Member.objects.filter(user=user, left_at=None, conversation__deleted_at=None)
    for member in by_key(members.select_related("conversation__character", "conversation__persona")):
        conversation = member.conversation
        name = conversation.title or (conversation.character.name if conversation.character else conversation.kind)
        head = _head(conversation, member)
        yield f"{file_stem(name, conversation.pk)}.json", LongList(head, "messages", _messages(conversation.pk, user))


def _head(conversation: Conversation, member: Member) -> dict[str, Any]:
    return {
        "id": conversation.pk,
        "kind": conversation.kind,
        "title": conversation.title,
        "character": conversation.character.name if conversation.character else None,
        "you_as": conversation.persona.name if conversation.persona else None,
        "model": conversation.model or None,
        "began": conversation.created_at,
        "archived": member.archived,
    }


def _messages(conversation_id: uuid.UUID, user: User) -> Iterator[dict[str, Any]]:
    seq = 0
    while rows := fetch_all(MESSAGES, [conversation_id, seq, AT_ONCE]):
        wordings = _other_wordings([row[0] for row in rows])
        for message_id, seq, at, edited_at, text, variant, author_id, character, person in rows:
            message = {"number": seq, "at": at, "from": character or person, "you": author_id == user.pk, "text": text}
            if edited_at:
                message["edited"] = edited_at
            if others := [said for index, said in wordings.get(message_id, ()) if index != variant]:
                message["other_wordings"] = others
            yield message


def _other_wordings(message_ids: list[uuid.UUID]) -> dict[uuid.UUID, list[tuple[int, str]]]:
    found: dict[uuid.UUID, list[tuple[int, str]]] = {}
    several = Variant.objects.filter(message__in=message_ids).order_by("message", "index")
    for message_id, index, text in several.values_list("message_id", "index", "text"):
        found.setdefault(message_id, []).append((index, text))
    return found


# --- leaving ----------------------------------------------------------------------------------------------------------

OWN_TABLES = [
    "DELETE FROM chat_messagetrace WHERE message_id IN ({messages})",
    "DELETE FROM chat_variant WHERE message_id IN ({messages})",
    "DELETE FROM chat_message WHERE id IN ({messages})",
]
# none of them is left: the rows that are deleted last are what finds the others
SOME_MESSAGES = "SELECT id FROM chat_message WHERE conversation_id = %s ORDER BY seq LIMIT {limit}"
SILENCE = """
UPDATE chat_message SET text = '', deleted_at = COALESCE(deleted_at, now()), updated_at = now()
WHERE id IN (SELECT id FROM chat_message WHERE author_user_id = %s AND text <> '' LIMIT {limit})
"""


def anonymise(user: User) -> None:
    """Conversations with characters go altogether. In one with other people their own words go, and they leave."""
    mine = [*_conversations(user, left=False), *_conversations(user, left=True)]
    shared = set(
        Member.objects.filter(conversation__in=mine).exclude(user=user).values_list("conversation_id", flat=True)
    )
    for conversation_id in mine:
        if conversation_id not in shared:
            _delete(conversation_id)
    _repeat(SILENCE, user.pk)
    MessageTrace.objects.filter(editor=user).update(text="")
    MessageTrace.objects.filter(message__author_user=user).update(text="")
    Member.objects.filter(user=user, left_at=None).update(left_at=timezone.now())


def _conversations(user: User, *, left: bool) -> list[uuid.UUID]:
    members = Member.objects.filter(user=user, left_at__isnull=not left)
    return list(members.values_list("conversation_id", flat=True))


def _delete(conversation_id: uuid.UUID) -> None:
    stop_all(conversation_id=conversation_id)
    some = SOME_MESSAGES.format(limit=ROWS_A_STATEMENT)
    with connection.cursor() as cursor:
        while True:
            for statement in OWN_TABLES:
                cursor.execute(statement.format(messages=some), [conversation_id])
            if cursor.rowcount < ROWS_A_STATEMENT:
                break
    Conversation.objects.filter(pk=conversation_id).delete()


def _repeat(statement: str, user_id: uuid.UUID) -> None:
    with connection.cursor() as cursor:
        while True:
            cursor.execute(statement.format(limit=ROWS_A_STATEMENT), [user_id])
            if cursor.rowcount < ROWS_A_STATEMENT:
                return

"""Reads of conversations and messages. Who is no member is told there is nothing."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.selectors import blocked
from characters.selectors import avatar_url
from chat.lines import Line, read_lines
from chat.models import IN_PROGRESS
from chat.topics import deleted_data, topic_of
from common.database import fetch_all, fetch_one
from common.errors import NotFound
from common.realtime import Replay
from common.realtime.frames import Frame, encode

# A client that missed more than this reads afresh instead.
REPLAYED_CHANGES = 500

IS_MEMBER = """
EXISTS (SELECT 1 FROM chat_member mb JOIN chat_conversation c ON c.id = mb.conversation_id
        WHERE mb.conversation_id = %(conversation)s AND mb.user_id = %(user)s
          AND mb.left_at IS NULL AND c.deleted_at IS NULL)
"""

# Whether a block stands between %(user)s and who made the character of conversation `c`. It begins with the person's
# own blocks, which nearly nobody has: then it is two looks into an index.
APART = """
EXISTS (SELECT 1 FROM (
          SELECT blocked_id AS other FROM accounts_block WHERE user_id = %(user)s
          UNION ALL SELECT user_id FROM accounts_block WHERE blocked_id = %(user)s) apart
        JOIN characters_character made ON made.creator_id = apart.other
        WHERE made.id = c.character_id)
"""


@dataclass(frozen=True, slots=True)
class Seat:
    """A person's place in a conversation, with what a reply needs to know of it."""

    conversation_id: uuid.UUID
    user_id: uuid.UUID
    kind: str
    role: str
    character_id: uuid.UUID | None
    organization_id: uuid.UUID
    model: str
    tokens: int
    last_seq: int
    maker_is_gone: bool = False
    may_pay: bool = True  # whether the person still belongs to the organisation that pays
    character_name: str = ""


def seat_of(conversation_id: uuid.UUID, user_id: uuid.UUID) -> Seat:
    """Raises NotFound for who is no member."""
    row = fetch_one(
        """
        SELECT c.kind, mb.role, c.character_id, c.organization_id, c.model, c.tokens, c.last_seq,
               COALESCE(u.deleted_at IS NOT NULL OR NOT u.is_active, false),
               EXISTS (SELECT 1 FROM accounts_membership payer
                       WHERE payer.organization_id = c.organization_id AND payer.user_id = mb.user_id),
               COALESCE(ch.name, '')
        FROM chat_conversation c JOIN chat_member mb ON mb.conversation_id = c.id
        LEFT JOIN characters_character ch ON ch.id = c.character_id
        LEFT JOIN accounts_user u ON u.id = ch.creator_id
        WHERE c.id = %s AND mb.user_id = %s AND mb.left_at IS NULL AND c.deleted_at IS NULL
        """,
        [conversation_id, user_id],
        prepared=True,
    )
    if row is None:
        raise NotFound
    return Seat(conversation_id, user_id, *row)


def refuse_apart(conversation_id: uuid.UUID, user_id: uuid.UUID) -> None:
    """Raises Forbidden `BLOCKED` where the person and the maker of the conversation's character keep apart."""
    sql = f"SELECT {APART} FROM chat_conversation c WHERE c.id = %(conversation)s"  # noqa: S608 - our own text
    row = fetch_one(sql, {"conversation": conversation_id, "user": user_id}, prepared=True)
    if row and row[0]:
        raise blocked()


def seat_at(message_id: uuid.UUID, user_id: uuid.UUID) -> Seat:
    """The seat in the conversation of a message that is still there. Raises NotFound."""
    row = fetch_one("SELECT conversation_id FROM chat_message WHERE id = %s AND deleted_at IS NULL", [message_id])
    if row is None:
        raise NotFound
    return seat_of(row[0], user_id)


def read_message(message_id: uuid.UUID) -> dict[str, Any]:
    """One message as it is now, for who has been authorised already."""
    (line,) = read_lines("m.id = %(message)s", {"message": message_id})
    return line.data()


def messages_before(conversation_id: uuid.UUID, user_id: uuid.UUID, *, before: int | None, limit: int) -> list[Line]:
    """At most `limit` messages with a smaller `seq`, newest first. Raises NotFound."""
    return _read_as_member(
        "m.seq < %(before)s",
        "m.seq DESC",
        {"conversation": conversation_id, "user": user_id, "before": before or 2**62, "limit": limit},
    )


def messages_after(conversation_id: uuid.UUID, user_id: uuid.UUID, *, after: int, limit: int) -> list[Line]:
    """At most `limit` messages with a greater `seq`, oldest first. Raises NotFound."""
    return _read_as_member(
        "m.seq > %(after)s",
        "m.seq",
        {"conversation": conversation_id, "user": user_id, "after": after, "limit": limit},
    )


def _read_as_member(place: str, order: str, params: dict[str, Any]) -> list[Line]:
    where = f"m.conversation_id = %(conversation)s AND m.deleted_at IS NULL AND {place} AND {IS_MEMBER}"
    lines = read_lines(where, params, order=order, limit=True)
    if not lines:
        seat_of(params["conversation"], params["user"])  # an empty page, or nothing of theirs
    return lines


def count_messages(conversation_id: uuid.UUID) -> int:
    row = fetch_one(
        "SELECT count(*) FROM chat_message WHERE conversation_id = %s AND deleted_at IS NULL", [conversation_id]
    )
    return row[0] if row else 0


def replay_conversation(identity: Any, conversation_id: str, since: int | None) -> Replay:
    """What the topic has after `since`: each changed message once, as it is now, in order of `rev`; replies in
    progress always, so that their deltas can go on from there. Raises NotFound.
    """
    try:
        parsed = uuid.UUID(conversation_id)
    except ValueError as error:
        raise NotFound from error
    seat = seat_of(parsed, identity.user_id)
    if since is None:
        return Replay(latest=seat.last_seq)
    if since > seat.last_seq or seat.last_seq - since > REPLAYED_CHANGES:
        return Replay(latest=seat.last_seq, gap=True)
    lines = read_lines(
        """m.conversation_id = %(conversation)s AND m.rev <= %(latest)s
        AND (m.rev > %(since)s OR m.status IN ('pending', 'streaming'))""",
        {"conversation": parsed, "latest": seat.last_seq, "since": since},
        order="m.rev",
    )
    floors = {f"{line.id}/{line.variant}": line.next_index for line in lines if line.next_index is not None}
    return Replay(latest=seat.last_seq, frames=[_frame_of(line, parsed, since) for line in lines], floors=floors)


def _frame_of(line: Line, conversation_id: uuid.UUID, since: int) -> Frame:
    topic = topic_of(conversation_id)
    if line.deleted:
        gone = deleted_data(conversation_id, line.id, line.seq, line.rev)
        return Frame(encode(topic, "chat.deleted", gone, seq=line.rev).decode(), seq=line.rev)
    kind = "chat.message" if line.seq > since else "chat.updated"
    return Frame(encode(topic, kind, line.content, seq=line.rev).decode(), seq=line.rev)


CONVERSATION_SQL = """
SELECT c.id, c.kind, c.title, c.model, c.persona_id, c.organization_id, c.last_seq, mb.last_message_at, c.created_at,
       c.updated_at, mb.role, mb.archived, mb.muted_until, mb.last_read_seq,
       ch.id, ch.name, ch.tagline,
       newest.text, newest.author_kind, newest.status,
       (SELECT count(*) FROM (
         SELECT 1 FROM chat_message m
         WHERE m.conversation_id = c.id AND m.seq > mb.last_read_seq AND m.deleted_at IS NULL
           AND m.author_user_id IS DISTINCT FROM mb.user_id LIMIT 100) unread)
FROM chat_member mb
JOIN chat_conversation c ON c.id = mb.conversation_id
LEFT JOIN characters_character ch ON ch.id = c.character_id
LEFT JOIN LATERAL (
  SELECT left(m.text, 200) AS text, m.author_kind, m.status FROM chat_message m
  WHERE m.conversation_id = c.id AND m.deleted_at IS NULL ORDER BY m.seq DESC LIMIT 1
) newest ON true
WHERE mb.user_id = %(user)s AND mb.left_at IS NULL AND c.deleted_at IS NULL
"""


def conversation_data(row: tuple[Any, ...]) -> dict[str, Any]:
    """The contract's conversation, as one member sees it, from one row of CONVERSATION_SQL."""
    character = {"id": row[14], "name": row[15], "tagline": row[16], "avatar": avatar_url(row[14])} if row[14] else None
    return {
        "id": row[0],
        "kind": row[1],
        "title": row[2],
        "model": row[3] or None,
        "persona": row[4],
        "organization": row[5],
        "last_seq": row[6],
        "last_message_at": row[7],
        "created_at": row[8],
        "updated_at": row[9],
        "role": row[10],
        "archived": row[11],
        "muted_until": row[12],
        "last_read_seq": row[13],
        "unread": row[20],
        "character": character,
        "preview": row[17] or "",
        "preview_author": row[18],
        "replying": row[19] in IN_PROGRESS,
    }


def get_conversation_for(conversation_id: uuid.UUID, user_id: uuid.UUID) -> dict[str, Any]:
    """Raises NotFound for who is no member."""
    row = fetch_one(
        f"{CONVERSATION_SQL} AND c.id = %(conversation)s", {"user": user_id, "conversation": conversation_id}
    )
    if row is None:
        raise NotFound
    return conversation_data(row)


def conversations_of(
    user_id: uuid.UUID,
    *,
    limit: int,
    before: tuple[datetime, uuid.UUID] | None = None,
    kind: str | None = None,
    character_id: uuid.UUID | None = None,
    archived: bool = False,
) -> list[dict[str, Any]]:
    """A person's conversations, the one with the newest message first."""
    params: dict[str, Any] = {"user": user_id, "archived": archived, "limit": limit}
    sql = f"{CONVERSATION_SQL} AND mb.archived = %(archived)s"
    if kind:
        sql, params["kind"] = f"{sql} AND c.kind = %(kind)s", kind
    if character_id:
        sql, params["character"] = f"{sql} AND c.character_id = %(character)s", character_id
    if before:
        params["at"], params["id"] = before
        sql += " AND (mb.last_message_at, mb.conversation_id) < (%(at)s, %(id)s)"
    sql += " ORDER BY mb.last_message_at DESC, mb.conversation_id DESC LIMIT %(limit)s"
    return [conversation_data(row) for row in fetch_all(sql, params)]


def count_conversations(user_id: uuid.UUID, *, archived: bool = False) -> int:
    row = fetch_one(
        """SELECT count(*) FROM chat_member mb JOIN chat_conversation c ON c.id = mb.conversation_id
        WHERE mb.user_id = %s AND mb.left_at IS NULL AND c.deleted_at IS NULL AND mb.archived = %s""",
        [user_id, archived],
    )
    return row[0] if row else 0

"""Reads of conversations and messages. Who is no member is told there is nothing."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from characters.selectors import avatar_url
from chat import live
from chat.models import IN_PROGRESS
from chat.topics import deleted_data, topic_of
from common.database import fetch_all, fetch_one
from common.errors import NotFound
from common.realtime import Replay
from common.realtime.frames import Frame, encode

# A client that missed more than this reads afresh instead.
REPLAYED_CHANGES = 500

MESSAGE_SQL = """
SELECT m.id, m.conversation_id, m.seq, m.rev, m.parent_id, m.reply_to_id, m.author_kind, m.text, m.status, m.variant,
       m.client_id, m.edited_at, m.deleted_at, m.created_at,
       COALESCE(m.author_character_id, m.author_user_id) AS author_id,
       COALESCE(ch.name, NULLIF(u.display_name, ''), u.username) AS author_name,
       CASE WHEN m.author_kind = 'character' THEN (
         SELECT json_agg(json_build_array(v.index, v.id, v.status, v.created_at, v.base_index, v.base_text,
                                          v.next_index, v.text, v.error_code, v.error_detail) ORDER BY v.index)
         FROM (SELECT index, id, status, created_at, base_index, error_code, error_detail, next_index,
                      CASE WHEN status IN ('pending', 'streaming') THEN base_text END AS base_text,
                      CASE WHEN status IN ('pending', 'streaming') THEN text END AS text
               FROM chat_variant WHERE message_id = m.id) v
       ) END AS variants
FROM chat_message m
LEFT JOIN accounts_user u ON u.id = m.author_user_id
LEFT JOIN characters_character ch ON ch.id = m.author_character_id
"""

IS_MEMBER = """
EXISTS (SELECT 1 FROM chat_member mb JOIN chat_conversation c ON c.id = mb.conversation_id
        WHERE mb.conversation_id = %(conversation)s AND mb.user_id = %(user)s
          AND mb.left_at IS NULL AND c.deleted_at IS NULL)
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


def seat_of(conversation_id: uuid.UUID, user_id: uuid.UUID) -> Seat:
    """Raises NotFound for who is no member."""
    row = fetch_one(
        """
        SELECT c.kind, mb.role, c.character_id, c.organization_id, c.model, c.tokens, c.last_seq
        FROM chat_conversation c JOIN chat_member mb ON mb.conversation_id = c.id
        WHERE c.id = %s AND mb.user_id = %s AND mb.left_at IS NULL AND c.deleted_at IS NULL
        """,
        [conversation_id, user_id],
        prepared=True,
    )
    if row is None:
        raise NotFound
    return Seat(conversation_id, user_id, *row)


def seat_at(message_id: uuid.UUID, user_id: uuid.UUID) -> Seat:
    """The seat in the conversation of a message that is still there. Raises NotFound."""
    row = fetch_one("SELECT conversation_id FROM chat_message WHERE id = %s AND deleted_at IS NULL", [message_id])
    if row is None:
        raise NotFound
    return seat_of(row[0], user_id)


def message_data(row: tuple[Any, ...], deltas: dict[uuid.UUID, list[str]] | None = None) -> dict[str, Any]:
    """The contract's message from one row of MESSAGE_SQL. A reply in progress has its text so far and `next_index`."""
    (id_, conversation, seq, rev, parent, reply_to, kind, text, status, selected, client_id, edited_at, _deleted,
     created_at, author_id, author_name, variants) = row  # fmt: skip
    data = {
        "id": id_,
        "conversation": conversation,
        "seq": seq,
        "rev": rev,
        "parent": parent,
        "author": {
            "id": author_id,
            "kind": kind,
            "name": author_name,
            "avatar": avatar_url(author_id) if kind == "character" else None,
        },
        "text": text,
        "status": status,
        "reply_to": reply_to,
        "reactions": [],
        "variants": [],
        "variant": selected,
        "attachments": [],
        "client_id": client_id,
        "edited_at": edited_at,
        "created_at": created_at,
    }
    if variants:
        data["variants"] = [{"index": v[0], "id": v[1], "status": v[2], "created_at": _utc(v[3])} for v in variants]
        current = next((v for v in variants if v[0] == selected), None)
        if current:
            _add_progress(data, current, deltas or {})
    return data


def _add_progress(data: dict[str, Any], current: list[Any], deltas: dict[uuid.UUID, list[str]]) -> None:
    _, variant_id, status, _, base_index, base_text, next_index, text, error_code, error_detail = current
    if status in IN_PROGRESS:
        parts = deltas.get(uuid.UUID(variant_id), [])
        if base_index + len(parts) >= next_index:
            data["text"], data["next_index"] = base_text + "".join(parts), base_index + len(parts)
        else:  # Redis has lost the live text: the last checkpoint
            data["text"], data["next_index"] = text, next_index
    elif error_code:
        data["error"] = {"code": error_code, "detail": error_detail}


def _utc(text: str) -> str:
    return datetime.fromisoformat(text).isoformat().replace("+00:00", "Z")


def render_messages(rows: Iterable[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Messages with the live text of those in progress, in the order given."""
    rows = list(rows)
    running = [
        uuid.UUID(variant[1])
        for row in rows
        for variant in row[16] or []
        if variant[0] == row[9] and variant[2] in IN_PROGRESS
    ]
    deltas = live.read(running)
    return [message_data(row, deltas) for row in rows]


def read_message(message_id: uuid.UUID) -> dict[str, Any]:
    """One message as it is now, for who has been authorised already."""
    rows = fetch_all(f"{MESSAGE_SQL} WHERE m.id = %s", [message_id], prepared=True)
    return render_messages(rows)[0]


def messages_before(
    conversation_id: uuid.UUID, user_id: uuid.UUID, *, before: int | None, limit: int
) -> list[dict[str, Any]]:
    """At most `limit` messages with a smaller `seq`, newest first. Raises NotFound."""
    rows = fetch_all(
        f"""{MESSAGE_SQL} WHERE m.conversation_id = %(conversation)s AND m.deleted_at IS NULL AND m.seq < %(before)s
        AND {IS_MEMBER} ORDER BY m.seq DESC LIMIT %(limit)s""",
        {
            "conversation": conversation_id,
            "user": user_id,
            "before": before or 2**62,
            "limit": limit,
        },
        prepared=True,
    )
    return _rendered_for_member(rows, conversation_id, user_id)


def messages_after(conversation_id: uuid.UUID, user_id: uuid.UUID, *, after: int, limit: int) -> list[dict[str, Any]]:
    """At most `limit` messages with a greater `seq`, oldest first. Raises NotFound."""
    rows = fetch_all(
        f"""{MESSAGE_SQL} WHERE m.conversation_id = %(conversation)s AND m.deleted_at IS NULL AND m.seq > %(after)s
        AND {IS_MEMBER} ORDER BY m.seq LIMIT %(limit)s""",
        {"conversation": conversation_id, "user": user_id, "after": after, "limit": limit},
        prepared=True,
    )
    return _rendered_for_member(rows, conversation_id, user_id)


def count_messages(conversation_id: uuid.UUID) -> int:
    row = fetch_one(
        "SELECT count(*) FROM chat_message WHERE conversation_id = %s AND deleted_at IS NULL", [conversation_id]
    )
    return row[0] if row else 0


def _rendered_for_member(
    rows: list[tuple[Any, ...]], conversation_id: uuid.UUID, user_id: uuid.UUID
) -> list[dict[str, Any]]:
    if not rows:
        seat_of(conversation_id, user_id)  # an empty page, or nothing of theirs
    return render_messages(rows)


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
    rows = fetch_all(
        f"""{MESSAGE_SQL} WHERE m.conversation_id = %s AND m.rev <= %s
        AND (m.rev > %s OR m.status IN ('pending', 'streaming')) ORDER BY m.rev""",
        [parsed, seat.last_seq, since],
    )
    floors: dict[str, int] = {}
    frames = []
    for row, data in zip(rows, render_messages(rows), strict=True):
        frames.append(_frame_of(row, data, since))
        if "next_index" in data:
            floors[f"{data['id']}/{data['variant']}"] = data["next_index"]
    return Replay(latest=seat.last_seq, frames=frames, floors=floors)


def _frame_of(row: tuple[Any, ...], data: dict[str, Any], since: int) -> Frame:
    topic, deleted_at = topic_of(data["conversation"]), row[12]
    if deleted_at is not None:
        gone = deleted_data(data["conversation"], data["id"], data["seq"], data["rev"])
        return Frame(encode(topic, "chat.deleted", gone, seq=data["rev"]).decode(), seq=data["rev"])
    kind = "chat.message" if data["seq"] > since else "chat.updated"
    return Frame(encode(topic, kind, data, seq=data["rev"]).decode(), seq=data["rev"])


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

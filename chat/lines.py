"""Messages as callers read them: JSON, written by the database.

A page of history is the busiest read of a chat. To carry fifty messages of twenty columns into Python objects and out
again as JSON takes several times as long as to let PostgreSQL write the JSON, so it does, in this one place.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from characters.avatars import avatar_prefix
from chat import live
from chat.models import IN_PROGRESS
from common.database import fetch_all


def _time(column: str) -> str:
    """ISO 8601 in UTC, with `Z`."""
    return f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


LINE_SQL = f"""
SELECT json_build_object(
         'id', m.id, 'conversation', m.conversation_id, 'seq', m.seq, 'rev', m.rev, 'parent', m.parent_id,
         'author', json_build_object(
           'id', COALESCE(m.author_character_id, m.author_user_id), 'kind', m.author_kind,
           'name', COALESCE(ch.name, NULLIF(u.display_name, ''), u.username),
           'avatar', %(avatars)s::text || m.author_character_id || '.svg'),
         'text', m.text, 'status', m.status, 'reply_to', m.reply_to_id, 'reactions', '[]'::json,
         'variants', COALESCE(v.list, '[]'::json), 'variant', m.variant, 'attachments', '[]'::json,
         'client_id', m.client_id, 'edited_at', {_time("m.edited_at")}, 'created_at', {_time("m.created_at")})::text,
       m.id, m.seq, m.rev, m.variant, m.deleted_at IS NOT NULL,
       CASE WHEN m.status IN ('pending', 'streaming', 'failed') THEN (
         SELECT json_build_array(v.id, v.status, v.base_index, v.base_text, v.next_index, v.text,
                                 v.error_code, v.error_detail)
         FROM chat_variant v WHERE v.message_id = m.id AND v.index = m.variant) END
FROM chat_message m
LEFT JOIN accounts_user u ON u.id = m.author_user_id
LEFT JOIN characters_character ch ON ch.id = m.author_character_id
LEFT JOIN LATERAL (
  SELECT json_agg(json_build_object('index', v.index, 'id', v.id, 'status', v.status,
                                    'created_at', {_time("v.created_at")}) ORDER BY v.index) AS list
  FROM chat_variant v WHERE v.message_id = m.id AND m.author_kind = 'character'
) v ON true
"""  # noqa: S608 - made of the constants above


@dataclass(frozen=True, slots=True)
class Line:
    """One message: its JSON, and what is needed to order and to follow it.

    `next_index` is there while a reply is in progress: how many of its deltas the text has already.
    """

    body: bytes
    id: uuid.UUID
    seq: int
    rev: int
    variant: int
    deleted: bool
    next_index: int | None = None

    def data(self) -> dict[str, Any]:
        return orjson.loads(self.body)


def read_lines(where: str, params: Mapping[str, Any]) -> list[Line]:
    """The messages `m` that `where` (conditions, order, limit) asks for; those in progress with their live text."""
    rows = fetch_all(f"{LINE_SQL} {where}", {**params, "avatars": avatar_prefix()}, prepared=True)
    running = [uuid.UUID(row[6][0]) for row in rows if row[6] and row[6][1] in IN_PROGRESS]
    deltas = live.read(running)
    return [_line(row, deltas) for row in rows]


def _line(row: tuple[Any, ...], deltas: Mapping[uuid.UUID, list[str]]) -> Line:
    text, message_id, seq, rev, variant, deleted, special = row
    if special is None:
        return Line(text.encode(), message_id, seq, rev, variant, deleted)
    variant_id, status, base_index, base_text, next_index, saved, error_code, error_detail = special
    data = orjson.loads(text)
    if status not in IN_PROGRESS:
        if error_code:
            data["error"] = {"code": error_code, "detail": error_detail}
        return Line(orjson.dumps(data), message_id, seq, rev, variant, deleted)
    parts = deltas.get(uuid.UUID(variant_id), [])
    if base_index + len(parts) >= next_index:
        data["text"], next_index = base_text + "".join(parts), base_index + len(parts)
    else:  # Redis has lost the live text: the last checkpoint
        data["text"] = saved
    data["next_index"] = next_index
    return Line(orjson.dumps(data), message_id, seq, rev, variant, deleted, next_index)

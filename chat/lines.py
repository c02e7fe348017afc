"""Messages as callers read them: a statement, and the JSON of its rows.

A page of history is the busiest read of a chat. Measured: fifty messages as binary columns into Python and out again as
JSON take half the time that PostgreSQL needs to write the same JSON.
"""

import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from characters.avatars import avatar_prefix
from chat import live
from chat.models import IN_PROGRESS
from common.database import fetch_all
from common.rendering import to_json


def _time(column: str) -> str:
    """ISO 8601 in UTC, with `Z`."""
    return f"""to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


LINE_SQL = f"""
SELECT m.id, m.conversation_id, m.seq, m.rev, m.parent_id, m.author_kind,
       COALESCE(m.author_character_id, m.author_user_id),
       COALESCE(ch.name, NULLIF(u.display_name, ''), u.username),
       m.text, m.status, m.reply_to_id, m.variant, m.client_id, m.edited_at, m.created_at, m.deleted_at IS NOT NULL,
       CASE WHEN m.author_kind = 'character' THEN (
         SELECT json_agg(json_build_object('index', v.index, 'id', v.id, 'status', v.status,
                                           'created_at', {_time("v.created_at")}) ORDER BY v.index)::text
         FROM chat_variant v WHERE v.message_id = m.id) END,
       CASE WHEN m.status IN ('pending', 'streaming', 'failed') THEN (
         SELECT json_build_array(v.id, v.status, v.base_index, v.base_text, v.next_index, v.text,
                                 v.error_code, v.error_detail)
         FROM chat_variant v WHERE v.message_id = m.id AND v.index = m.variant) END
FROM chat_message m
LEFT JOIN accounts_user u ON u.id = m.author_user_id
LEFT JOIN characters_character ch ON ch.id = m.author_character_id
"""  # noqa: S608 - made of the constants above


class Line(NamedTuple):
    """One message: the contract's dictionary, ready for JSON, and what is needed to order and to follow it.

    `next_index` is there while a reply is in progress: how many of its deltas the text has already.
    """

    content: dict[str, Any]
    id: uuid.UUID
    seq: int
    rev: int
    variant: int
    deleted: bool
    next_index: int | None

    def data(self) -> dict[str, Any]:
        """What a caller reads of it: plain JSON."""
        data: dict[str, Any] = orjson.loads(to_json(self.content))
        return data


def read_lines(where: str, params: Mapping[str, Any]) -> list[Line]:
    """The messages `m` that `where` (conditions, order, limit) asks for; those in progress with their live text."""
    rows = fetch_all(f"{LINE_SQL} {where}", params, prepared=True)
    running = [uuid.UUID(row[-1][0]) for row in rows if row[-1] and row[-1][1] in IN_PROGRESS]
    deltas, avatars = live.read(running), avatar_prefix()
    return [_line(row, deltas, avatars) for row in rows]


def _line(row: tuple[Any, ...], deltas: Mapping[uuid.UUID, list[str]], avatars: str) -> Line:
    (message_id, conversation_id, seq, rev, parent, author_kind, author_id, author_name, text, status, reply_to,
     variant, client_id, edited_at, created_at, deleted, variants, special) = row  # fmt: skip
    data = {
        "id": message_id,
        "conversation": conversation_id,
        "seq": seq,
        "rev": rev,
        "parent": parent,
        "author": {
            "id": author_id,
            "kind": author_kind,
            "name": author_name,
            "avatar": f"{avatars}{author_id}.svg" if author_kind == "character" else None,
        },
        "text": text,
        "status": status,
        "reply_to": reply_to,
        "reactions": [],
        "variants": orjson.Fragment(variants) if variants else [],
        "variant": variant,
        "attachments": [],
        "client_id": client_id,
        "edited_at": edited_at,
        "created_at": created_at,
    }
    next_index = _add_progress(data, special, deltas) if special else None
    return Line(data, message_id, seq, rev, variant, deleted, next_index)


def _add_progress(data: dict[str, Any], special: list[Any], deltas: Mapping[uuid.UUID, list[str]]) -> int | None:
    """Why it failed; or where its writing is, and then also returns how many deltas that is."""
    variant_id, status, base_index, base_text, next_index, saved, error_code, error_detail = special
    if status not in IN_PROGRESS:
        if error_code:
            data["error"] = {"code": error_code, "detail": error_detail}
        return None
    parts = deltas.get(uuid.UUID(variant_id), [])
    if base_index + len(parts) >= next_index:
        data["text"], next_index = base_text + "".join(parts), base_index + len(parts)
    else:  # Redis has lost the live text: the last checkpoint
        data["text"] = saved
    data["next_index"] = next_index
    return int(next_index)

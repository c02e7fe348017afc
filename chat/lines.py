"""Messages as callers read them: a statement, and the JSON of its rows.

A page of history is the busiest read of a chat. Measured: fifty messages as binary columns into Python and out again as
JSON take half the time that PostgreSQL needs to write the same JSON.
"""

import uuid
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import orjson

from characters.avatars import avatar_url
from chat import live
from chat.models import IN_PROGRESS
from common.database import fetch_all
from common.rendering import to_json

LINE_SQL = """
SELECT m.id::text, m.conversation_id::text, m.seq, m.rev, m.parent_id::text, m.author_kind,
       COALESCE(m.author_character_id, m.author_user_id)::text,
       CASE m.author_kind
         WHEN 'character' THEN (SELECT name FROM characters_character WHERE id = m.author_character_id)
         ELSE (SELECT COALESCE(NULLIF(display_name, ''), username) FROM accounts_user WHERE id = m.author_user_id) END,
       CASE WHEN v.index IS NULL OR v.index = m.variant THEN m.text END,
       m.status, m.reply_to_id::text, m.variant, m.client_id, m.edited_at, m.created_at, m.deleted_at IS NOT NULL,
       v.index, v.id::text, v.status, v.created_at,
       CASE WHEN v.index = m.variant AND m.status IN ('pending', 'streaming', 'failed') THEN json_build_array(
         v.id, v.status, v.base_index, v.base_text, v.next_index, v.text, v.error_code, v.error_detail) END
FROM (SELECT m.* FROM chat_message m {which}) m
LEFT JOIN chat_variant v ON v.message_id = m.id
ORDER BY {order}
"""


class Line(NamedTuple):
    """One message: the contract's dictionary, ready for JSON, and what is needed to order and to follow it.

    `next_index` is there while a reply is in progress: how many of its deltas the text has already.
    """

    content: dict[str, Any]
    id: str
    seq: int
    rev: int
    variant: int
    deleted: bool
    next_index: int | None

    def data(self) -> dict[str, Any]:
        """What a caller reads of it: plain JSON."""
        data: dict[str, Any] = orjson.loads(to_json(self.content))
        return data


def read_lines(where: str, params: Mapping[str, Any], *, order: str = "m.seq", limit: bool = False) -> list[Line]:
    """The messages `m` for which `where` holds, in order; those in progress with their live text.

    `limit` keeps the first `%(limit)s` of them.
    """
    which = f"WHERE {where} ORDER BY {order} LIMIT %(limit)s" if limit else f"WHERE {where}"
    rows = fetch_all(LINE_SQL.format(which=which, order=order), params, prepared=True)
    deltas = live.read([uuid.UUID(row[-1][0]) for row in rows if row[-1] and row[-1][1] in IN_PROGRESS])
    return _lines(rows, deltas)


def _lines(rows: Sequence[tuple[Any, ...]], deltas: Mapping[uuid.UUID, list[str]]) -> list[Line]:
    """A message has a row for each of its variants; the one that is shown carries its text."""
    lines: list[Line] = []
    authors: dict[str, orjson.Fragment] = {}
    variants_of: dict[str, list[dict[str, Any]]] = {}
    for (message_id, conversation_id, seq, rev, parent, author_kind, author_id, author_name, text, status, reply_to,
         variant, client_id, edited_at, created_at, deleted, index, variant_id, variant_status, variant_created_at,
         special) in rows:  # fmt: skip
        variants = variants_of.get(message_id)
        if variants is None:
            variants = variants_of[message_id] = []
        if index is not None:
            variants.append(
                {"index": index, "id": variant_id, "status": variant_status, "created_at": variant_created_at}
            )
        if text is None:
            continue
        author = authors.get(author_id)
        if author is None:
            author = authors[author_id] = _author(author_kind, author_id, author_name)
        data = {
            "id": message_id,
            "conversation": conversation_id,
            "seq": seq,
            "rev": rev,
            "parent": parent,
            "author": author,
            "text": text,
            "status": status,
            "reply_to": reply_to,
            "reactions": [],
            "variants": variants,
            "variant": variant,
            "attachments": [],
            "client_id": client_id,
            "edited_at": edited_at,
            "created_at": created_at,
        }
        next_index = _add_progress(data, special, deltas) if special else None
        lines.append(Line(data, message_id, seq, rev, variant, deleted, next_index))
    if len(lines) < len(rows):
        for variants in variants_of.values():
            variants.sort(key=itemgetter("index"))
    return lines


def _author(kind: str, author_id: str, name: str) -> orjson.Fragment:
    """Written once for all its messages of a page."""
    avatar = avatar_url(author_id) if kind == "character" else None
    return orjson.Fragment(to_json({"id": author_id, "kind": kind, "name": name, "avatar": avatar}))


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

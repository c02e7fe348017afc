"""Messages as callers read them: a statement, and the JSON of its rows.

A page of history is the busiest read of a chat. Measured: fifty messages as binary columns into Python and out again as
JSON take half the time that PostgreSQL needs to write the same JSON.
"""

import uuid
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import orjson

from characters.avatars import avatar_prefix
from chat import live
from chat.models import IN_PROGRESS
from common.database import fetch_all
from common.rendering import to_json


LINE_SQL = """
SELECT m.id::text, m.conversation_id::text, m.seq, m.rev, m.parent_id::text, m.author_kind,
       COALESCE(m.author_character_id, m.author_user_id)::text,
       COALESCE(ch.name, NULLIF(u.display_name, ''), u.username),
       CASE WHEN v.index IS NULL OR v.index = m.variant THEN m.text END,
       m.status, m.reply_to_id::text, m.variant, m.client_id, m.edited_at, m.created_at, m.deleted_at IS NOT NULL,
       v.index, v.id::text, v.status, v.created_at,
       CASE WHEN v.index = m.variant AND m.status IN ('pending', 'streaming', 'failed') THEN json_build_array(
         v.id, v.status, v.base_index, v.base_text, v.next_index, v.text, v.error_code, v.error_detail) END
FROM (SELECT m.* FROM chat_message m {which}) m
LEFT JOIN accounts_user u ON u.id = m.author_user_id
LEFT JOIN characters_character ch ON ch.id = m.author_character_id
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
    return _Page(deltas).lines(rows)


class _Page:
    """Makes lines of rows. A message has a row for each of its variants; the one that is shown carries its text."""

    def __init__(self, deltas: Mapping[uuid.UUID, list[str]]) -> None:
        self.deltas = deltas
        self.avatars = avatar_prefix()
        self.authors: dict[tuple[str, str], orjson.Fragment] = {}
        self.variants: dict[str, list[dict[str, Any]]] = {}

    def lines(self, rows: Sequence[tuple[Any, ...]]) -> list[Line]:
        lines = [line for row in rows if (line := self._line(row))]
        if len(lines) < len(rows):
            for variants in self.variants.values():
                variants.sort(key=itemgetter("index"))
        return lines

    def _line(self, row: tuple[Any, ...]) -> Line | None:
        (message_id, conversation_id, seq, rev, parent, author_kind, author_id, author_name, text, status, reply_to,
         variant, client_id, edited_at, created_at, deleted, index, variant_id, variant_status, variant_created_at,
         special) = row  # fmt: skip
        variants = self.variants.setdefault(message_id, [])
        if index is not None:
            variants.append(
                {"index": index, "id": variant_id, "status": variant_status, "created_at": variant_created_at}
            )
        if text is None:
            return None
        data = {
            "id": message_id,
            "conversation": conversation_id,
            "seq": seq,
            "rev": rev,
            "parent": parent,
            "author": self.authors.get((author_kind, author_id)) or self._author(author_kind, author_id, author_name),
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
        next_index = _add_progress(data, special, self.deltas) if special else None
        return Line(data, message_id, seq, rev, variant, deleted, next_index)

    def _author(self, kind: str, author_id: str, name: str) -> orjson.Fragment:
        avatar = f"{self.avatars}{author_id}.svg" if kind == "character" else None
        author = orjson.Fragment(to_json({"id": author_id, "kind": kind, "name": name, "avatar": avatar}))
        self.authors[kind, author_id] = author
        return author


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

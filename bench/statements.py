"""The application's own statements as pgbench scripts: what PostgreSQL alone could do of the same work.

They are recorded from calls of the code that is measured, so a limit is that of what runs. pgbench picks the rows
at random: an id is written as its kind's prefix and a random number (see `bench.world`).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from psycopg.sql import Literal

from accounts.selectors import me_data
from bench import words, world
from billing import services as billing
from characters import discovery
from characters.discovery import Listing
from characters.selectors import read_character
from chat import selectors as chat
from chat.services import send_message

NAMED = re.compile(r"%\((\w+)\)s")
PLACE = re.compile(r"(?<!%)%s")
COLON = re.compile(r"(?<!:):(?=[A-Za-z_])")  # within a text; casts have two
PERSON = f"\\set n random(1, {world.CONVERSATIONS})\n"
PUBLIC = f"\\set n 1 + 20 * random(0, {world.CHARACTERS // 20 - 1})\n"


@dataclass(frozen=True)
class Script:
    title: str
    text: str


def scripts() -> dict[str, Script]:
    """By the scenario whose limit they are. Needs the loaded world."""
    reads, writes = "the same SELECT, by pgbench", "the same UPDATE and INSERT, by pgbench"
    return {
        "list": Script(reads, _list(Listing())),
        "search": Script(reads, _searches(words.SEARCHES[::3])),
        "character": Script(reads, PUBLIC + _character()),
        "history": Script(reads, PERSON + _history()),
        "me": Script("the same SELECTs, by pgbench", PERSON + _me()),
        "post": Script(writes, PERSON + _send()),
        "spend": Script(writes, PERSON + _spend()),
        "ledger_service": Script(writes, PERSON + _spend()),
        "spend_hot": Script(writes, "\\set n 1\n" + _spend()),
    }


def as_pgbench(sql: str, params: Mapping[str, Any], replaced: Mapping[str, str]) -> str:
    """psycopg's `%(name)s` as SQL: what stands in `replaced`, or else the value that was given."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        return replaced[name] if name in replaced else Literal(params[name]).as_string(connection.connection)

    sql = COLON.sub("'||chr(58)||'", sql)  # else pgbench takes 'HH24:MI' for a variable
    return NAMED.sub(value, sql).replace("%%", "%").strip() + ";\n"


def orm_as_pgbench(sql: str, params: Sequence[Any], replaced: Mapping[Any, str]) -> str:
    """A statement of Django's own, whose values have no names: those that stand in `replaced` are replaced."""
    values = iter(params)

    def value(_: re.Match[str]) -> str:
        given = next(values)
        return replaced[given] if given in replaced else Literal(given).as_string(connection.connection)

    return PLACE.sub(value, COLON.sub("'||chr(58)||'", sql)).replace("%%", "%").strip() + ";\n"


def random_id(kind: str) -> str:
    """SQL of the id of the row that `:n` numbers."""
    return f"('{world.id_prefix(kind)}' || lpad((:n)::text, 12, '0'))::uuid"


def recorded(call: Callable[[], object]) -> tuple[str, Mapping[str, Any]]:
    """The last statement with named values that `call` runs. Nothing that it does stays."""
    return [(sql, params) for sql, params in all_recorded(call) if isinstance(params, Mapping)][-1]


def all_recorded(call: Callable[[], object]) -> list[tuple[str, Any]]:
    """Every statement that `call` runs, with its values. Nothing that it does stays."""
    seen: list[tuple[str, Any]] = []

    def record(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        seen.append((sql, params or ()))
        return execute(sql, params, many, context)

    with transaction.atomic(), connection.execute_wrapper(record):
        call()
        transaction.set_rollback(True)
    return seen


def _list(listing: Listing) -> str:
    return as_pgbench(*recorded(lambda: discovery.find(discovery.checked(listing))), replaced={})


def _searches(terms: tuple[str, ...]) -> str:
    """One of the terms, picked by pgbench."""
    branches = [f"\\{'elif' if n else 'if'} :n = {n}\n{_list(Listing(search=term))}" for n, term in enumerate(terms)]
    return f"\\set n random(0, {len(terms) - 1})\n" + "".join(branches) + "\\endif\n"


def _character() -> str:
    call = recorded(lambda: read_character(world.row_id("character", 1), world.row_id("user", 1)))
    return as_pgbench(*call, replaced={"character": random_id("character")})


def _history() -> str:
    conversation, user = world.row_id("conversation", 1), world.row_id("user", 1)
    call = recorded(lambda: chat.messages_before(conversation, user, before=None, limit=51))
    return as_pgbench(*call, replaced={"conversation": random_id("conversation"), "user": random_id("user")})


def _me() -> str:
    user, organization = world.row_id("user", 1), world.row_id("organization", 1)
    ids = {user: random_id("user"), organization: random_id("organization")}
    return "".join(
        as_pgbench(sql, params, {name: ids[value] for name, value in params.items() if value in ids})
        if isinstance(params, Mapping)
        else orm_as_pgbench(sql, params, ids)
        for sql, params in all_recorded(lambda: me_data(user, organization))
    )


def _send() -> str:
    conversation, user = world.row_id("conversation", 1), world.row_id("user", 1)
    call = recorded(lambda: send_message(conversation_id=conversation, user_id=user, text=words.SAID[0], answer=False))
    ids = {"id": "uuidv7()", "conversation": random_id("conversation"), "user": random_id("user"), "now": "now()"}
    return as_pgbench(*call, replaced=ids)


def _spend() -> str:
    organization = world.row_id("organization", 1)
    call = recorded(lambda: billing.spend(organization_id=organization, amount=1, feature="story_generation"))
    ids = {"id": "uuidv7()", "organization_id": random_id("organization"), "key": "'spend:' || uuidv7()"}
    return as_pgbench(*call, replaced=ids)

"""Slow queries are logged and counted, with DATABASE_LOGGING all are logged.

And a short hand for statements that read and write in one round trip.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.backends.signals import connection_created
from django.db.backends.utils import CursorWrapper
from django.db.models import QuerySet
from psycopg.pq import Format

from common.metrics import db_slow_queries_total

log = structlog.get_logger(__name__)
Params = Sequence[Any] | Mapping[str, Any]


def watch_slow_queries() -> None:
    connection_created.connect(_watch, dispatch_uid="slow queries")


def _watch(connection: BaseDatabaseWrapper, **_: Any) -> None:
    if _time_query not in connection.execute_wrappers:
        connection.execute_wrappers.append(_time_query)


def _time_query(execute: Callable, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    started = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    finally:
        seconds = time.perf_counter() - started
        slow = seconds >= settings.SLOW_QUERY_SECONDS
        if slow:
            db_slow_queries_total.labels(context["connection"].alias).inc()
        if slow or settings.DATABASE_LOGGING:
            write = log.warning if slow else log.info
            # the statement without its values: those may be somebody's words
            alias = context["connection"].alias
            write("slow query" if slow else "query", seconds=round(seconds, 3), sql=sql[:500], alias=alias)


def replica() -> str:
    """Where lists for everybody are read: the replica, if there is one. It may be some moments behind."""
    return "replica" if "replica" in connections.databases else DEFAULT_DB_ALIAS


def by_key(rows: QuerySet[Any], at_once: int = 200) -> Iterator[Any]:
    """All rows in the order of their primary key, a page at a time, so that any number of them takes little memory.
    (A server-side cursor would not survive a pooler.)"""
    last: Any = None
    while True:
        page = list((rows if last is None else rows.filter(pk__gt=last)).order_by("pk")[:at_once])
        yield from page
        if len(page) < at_once:
            return
        last = page[-1].pk


def fetch_one(
    sql: str, params: Params, using: str = DEFAULT_DB_ALIAS, *, prepared: bool = False
) -> tuple[Any, ...] | None:
    """Runs one statement and gives its first row, or None.

    `prepared` is for statements that run often and go by keys: the server binds their values, and each connection has
    them prepared after a few uses and planned once, whatever the values (DATABASES in the settings). To plan one mostly
    costs more than to run it. Such a statement names the type of a value that may be None where its place doesn't tell:
    `%(reply_to)s::uuid`.
    """
    with _cursor(using, prepared=prepared) as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()


def fetch_all(
    sql: str, params: Params, using: str = DEFAULT_DB_ALIAS, *, prepared: bool = False
) -> list[tuple[Any, ...]]:
    """Runs one statement and gives all its rows; `prepared` as with `fetch_one`."""
    with _cursor(using, prepared=prepared) as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def _cursor(using: str, *, prepared: bool) -> CursorWrapper:
    connection = connections[using]
    if not prepared:
        return connection.cursor()
    connection.ensure_connection()
    cursor: Any = ServerBindingCursor(connection.connection)  # type: ignore[call-arg]
    cursor.format = Format.BINARY  # read three times as fast as text: Django's reader of textual times is in Python
    return connection._prepare_cursor(cursor)  # type: ignore[attr-defined]  # noqa: SLF001

"""Slow queries are logged and counted, with DATABASE_LOGGING all are logged.

And a short hand for statements that read and write in one round trip.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from common.metrics import db_slow_queries_total

log = structlog.get_logger(__name__)


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


def fetch_one(
    sql: str, params: Sequence[Any] | dict[str, Any], using: str = DEFAULT_DB_ALIAS
) -> tuple[Any, ...] | None:
    """Runs one statement and gives its first row, or None."""
    with connections[using].cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()


def fetch_all(sql: str, params: Sequence[Any] | dict[str, Any], using: str = DEFAULT_DB_ALIAS) -> list[tuple[Any, ...]]:
    """Runs one statement and gives all its rows."""
    with connections[using].cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()

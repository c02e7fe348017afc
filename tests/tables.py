"""What is in the tables, and how they become again what the migrations left, after a test that commits.

Django truncates all of them and announces a migration: a quarter of a second for 130 tables, most of which are empty.
We keep a copy of the few rows that migrations bring, empty the tables that have rows, and put the copy back.
"""

from collections.abc import Iterator

import pytest
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.test import TransactionTestCase
from pytest_django import DjangoDbBlocker

COPIES = "as_migrated"
NEVER_EMPTIED = ("django_migrations", "django_content_type", "auth_permission")  # no test writes to them


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The test database, with the copies, and with what a killed run left behind swept away."""
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock():
        keep_copies()
        begin_anew()
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _: begin_anew())
        yield


def keep_copies() -> None:
    """Copies every row there is into a schema of its own, once in the life of a test database."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT to_regnamespace(%s)", [COPIES])
        if cursor.fetchone()[0]:
            return
        cursor.execute(f"CREATE SCHEMA {COPIES}")
        for table in _with_rows(cursor, _tables(cursor, "public")):
            cursor.execute(f"CREATE TABLE {COPIES}.{table} AS TABLE public.{table}")


def begin_anew() -> None:
    """Empties the tables and puts back what migrations brought.

    Waits for who still writes, as TRUNCATE would. Triggers, which would look after references and forbid deleting
    entries, are off meanwhile: that takes a superuser of the database server.
    """
    assert connection.settings_dict["NAME"].startswith("test_"), "never somebody's real data"
    with transaction.atomic(), connection.cursor() as cursor:
        tables = _tables(cursor, "public")
        cursor.execute(f"LOCK TABLE {', '.join(tables)}; SET LOCAL session_replication_role = replica")
        statements = [f"DELETE FROM {table}" for table in _with_rows(cursor, tables)]  # noqa: S608
        statements += [f"INSERT INTO {table} TABLE {COPIES}.{table}" for table in _tables(cursor, COPIES)]
        cursor.execute("; ".join(statements))


def contents() -> dict[str, str]:
    """A digest of all rows of every table that has any: two of these are equal where nothing has changed.

    To read the 130 tables takes 60 ms however few rows there are; those that have rows, a third of that.
    """
    with connection.cursor() as cursor:
        names = [name for name in connection.introspection.table_names(cursor) if name != "django_migrations"]
        digests = [
            f"SELECT '{name}', count(*) || ' ' || md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {name} t"  # noqa: S608
            for name in _with_rows(cursor, names)
        ]
        cursor.execute(" UNION ALL ".join(digests))
        return dict(cursor.fetchall())


def _tables(cursor: CursorWrapper, schema: str) -> list[str]:
    cursor.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename <> ALL(%s)", [schema, list(NEVER_EMPTIED)]
    )
    return [table for (table,) in cursor.fetchall()]


def _with_rows(cursor: CursorWrapper, tables: list[str]) -> list[str]:
    looks = [f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in tables]  # noqa: S608
    cursor.execute(" UNION ALL ".join(looks))
    return [table for (table,) in cursor.fetchall()]

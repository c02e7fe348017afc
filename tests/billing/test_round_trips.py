"""What each operation costs: the hot ones are one statement, without a transaction of their own or a savepoint."""

from datetime import timedelta

import psycopg
import pytest
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext

from billing import services
from billing.selectors import wallet_data

pytestmark = pytest.mark.django_db(transaction=True)


def count(action):
    """How many statements `action` sends, BEGIN, SAVEPOINT and COMMIT included."""
    with CaptureQueriesContext(connection) as queries:
        result = action()
    return len(queries), result


@pytest.fixture
def account(purse):
    account = purse(main=100, bonus=20, free_messages=5)
    account.spend(1)  # who belongs to it is remembered from here on
    return account


def test_a_spend_is_one_statement(account):
    assert count(lambda: account.spend(1))[0] == 1
    assert count(lambda: account.spend(1, key="order"))[0] == 1


def test_a_spend_is_one_statement_within_a_transaction_too(account):
    with transaction.atomic():
        assert count(lambda: account.spend(1))[0] == 1
        assert count(lambda: account.spend(1, key="order"))[0] == 1


def test_a_grant_a_reservation_and_a_look_are_one_statement_each(account):
    assert count(lambda: account.grant(1))[0] == 1
    assert count(lambda: account.reserve(1))[0] == 1
    assert count(lambda: account.reserve(1, free_message=True))[0] == 1
    assert count(lambda: wallet_data(account.id))[0] == 1


@pytest.mark.parametrize("settle", [services.capture, services.release])
def test_settling_is_a_look_and_a_statement(account, settle):
    held = account.reserve(2)
    assert count(lambda: settle(reservation_id=held.id))[0] == 2
    assert count(lambda: settle(reservation_id=held.id))[0] == 1


def test_a_sweep_of_nothing_is_one_query(account):
    assert count(services.sweep_expired_reservations)[0] == 1


def test_the_statements_are_prepared_after_a_few_uses(account):
    for _ in range(8):
        account.spend(1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%billing_entry%'")
        assert cursor.fetchone()[0] >= 1


def test_a_statement_survives_a_change_of_the_tables_it_was_prepared_for(account):
    for _ in range(8):
        account.spend(1)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE billing_wallet ADD COLUMN note text")
        cursor.execute("ALTER TABLE billing_wallet DROP COLUMN note")
    assert account.spend(1).remaining == 110


def test_a_reservation_that_was_read_is_as_it_stands_in_the_table(account):
    held = account.reserve(3, reference={"type": "reply", "id": "7"}, expires_in=timedelta(hours=1))
    done = services.capture(reservation_id=held.id, amount=1)
    stored = type(held).objects.get(pk=held.id)
    for field in type(held)._meta.concrete_fields:
        if field.name != "updated_at":
            assert getattr(done, field.attname) == getattr(stored, field.attname), field.name
    for name in ("wallet_id", "amount", "main", "bonus", "key", "expires_at", "created_at", "reference_id", "feature"):
        assert getattr(held, name) == getattr(stored, name), name


def test_a_waiting_spend_gives_up_when_the_database_says_so(account):
    """A wallet that somebody keeps locked must not hold a caller for ever: the lock timeout of the site ends it."""
    settings = connection.settings_dict
    with psycopg.connect(
        host=settings["HOST"],
        port=settings["PORT"],
        user=settings["USER"],
        password=settings["PASSWORD"],
        dbname=settings["NAME"],
    ) as other:
        other.execute("SELECT 1 FROM billing_wallet WHERE organization_id = %s FOR UPDATE", [account.id])
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '100ms'")
        with pytest.raises(OperationalError):
            account.spend(1)
        connection.close()
    assert account.spend(1).remaining == 118

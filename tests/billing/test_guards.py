"""What the database itself refuses, whatever code may try."""

from importlib import import_module

import pytest
from django.db import IntegrityError, connection, models, transaction
from django.db.models import F, ProtectedError

from accounts.models import Organization
from billing.models import Entry, Reservation, Wallet

pytestmark = pytest.mark.django_db


def refuses(action, *errors):
    with pytest.raises(errors or IntegrityError), transaction.atomic():
        action()


class TestEntries:
    def test_are_never_changed(self, purse):
        purse(main=10)
        refuses(lambda: Entry.objects.update(main=1_000_000))
        refuses(lambda: Entry.objects.update(description="nothing to see here"))
        assert Entry.objects.get().main == 10

    def test_are_never_deleted(self, purse):
        purse(main=10)
        refuses(lambda: Entry.objects.all().delete())
        refuses(lambda: Entry.objects.get().delete())
        assert Entry.objects.count() == 1

    def test_are_guarded_by_a_migration_that_can_be_reversed(self, purse):
        purse(main=10)
        guards = import_module("billing.migrations.0002_guards")
        with connection.cursor() as cursor:
            cursor.execute(guards.ALLOW_CHANGE)
            Entry.objects.update(description="now it goes")
            cursor.execute(guards.FORBID_CHANGE)
        refuses(lambda: Entry.objects.update(description="and now not"))

    @pytest.mark.parametrize(
        ("kind", "main", "bonus"),
        [
            ("grant", -1, 0),
            ("purchase", 1, -1),
            ("refund", 0, -1),
            ("release", -1, 0),
            ("spend", 1, 0),
            ("reserve", -1, 1),
            ("expiry", 1, 0),
            ("capture", 1, 0),
            ("gift", 1, 0),
        ],
    )
    def test_have_the_sign_of_their_kind(self, purse, kind, main, bonus):
        wallet = purse(main=10).wallet
        refuses(lambda: copy_of(wallet.entries.get(), kind=kind, main=main, bonus=bonus, number=2, key="k").save())

    @pytest.mark.parametrize(
        "change", [{"number": 2}, {"key": "another"}, {"number": 2, "key": "k", "balance_after": -1}]
    )
    def test_are_numbered_once_keyed_once_and_never_below_zero(self, purse, change):
        wallet = purse(main=10).wallet
        refuses(lambda: copy_of(wallet.entries.get(), **change).save())


def copy_of(entry, **changes):
    fields = {
        field.attname: getattr(entry, field.attname) for field in Entry._meta.concrete_fields if field.name != "id"
    }
    return Entry(**fields | changes)


class TestWallets:
    @pytest.mark.parametrize("bucket", ["balance", "bonus_balance", "reserved", "free_messages"])
    def test_never_fall_below_zero(self, purse, bucket):
        purse(main=10, bonus=10, free_messages=10)
        refuses(lambda: Wallet.objects.update(**{bucket: F(bucket) - 11}))

    def test_have_no_more_free_messages_than_were_granted(self, purse):
        purse(free_messages=10)
        refuses(lambda: Wallet.objects.update(free_messages=11))

    def test_keep_their_organisation(self, purse):
        account = purse(main=10)
        refuses(Organization.objects.get(pk=account.id).delete, ProtectedError)

    def test_are_one_an_organisation(self, purse):
        account = purse()
        refuses(lambda: Wallet.objects.create(organization_id=account.id))


class TestReservations:
    @pytest.mark.parametrize(
        "change",
        [
            {"main": -1},
            {"main": 6},
            {"captured_main": 3, "captured_bonus": 3},
            {"captured_bonus": -1},
            {"free_messages": 2},
            {"status": "lost"},
        ],
    )
    def test_stay_within_their_price(self, purse, change):
        purse(main=10).reserve(5)
        refuses(lambda: Reservation.objects.update(**change))

    def test_are_keyed_once(self, purse):
        account = purse(main=10)
        account.reserve(1, key="a")
        account.reserve(1, key="b")
        refuses(lambda: Reservation.objects.filter(key="b").update(key="a"))


@pytest.mark.parametrize("model", [Wallet, Entry, Reservation])
def test_credits_have_the_precision_of_a_stellar_asset(model):
    fields = [field for field in model._meta.concrete_fields if isinstance(field, models.DecimalField)]
    assert fields
    assert {(field.max_digits, field.decimal_places) for field in fields} == {(20, 7)}

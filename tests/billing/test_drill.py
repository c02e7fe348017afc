"""The shipped fault drill, in small: cut connections, killed processes, and books that agree nevertheless."""

import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from billing import services
from billing.drill.books import Books, compare, read_books
from billing.drill.journal import Journal
from billing.models import Entry, Reservation

pytestmark = pytest.mark.django_db(transaction=True)


def test_operations_under_fire_are_applied_exactly_once():
    out = StringIO()
    call_command("ledger_drill", operations=300, connections=20, seed=5, stdout=out)
    text = out.getvalue()
    cut, killed = map(int, re.search(r"(\d+) connections were cut and (\d+) processes killed", text).groups())
    assert cut > 0
    assert killed > 0
    assert "300 operations ended" in text
    assert "Every acknowledged operation is in the ledger exactly once, and nothing else is." in text
    assert "The books agree." in text
    assert Entry.objects.filter(kind="spend").exists()
    assert Reservation.objects.exists()


def test_the_drill_does_not_run_in_production(settings):
    settings.IN_PRODUCTION = True
    with pytest.raises(CommandError):
        call_command("ledger_drill", operations=20)


@pytest.mark.parametrize(("operations", "connections"), [(5, 20), (5, 0)])
def test_the_drill_wants_something_to_do_for_each_connection(operations, connections):
    with pytest.raises(CommandError):
        call_command("ledger_drill", operations=operations, connections=connections)


class TestBooks:
    """The drill's own auditor finds what it is there to find."""

    @pytest.fixture
    def drill(self, purse, tmp_path):
        account = purse()

        def written(*lines):
            journal = Journal(tmp_path / "1.jsonl")
            for number, (plan, outcome) in enumerate(lines, start=1):
                journal.write(number=number, plan={"organization": str(account.id), **plan})
                journal.write(number=number, cuts=0, **outcome)
            return compare(read_books(tmp_path), "run", [account.id])

        return account, written

    def test_that_tell_the_same_story(self, drill):
        account, written = drill
        grant = account.grant(5, key="run:1")
        spent = account.spend(2, key="run:2")
        assert (
            written(
                ({"kind": "grant", "key": "run:1", "amount": "5"}, {"outcome": "ok", "entry": grant["id"]}),
                ({"kind": "spend", "key": "run:2", "amount": "2"}, {"outcome": "ok", "entry": spent.entry["id"]}),
                ({"kind": "spend", "key": "run:3", "amount": "9"}, {"outcome": "no_credits"}),
            )
            == []
        )

    def test_that_miss_an_acknowledged_operation(self, drill):
        _, written = drill
        (lost, wallet) = written(({"kind": "grant", "key": "run:1", "amount": "5"}, {"outcome": "ok", "entry": "e"}))
        assert "acknowledged" in lost
        assert "5 expected" in wallet

    def test_that_hold_an_operation_nobody_was_told_of(self, drill):
        account, written = drill
        account.grant(5, key="run:1")
        assert any("acknowledged to nobody" in line for line in written())

    def test_that_gave_a_repeat_another_entry(self, drill):
        account, written = drill
        grant = account.grant(5, key="run:1")
        plan = {"kind": "grant", "key": "run:1", "amount": "5"}
        differences = written(
            (plan, {"outcome": "ok", "entry": grant["id"]}), (plan, {"outcome": "ok", "entry": "other"})
        )
        assert differences == ["run:1: repeats were given different entries"]

    def test_that_charge_for_what_was_released(self, drill):
        account, written = drill
        grant = account.grant(5, key="run:1")
        held = account.reserve(2, key="run:2")
        services.capture(reservation_id=held.id)
        differences = written(
            ({"kind": "grant", "key": "run:1", "amount": "5"}, {"outcome": "ok", "entry": grant["id"]}),
            ({"kind": "reserve", "key": "run:2", "amount": "2"}, {"outcome": "ok", "reservation": str(held.id)}),
            ({"kind": "release", "key": "run:3", "reservation": str(held.id)}, {"outcome": "ok"}),
        )
        assert differences == ["run:2: is captured, which nobody was told"]

    def test_that_report_an_error(self, drill):
        _, written = drill
        plan = {"kind": "spend", "key": "run:1", "amount": "5"}
        (difference,) = written((plan, {"outcome": "error", "error": "IntegrityError()"}))
        assert "IntegrityError" in difference


def test_a_count_of_no_operations_is_zero():
    assert Books().operations == 0
    assert connection.settings_dict["NAME"].startswith("test_")

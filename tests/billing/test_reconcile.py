"""The auditor finds every kind of wrong, and says nothing of what is right."""

import json
import subprocess
import sys
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from billing import services
from billing.models import Entry, Reservation, Wallet
from billing.reconciliation import CHECKS, EXAMPLES, as_lines, reconcile

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments):
    """The command's exit code and what it printed."""
    out = StringIO()
    try:
        call_command("reconcile", *arguments, stdout=out)
    except SystemExit as end:
        return end.code, out.getvalue()
    return 0, out.getvalue()


@pytest.fixture
def busy_account(purse, run_out):
    """A wallet with every kind of movement behind it."""
    account = purse(main=100, bonus=20, free_messages=3)
    account.spend(5)
    services.adjust_credits(organization_id=account.id, amount=-1, key="adjust", description="a mistake")
    kept, part, failed, refunded, expired, late = (account.reserve(2) for _ in range(6))
    free_kept, free_failed, _ = (account.reserve(2, free_message=True) for _ in range(3))
    for reservation in (kept, refunded, free_kept):
        services.capture(reservation_id=reservation.id)
    services.capture(reservation_id=part.id, amount="0.5")
    for reservation in (failed, refunded, free_failed):
        services.release(reservation_id=reservation.id)
    for reservation in (expired, late):
        run_out(reservation)
    services.sweep_expired_reservations()
    services.capture(reservation_id=late.id)
    account.reserve(7)
    return account


@pytest.fixture
def tampered():
    """Runs SQL behind the ledger's back."""

    def tamper(sql, *params):
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE billing_entry DISABLE TRIGGER billing_entry_append_only")
            cursor.execute(sql, params)
            cursor.execute("ALTER TABLE billing_entry ENABLE TRIGGER billing_entry_append_only")

    return tamper


def differing(report):
    return {finding.says for finding in report.findings if finding.differences}


def test_a_busy_account_is_in_order(busy_account):
    report = reconcile()
    assert report.ok, as_lines(report)
    assert (report.wallets, report.entries) == (1, Entry.objects.count())
    assert report.total == busy_account.wallet.total
    assert report.reserved == 7
    code, text = run()
    assert code == 0
    assert "1 wallets" in text
    assert "102.5 credits to spend, 7 reserved" in text
    assert "The books agree." in text
    assert "DIFFERS" not in text


def test_an_empty_ledger_is_in_order(transactional_db):
    assert run()[0] == 0


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("UPDATE billing_wallet SET balance = balance + 1", "Both balances of every wallet"),
        ("UPDATE billing_wallet SET bonus_balance = bonus_balance + 1", "Both balances of every wallet"),
        ("UPDATE billing_wallet SET reserved = reserved + 1", "What a wallet has reserved"),
        ("UPDATE billing_wallet SET free_messages = free_messages - 1", "Free messages left"),
        ("UPDATE billing_wallet SET last_number = last_number + 1", "The entries of every wallet are numbered"),
        ("DELETE FROM billing_entry WHERE kind = 'spend'", "The entries of every wallet are numbered"),
        ("UPDATE billing_entry SET number = number + 100 WHERE kind = 'adjustment'", "The entries of every wallet are"),
        ("UPDATE billing_entry SET balance_after = balance_after + 1 WHERE kind = 'spend'", "Every balance after"),
        ("UPDATE billing_entry SET main = 101, bonus = 0 WHERE kind = 'grant' AND main > 0", "Every balance after"),
        ("UPDATE billing_entry SET main = bonus, bonus = main WHERE kind = 'spend'", "Both balances of every wallet"),
        ("UPDATE billing_reservation SET status = 'released' WHERE status = 'captured'", "The entries of every reserv"),
        ("UPDATE billing_reservation SET captured_bonus = 1 WHERE captured_bonus = 2", "The entries of every reserv"),
        ("UPDATE billing_entry SET reservation_id = NULL WHERE kind = 'refund'", "The entries of every reservation"),
        ("ALTER TABLE billing_entry DROP CONSTRAINT entry_key_once", "The database's own guards"),
    ],
)
def test_whatever_is_tampered_with_is_found(busy_account, tampered, sql, says):
    tampered(sql)
    try:
        code, text = run()
        assert code == 1
        assert f"DIFFERS  {says}" in text
        assert "The books DO NOT agree." in text
    finally:
        if "DROP CONSTRAINT" in sql:
            tampered("ALTER TABLE billing_entry ADD CONSTRAINT entry_key_once UNIQUE (key)")


def test_a_guard_that_was_switched_off_is_found(busy_account):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE billing_entry DISABLE TRIGGER billing_entry_append_only")
    try:
        assert differing(reconcile()) == {"The database's own guards are in force"}
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE billing_entry ENABLE TRIGGER billing_entry_append_only")


def test_an_entry_of_another_wallet_is_found(purse, busy_account, tampered):
    other = purse(main=1).wallet
    entry = Entry.objects.filter(kind="capture").first()
    tampered("UPDATE billing_entry SET wallet_id = %s, number = 2 WHERE id = %s", other.pk, entry.pk)
    assert "Every reservation's entries are of its own wallet" in differing(reconcile())


def test_a_difference_says_what_was_expected_and_what_was_found(busy_account, tampered):
    Wallet.objects.update(balance=1)
    (finding,) = (finding for finding in reconcile().findings if finding.differences)
    assert finding.examples == [
        {
            "what": f"wallet {busy_account.wallet.pk}",
            "expected": "main 99, bonus 3.5",
            "found": "main 1, bonus 3.5",
        }
    ]


def test_many_differences_are_counted_and_the_first_are_shown(purse, tampered):
    for _ in range(EXAMPLES + 5):
        purse(main=1)
    Wallet.objects.update(balance=2)
    code, text = run()
    assert code == 1
    assert text.count("main 2, bonus 0 found") == EXAMPLES
    assert "… and 5 more" in text


def test_the_report_for_machines(busy_account, tampered):
    code, text = run("--json")
    report = json.loads(text)
    assert code == 0
    assert (report["ok"], report["wallets"], report["total"], report["reserved"]) == (True, 1, "102.5", "7")
    assert [check["differences"] for check in report["checks"]] == [0] * len(CHECKS)
    Wallet.objects.update(reserved=8)
    code, text = run("--json")
    assert (code, json.loads(text)["ok"]) == (1, False)


def test_it_looks_at_one_snapshot_while_the_site_works(purse, at_once):
    accounts = [purse(main=1000) for _ in range(4)]

    def work(account):
        for _ in range(20):
            account.spend(1)
            services.capture(reservation_id=account.reserve(2).id, amount=1)

    reports = at_once([lambda one=one: work(one) for one in accounts] + [reconcile] * 4)[4:]
    assert [report.ok for report in reports] == [True] * 4


def test_reservations_of_every_state_were_looked_at(busy_account):
    assert set(Reservation.objects.values_list("status", flat=True)) == {
        "held",
        "captured",
        "released",
        "expired",
        "refunded",
    }


def test_as_a_process_it_exits_with_one_on_a_difference(busy_account, monkeypatch):
    database = connection.settings_dict
    url = f"postgresql://{database['USER']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    monkeypatch.setenv("DATABASE_URL", url)
    command = [sys.executable, "manage.py", "reconcile"]
    Wallet.objects.update(reserved=8)
    assert subprocess.run(command, cwd=settings.BASE_DIR, capture_output=True, check=False).returncode == 1

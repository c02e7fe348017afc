"""The ledger as people read it: one line for each thing paid, and lines that add up to what is left."""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from billing import registry, services
from billing.models import Reservation
from billing.selectors.ledger import ledger_page
from common.errors import ValidationProblem
from common.pagination import encode_cursor

pytestmark = pytest.mark.django_db


def lines(purse, limit=100):
    return ledger_page(purse.id, viewer_id=uuid.uuid4(), cursor=None, limit=limit).items


def overdue(reservation):
    Reservation.objects.filter(pk=reservation.pk).update(expires_at=timezone.now() - timedelta(hours=1))
    services.sweep_expired_reservations()


def test_a_reply_is_one_line_with_what_it_cost_and_whose_it_was(purse):
    account = purse(main=10)
    held = account.reserve(1, description="Reply by Ada")
    services.capture(reservation_id=held.pk, amount="0.4")
    line, gift = lines(account)
    assert (line["what"], line["amount"], line["left"], line["state"]) == ("Reply by Ada", "-0.4", "9.6", "captured")
    assert (gift["amount"], gift["left"]) == ("10", "10")


def test_what_still_runs_is_set_aside(purse):
    account = purse(main=10)
    account.reserve(1, description="Reply by Ada")
    line = lines(account)[0]
    assert (line["state"], line["amount"], line["left"]) == ("held", "-1", "9")


def test_what_failed_costs_nothing(purse):
    account = purse(main=10)
    failed, expired, refunded = account.reserve(1), account.reserve(2), account.reserve(3)
    services.release(reservation_id=failed.pk)
    overdue(expired)
    services.capture(reservation_id=refunded.pk)
    services.release(reservation_id=refunded.pk)
    found = [(line["state"], line["amount"], line["left"]) for line in lines(account)[:3]]
    assert found == [("refunded", "0", "10"), ("expired", "0", "10"), ("released", "0", "10")]


def test_what_was_charged_late_is_one_line_still(purse):
    account = purse(main=10)
    late = account.reserve(2)
    overdue(late)
    services.capture(reservation_id=late.pk, amount=1)
    assert [(line["state"], line["amount"]) for line in lines(account)] == [("captured", "-1"), (None, "10")]


def test_a_free_reply_leaves_no_line_unless_it_is_charged_late(purse):
    account = purse(main=10, free_messages=1)
    free = account.reserve(2, free_message=True)
    overdue(free)
    account.reserve(2, free_message=True)  # uses up the free message that came back
    assert len(lines(account)) == 1
    services.capture(reservation_id=free.pk)
    assert [(line["kind"], line["amount"]) for line in lines(account)] == [("spend", "-2"), ("grant", "10")]


@pytest.fixture
def busy(purse):
    """A purse in which everything has happened, several things at once."""
    account = purse(main=50, bonus=5)
    running = [account.reserve(2) for _ in range(4)]
    account.spend("1.5")
    services.capture(reservation_id=running[2].pk, amount="0.5")
    account.grant(7)
    services.release(reservation_id=running[0].pk)
    services.capture(reservation_id=running[1].pk)
    services.release(reservation_id=running[1].pk)
    services.adjust_credits(organization_id=account.id, amount=-3, key="a", description="set right")
    return account


def test_the_lines_add_up_to_what_is_left(busy):
    found = lines(busy)
    assert sum(Decimal(line["amount"]) for line in found) == busy.wallet.total
    below = Decimal(0)
    for line in reversed(found):
        below += Decimal(line["amount"])
        assert Decimal(line["left"]) == below


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_pages_split_no_line_and_count_on(busy, limit):
    cursor, found = None, []
    while True:
        page = ledger_page(busy.id, viewer_id=uuid.uuid4(), cursor=cursor, limit=limit)
        found += page.items
        cursor = page.next
        if cursor is None:
            break
    assert found == lines(busy)


def test_lines_lead_to_what_they_were_for_by_one_query_a_kind(purse, django_assert_num_queries, monkeypatch):
    monkeypatch.setattr(registry, "_reference_links", {})
    asked = []

    def links(ids, viewer_id):
        asked.append(sorted(ids))
        return {"1": "/there"}

    registry.register_reference("thing", links)
    account = purse(main=10)
    account.spend(1, reference={"type": "thing", "id": "1"})
    account.spend(1, reference={"type": "thing", "id": "2"})
    account.spend(1, reference={"type": "unknown", "id": "1"})
    assert [line["link"] for line in lines(account)] == [None, None, "/there", None]
    assert asked == [["1", "2"]]
    with django_assert_num_queries(1):
        lines(account)
    for _ in range(20):
        account.spend("0.1")
    with django_assert_num_queries(1):
        lines(account)


@pytest.mark.parametrize(
    "values", [[1], [1, 2], ["1", "2"], [1, "NaN"], [-1, "1"], [2**64 - 1, "1"], [1, "1e30"], [1, None], [True, "1"]]
)
def test_an_odd_cursor_is_refused(purse, values):
    with pytest.raises(ValidationProblem):
        ledger_page(purse(main=1).id, viewer_id=uuid.uuid4(), cursor=encode_cursor(values), limit=5)


def test_a_description_that_is_too_long_is_cut(purse):
    account = purse(main=10)
    account.reserve(1, description="x" * 600)
    assert lines(account)[0]["what"] == "x" * 500

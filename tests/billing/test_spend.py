"""Credits in, credits out: examples to check with a pencil."""

import uuid
from decimal import Decimal

import pytest

from billing import services
from billing.models import Entry
from common.errors import Conflict, NoCredits, NotFound, ValidationProblem

pytestmark = pytest.mark.django_db


def test_bonus_is_spent_first_and_main_pays_the_rest(purse):
    account = purse(main=100, bonus=20)
    spent = account.spend("25.5", reference={"type": "story", "id": "7"}, description="A play in three acts")
    assert account.has == (Decimal("94.5"), 0, 0)
    assert spent.remaining == Decimal("94.5")
    created_at = spent.entry.pop("created_at")
    assert created_at == Entry.objects.get(kind="spend").created_at
    assert spent.entry == {
        "id": str(Entry.objects.get(kind="spend").id),
        "kind": "spend",
        "amount": "-25.5",
        "bucket": "both",
        "balance_after": "94.5",
        "feature": "story",
        "reference": {"type": "story", "id": "7"},
        "description": "A play in three acts",
    }


def test_a_page_of_the_book_adds_up(purse):
    account = purse(main=100, bonus=20)
    account.spend(5)
    account.spend(20)
    account.spend("0.0000001")
    account.grant(3, bucket="bonus")
    assert account.lines == [
        ("grant", 100, 0, 100),
        ("grant", 0, 20, 120),
        ("spend", 0, -5, 115),
        ("spend", -5, -15, 95),
        ("spend", Decimal("-0.0000001"), 0, Decimal("94.9999999")),
        ("grant", 0, 3, Decimal("97.9999999")),
    ]
    assert [entry.number for entry in account.wallet.entries.order_by("number")] == [1, 2, 3, 4, 5, 6]
    assert sum(main + bonus for _, main, bonus, _ in account.lines) == account.wallet.total


@pytest.mark.parametrize(("bonus", "amount", "bucket"), [(20, 5, "bonus"), (0, 5, "main"), (3, 5, "both")])
def test_an_entry_names_the_bucket_it_came_from(purse, bonus, amount, bucket):
    assert purse(main=10, bonus=bonus).spend(amount).entry["bucket"] == bucket


def test_the_last_credit_can_be_spent_and_not_one_more(purse):
    account = purse(main=7, bonus=3)
    assert account.spend(10).remaining == 0
    with pytest.raises(NoCredits) as error:
        account.spend("0.0000001")
    assert error.value.extra == {"remaining_credits": 0, "required_credits": Decimal("0.0000001")}
    assert len(account.lines) == 3


def test_too_much_takes_nothing_from_either_bucket(purse):
    account = purse(main=5, bonus=5)
    with pytest.raises(NoCredits) as error:
        account.spend("10.5")
    assert error.value.extra == {"remaining_credits": 10, "required_credits": Decimal("10.5")}
    assert account.has == (5, 5, 0)


def test_the_same_key_spends_once(purse):
    account = purse(main=10)
    first = account.spend(4, key="order-1")
    account.spend(1)
    again = account.spend(4, key="order-1")
    assert again == first
    assert account.has == (5, 0, 0)


def test_a_repeat_is_answered_even_when_nothing_is_left(purse):
    account = purse(main=4)
    first = account.spend(4, key="all-of-it")
    assert account.spend(4, key="all-of-it") == first


def test_a_key_that_failed_for_want_of_credits_may_be_used_again(purse):
    account = purse(main=1)
    with pytest.raises(NoCredits):
        account.spend(4, key="later")
    account.grant(3)
    assert account.spend(4, key="later").remaining == 0


def test_a_key_stands_for_one_amount_of_one_wallet_and_one_kind(purse):
    account, other = purse(main=10), purse(main=10)
    account.spend(4, key="mine")
    for conflict in (
        lambda: account.spend(5, key="mine"),
        lambda: other.spend(4, key="mine"),
        lambda: account.grant(4, key="mine"),
    ):
        with pytest.raises(Conflict):
            conflict()
    assert (account.has, other.has) == ((6, 0, 0), (10, 0, 0))


def test_a_refusal_does_not_spoil_the_transaction_it_happens_in(purse):
    account = purse(main=10)
    account.spend(1, key="once")
    for refused in (lambda: account.spend(100), lambda: account.spend(2, key="once")):
        with pytest.raises((NoCredits, Conflict)):
            refused()
    assert account.spend(1, key="once").remaining == 9  # the test itself is one transaction


@pytest.mark.parametrize(
    "amount",
    [
        "0",
        "-1",
        "0.00000001",
        "1.00000005",
        "NaN",
        "Infinity",
        "-Infinity",
        "1e13",
        "1000000000000.0000001",
        "ten",
        "",
        0,
        -3,
        0.5,
        1.0,
        True,
        None,
        b"1",
        Decimal("sNaN"),
    ],
)
def test_odd_amounts_are_refused_and_change_nothing(purse, amount):
    account = purse(main=10)
    for refused in (account.spend, account.grant, account.reserve):
        with pytest.raises(ValidationProblem) as error:
            refused(amount)
        assert list(error.value.errors) == ["amount"]
    assert account.has == (10, 0, 0)


@pytest.mark.parametrize("amount", ["1000000000000", 10**12, "1E+12", "0.0000001", "1.50000000"])
def test_amounts_from_the_smallest_to_the_largest_are_taken(purse, amount):
    account = purse(main=10**12)
    assert account.spend(amount).remaining == 10**12 - Decimal(amount)


def test_without_a_wallet_there_is_nothing_to_find():
    nobody = uuid.uuid4()
    with pytest.raises(NotFound):
        services.spend(organization_id=nobody, amount=1, feature="story")
    with pytest.raises(NotFound):
        services.grant_credits(organization_id=nobody, amount=1, key="gift")


def test_a_wallet_is_opened_once(purse):
    account = purse(main=5)
    services.open_wallet(account.id)
    assert account.has == (5, 0, 0)


def test_a_grant_counts_once(purse):
    account = purse()
    first = account.grant(20, key="signup:1", bucket="bonus", kind="purchase", feature="signup")
    assert account.grant(20, key="signup:1", bucket="bonus", kind="purchase", feature="signup") == first
    assert (first["kind"], first["amount"], first["bucket"], first["balance_after"]) == (
        "purchase",
        "20",
        "bonus",
        "20",
    )
    assert account.has == (0, 20, 0)


def test_a_bucket_is_set_right_in_both_directions(purse):
    account = purse(main=10, bonus=2)
    services.adjust_credits(organization_id=account.id, amount="-4", key="a", description="counted twice")
    services.adjust_credits(organization_id=account.id, amount=1, key="b", bucket="bonus", description="forgotten")
    assert account.has == (6, 3, 0)
    assert account.lines[-2:] == [("adjustment", -4, 0, 8), ("adjustment", 0, 1, 9)]


def test_an_adjustment_never_goes_below_zero_in_its_bucket(purse):
    account = purse(main=10, bonus=2)
    with pytest.raises(NoCredits) as error:
        services.adjust_credits(organization_id=account.id, amount=-3, key="a", bucket="bonus", description="no")
    assert error.value.extra == {"remaining_credits": 2, "required_credits": 3}
    assert account.has == (10, 2, 0)


def test_free_messages_are_added(purse):
    account = purse(free_messages=10)
    services.grant_free_messages(organization_id=account.id, count=5)
    assert (account.wallet.free_messages, account.wallet.free_messages_granted) == (15, 15)

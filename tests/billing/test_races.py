"""Many at once, each with a database connection of its own."""

import random
import threading
from collections import Counter
from decimal import Decimal

import pytest
from django.db import connection, transaction

from billing import services
from billing.models import Reservation, Wallet
from common.errors import Conflict, NoCredits

pytestmark = pytest.mark.django_db(transaction=True)


def outcomes(results):
    return Counter(type(result).__name__ for result in results)


def read_then_write(wallet_id, barrier):
    """What one would write first: look, think, write."""
    wallet = Wallet.objects.get(pk=wallet_id)
    barrier.wait(30)
    if wallet.balance < 1:
        return False
    Wallet.objects.filter(pk=wallet_id).update(balance=wallet.balance - 1)
    return True


class TestFiftyParallelSpends:
    def test_reading_and_then_writing_sells_more_than_there_is(self, purse, at_once):
        """This is the mistake the ledger exists to prevent: fifty callers are served from ten credits."""
        wallet = purse(main=10).wallet
        barrier = threading.Barrier(50)
        served = at_once([lambda: read_then_write(wallet.pk, barrier) for _ in range(50)])
        assert served.count(True) == 50
        wallet.refresh_from_db()
        assert wallet.balance == 9

    def test_of_one_wallet_serve_exactly_what_there_is(self, purse, at_once, books_agree):
        account = purse(main=6, bonus="4.5")
        results = at_once([lambda: account.spend(1) for _ in range(50)])
        assert outcomes(results) == {"SpendResult": 10, "NoCredits": 40}
        assert sorted(result.remaining for result in results if not isinstance(result, NoCredits)) == [
            Decimal(left) + Decimal("0.5") for left in range(10)
        ]
        assert account.wallet.total == Decimal("0.5")
        books_agree()

    def test_within_transactions_of_their_callers_too(self, purse, at_once, books_agree):
        account = purse(main=6, bonus="4.5")

        def spend():
            with transaction.atomic():
                account.spend("0.5")
                return account.spend("0.5")

        assert outcomes(at_once([spend for _ in range(50)])) == {"SpendResult": 10, "NoCredits": 40}
        assert account.wallet.total == Decimal("0.5")
        books_agree()

    @pytest.mark.parametrize("in_transaction", [False, True])
    def test_with_one_key_spend_once(self, purse, at_once, books_agree, in_transaction):
        account = purse(main=100)

        def spend():
            if not in_transaction:
                return account.spend(3, key="one-order")
            with transaction.atomic():
                spent = account.spend(3, key="one-order")
                Wallet.objects.exists()  # the transaction still works
                return spent

        results = at_once([spend for _ in range(50)])
        assert outcomes(results) == {"SpendResult": 50}
        assert len({result.entry["id"] for result in results}) == 1
        assert account.has == (97, 0, 0)
        books_agree()

    def test_with_one_key_and_two_amounts_one_amount_wins(self, purse, at_once, books_agree):
        account = purse(main=100)
        results = at_once([lambda amount=1 + n % 2: account.spend(amount, key="one-order") for n in range(20)])
        assert outcomes(results) == {"SpendResult": 10, "Conflict": 10}
        assert account.wallet.total in {98, 99}
        books_agree()


def test_credits_coming_in_meanwhile_never_break_a_spend(purse, at_once, books_agree):
    """Bonus goes up and down while it is spent: no old value is ever seen beside a new one."""
    account = purse(main=1000, bonus="0.5")

    def move(seed):
        rng = random.Random(seed)
        for _ in range(15):
            amount = Decimal(rng.randint(1, 10**7)).scaleb(-7)
            if rng.random() < 0.5:
                account.spend(amount)
            else:
                account.grant(amount, bucket="bonus")
            services.grant_free_messages(organization_id=account.id, count=1)
            account.reserve(amount, free_message=rng.random() < 0.5)

    assert outcomes(at_once([lambda seed=seed: move(seed) for seed in range(16)])) == {"NoneType": 16}
    books_agree()


def test_fifty_reservations_of_ten_free_messages_take_ten(purse, at_once, books_agree):
    account = purse(main=15, free_messages=10)
    results = at_once([lambda: account.reserve(1, free_message=True) for _ in range(50)])
    assert outcomes(results) == {"Reservation": 25, "NoCredits": 25}
    assert sum(result.free_messages for result in results if isinstance(result, Reservation)) == 10
    assert (account.free_messages, account.has) == (0, (0, 0, 15))
    books_agree()


def test_two_hundred_parallel_reservations_of_one_wallet_all_finish(purse, at_once, books_agree):
    account = purse(main=90, bonus="10.5")
    results = at_once([lambda: account.reserve("0.67")] * 200, connections=_connections(200))
    assert outcomes(results) == {"Reservation": 150, "NoCredits": 50}
    assert account.has == (0, 0, Decimal("100.5"))
    books_agree()


def _connections(wanted):
    """As many as are wanted where the server has them (`make test` sees to that), else no more than its third."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('max_connections')::int")
        most = cursor.fetchone()[0]
    return min(wanted, most // 3)


def test_one_reservation_key_reserves_once(purse, at_once, books_agree):
    account = purse(main=100)
    results = at_once([lambda: account.reserve(3, key="one-job") for _ in range(30)])
    assert len({result.id for result in results}) == 1
    assert account.has == (97, 0, 3)
    books_agree()


class TestSettling:
    def test_twenty_captures_count_once(self, purse, at_once, books_agree):
        account = purse(main=10)
        held = account.reserve(5)
        results = at_once([lambda: services.capture(reservation_id=held.id, amount=4) for _ in range(20)])
        assert outcomes(results) == {"Reservation": 20}
        assert account.has == (6, 0, 0)
        books_agree()

    def test_captures_of_different_amounts_one_wins(self, purse, at_once, books_agree):
        account = purse(main=10)
        held = account.reserve(5)
        results = at_once([lambda n=n: services.capture(reservation_id=held.id, amount=n) for n in range(1, 6)])
        assert outcomes(results) == {"Reservation": 1, "Conflict": 4}
        books_agree()

    @pytest.mark.parametrize("seed", range(4))
    def test_capture_release_and_sweep_at_once_end_with_everything_back(
        self, purse, at_once, run_out, books_agree, seed
    ):
        """Whoever comes first: a failure was reported, so in the end nothing is charged, by at most one refund."""
        account = purse(main=10, bonus=3, free_messages=1)
        held = [account.reserve(1, free_message=number == 0) for number in range(6)]
        actions = []
        for reservation in held:
            run_out(reservation)
            for _ in range(3):
                actions.append(lambda it=reservation: services.capture(reservation_id=it.id, amount="0.7"))
                actions.append(lambda it=reservation: services.release(reservation_id=it.id, reason="failed"))
        actions += [services.sweep_expired_reservations] * 4
        random.Random(seed).shuffle(actions)
        results = at_once(actions)
        assert all(isinstance(result, (Reservation, Conflict, int)) for result in results), results
        assert (account.has, account.free_messages) == ((10, 3, 0), 1)
        refunds = Counter(account.wallet.entries.filter(kind="refund").values_list("reservation", flat=True))
        assert set(refunds.values()) <= {1}
        books_agree()

    def test_capture_and_sweep_at_once_end_captured(self, purse, at_once, run_out, books_agree):
        account = purse(main=100)
        held = [account.reserve(2) for _ in range(10)]
        for reservation in held:
            run_out(reservation)
        captures = [lambda it=it: services.capture(reservation_id=it.id) for it in held]
        assert "Conflict" not in outcomes(at_once(captures + [services.sweep_expired_reservations] * 5))
        assert set(Reservation.objects.values_list("status", flat=True)) == {"captured"}
        assert account.has == (80, 0, 0)
        books_agree()

    def test_late_captures_and_spends_share_what_is_left(self, purse, at_once, expire, books_agree):
        account = purse(main=10)
        held = account.reserve(8)
        expire(held)
        at_once([lambda: services.capture(reservation_id=held.id)] + [lambda: account.spend(1) for _ in range(9)])
        assert account.wallet.total >= 0
        books_agree()

    def test_a_caller_that_holds_the_wallet_is_not_waited_for_in_a_circle(self, purse, own_connections, books_agree):
        """A transaction reserves and then settles an older reservation, which another one is settling: no deadlock."""
        account = purse(main=10)
        old = account.reserve(1)
        heard = []

        def settle():
            try:
                services.capture(reservation_id=old.id)
            except Conflict as conflict:
                heard.append(conflict)
            finally:
                connection.close()

        other = threading.Thread(target=settle)
        with transaction.atomic():
            account.reserve(2)
            other.start()
            other.join(0.5)  # by now it waits for the wallet
            assert other.is_alive()
            services.release(reservation_id=old.id)
        other.join()
        assert len(heard) == 1  # it came second: the reservation had failed
        old.refresh_from_db()
        assert (old.status, account.has) == ("released", (8, 0, 2))
        books_agree()

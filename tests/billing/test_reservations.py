"""Deduct first, settle later: worked examples of every way a reservation can end, late truths included."""

from decimal import Decimal

import pytest

from billing import services
from billing.models import Reservation
from common.errors import Conflict, NoCredits, NotFound, ValidationProblem
from common.models import new_id

pytestmark = pytest.mark.django_db


def capture(reservation, amount=None):
    return services.capture(reservation_id=reservation.id, amount=amount)


def release(reservation, reason="the provider failed"):
    return services.release(reservation_id=reservation.id, reason=reason)


class TestReserve:
    def test_takes_the_credits_out_bonus_first(self, purse):
        account = purse(main=10, bonus=3)
        held = account.reserve(5, reference={"type": "reply", "id": "r1"})
        assert account.has == (8, 0, 5)
        assert (held.status, held.main, held.bonus, held.amount, held.captured) == ("held", 2, 3, 5, 0)
        assert account.lines[-1] == ("reserve", -2, -3, 8)
        assert (Reservation.objects.get().reference_type, Reservation.objects.get().reference_id) == ("reply", "r1")

    def test_what_is_reserved_cannot_be_spent(self, purse):
        account = purse(main=10)
        account.reserve(8)
        with pytest.raises(NoCredits) as error:
            account.spend(3)
        assert error.value.extra == {"remaining_credits": 2, "required_credits": 3}

    def test_needs_the_whole_amount(self, purse):
        account = purse(main=4, bonus=1)
        with pytest.raises(NoCredits) as error:
            account.reserve("5.0000001")
        assert error.value.extra == {"remaining_credits": 5, "required_credits": Decimal("5.0000001")}
        assert not Reservation.objects.exists()

    def test_the_same_key_reserves_once_and_shows_what_became_of_it(self, purse):
        account = purse(main=10)
        first = account.reserve(4, key="job-1")
        again = account.reserve(4, key="job-1")
        assert (again.id, again.status) == (first.id, "held")
        capture(first)
        assert account.reserve(4, key="job-1").status == "captured"
        assert account.has == (6, 0, 0)

    def test_a_key_stands_for_one_amount_of_one_wallet(self, purse):
        account, other = purse(main=10), purse(main=10)
        account.reserve(4, key="job-1")
        for conflict in (lambda: account.reserve(5, key="job-1"), lambda: other.reserve(4, key="job-1")):
            with pytest.raises(Conflict):
                conflict()
        assert (account.has, other.has) == ((6, 0, 4), (10, 0, 0))


class TestCapture:
    def test_of_everything_settles_it(self, purse):
        account = purse(main=10, bonus=3)
        done = capture(account.reserve(5))
        assert (done.status, done.captured, done.captured_main, done.captured_bonus) == ("captured", 5, 2, 3)
        assert account.has == (8, 0, 0)
        assert account.lines[-2:] == [("reserve", -2, -3, 8), ("capture", 0, 0, 8)]

    def test_of_less_gives_the_rest_back_to_where_it_came_from(self, purse):
        """5 were taken, 3 of them bonus. 4 are used: all the bonus and 1 of main; 1 goes back to main."""
        account = purse(main=10, bonus=3)
        done = capture(account.reserve(5), 4)
        assert (done.captured_main, done.captured_bonus) == (1, 3)
        assert account.has == (9, 0, 0)
        assert account.lines[-2:] == [("capture", 0, 0, 8), ("release", 1, 0, 9)]

    def test_of_little_gives_back_to_both_buckets(self, purse):
        account = purse(main=10, bonus=3)
        capture(account.reserve(5), "0.5")
        assert account.has == (10, Decimal("2.5"), 0)
        assert account.lines[-1] == ("release", 2, Decimal("2.5"), Decimal("12.5"))

    def test_ends_as_if_the_used_amount_had_been_spent_at_once(self, purse):
        for used in ("0.1", "2.9999999", "3", "3.1", "5"):
            reserving, spending = purse(main=10, bonus=3), purse(main=10, bonus=3)
            capture(reserving.reserve(5), used)
            spending.spend(used)
            assert reserving.has == spending.has

    def test_never_takes_more_than_was_reserved(self, purse):
        account = purse(main=10)
        assert capture(account.reserve(5), 7).captured == 5
        assert account.has == (5, 0, 0)

    def test_of_nothing_gives_everything_back(self, purse):
        account = purse(main=10, bonus=3)
        done = capture(account.reserve(5), 0)
        assert (done.status, done.captured, account.has) == ("captured", 0, (10, 3, 0))

    def test_counts_once(self, purse):
        account = purse(main=10)
        held = account.reserve(5)
        for _ in range(3):
            assert capture(held, 4).captured == 4
        assert (account.has, len(account.lines)) == ((6, 0, 0), 4)

    def test_with_another_amount_is_a_conflict(self, purse):
        account = purse(main=10)
        held = account.reserve(5)
        capture(held, 4)
        with pytest.raises(Conflict):
            capture(held, 3)
        with pytest.raises(Conflict):
            capture(held)
        assert account.has == (6, 0, 0)

    def test_after_a_release_is_a_conflict(self, purse):
        account = purse(main=10)
        held = account.reserve(5)
        release(held)
        with pytest.raises(Conflict):
            capture(held)
        assert account.has == (10, 0, 0)

    @pytest.mark.parametrize("amount", ["-1", "0.00000001", "NaN", 0.5])
    def test_of_an_odd_amount_changes_nothing(self, purse, amount):
        account = purse(main=10)
        held = account.reserve(5)
        with pytest.raises(ValidationProblem):
            capture(held, amount)
        assert account.has == (5, 0, 5)

    def test_of_what_is_not_there_is_not_found(self):
        with pytest.raises(NotFound):
            services.capture(reservation_id=new_id())
        with pytest.raises(NotFound):
            services.release(reservation_id=new_id())


class TestRelease:
    def test_gives_everything_back_to_where_it_came_from(self, purse):
        account = purse(main=10, bonus=3)
        done = release(account.reserve(5), "the provider timed out")
        assert (done.status, account.has) == ("released", (10, 3, 0))
        assert account.lines[-2:] == [("reserve", -2, -3, 8), ("release", 2, 3, 13)]
        assert account.wallet.entries.latest("number").description == "the provider timed out"

    def test_counts_once(self, purse):
        account = purse(main=10)
        held = account.reserve(5)
        for _ in range(3):
            assert release(held).status == "released"
        assert (account.has, len(account.lines)) == ((10, 0, 0), 3)

    def test_a_very_long_reason_is_cut(self, purse):
        release(purse(main=10).reserve(5), "x" * 10_000)


class TestFreeMessages:
    def test_one_pays_instead_of_credits_while_any_are_left(self, purse):
        account = purse(main=10, free_messages=1)
        first = account.reserve(2, free_message=True)
        assert (first.free_messages, first.main, account.free_messages, account.has) == (1, 0, 0, (10, 0, 0))
        second = account.reserve(2, free_message=True)
        assert (second.free_messages, second.main, account.has) == (0, 2, (8, 0, 2))

    def test_pays_for_who_has_no_credits_at_all(self, purse):
        account = purse(free_messages=1)
        capture(account.reserve(2, free_message=True))
        with pytest.raises(NoCredits):
            account.reserve(2, free_message=True)

    def test_is_left_alone_unless_it_is_asked_for(self, purse):
        account = purse(main=10, free_messages=1)
        account.reserve(2)
        assert (account.free_messages, account.has) == (1, (8, 0, 2))

    def test_captured_is_used_up_whatever_the_price(self, purse):
        account = purse(main=10, free_messages=1)
        done = capture(account.reserve(2, free_message=True), "0.3")
        assert (done.captured, account.free_messages, account.has) == (0, 0, (10, 0, 0))

    def test_released_comes_back(self, purse):
        account = purse(main=10, free_messages=1)
        release(account.reserve(2, free_message=True))
        assert (account.free_messages, account.has) == (1, (10, 0, 0))

    def test_refunded_comes_back_once(self, purse):
        account = purse(free_messages=1)
        held = account.reserve(2, free_message=True)
        capture(held)
        assert [release(held).status, release(held).status] == ["refunded", "refunded"]
        assert account.free_messages == 1

    def test_leaves_no_line_in_the_book(self, purse):
        account = purse(main=10, free_messages=1)
        release(account.reserve(2, free_message=True))
        assert len(account.lines) == 1

    def test_the_same_key_uses_one(self, purse):
        account = purse(free_messages=2)
        first = account.reserve(2, free_message=True, key="reply-1")
        assert account.reserve(2, free_message=True, key="reply-1").id == first.id
        assert account.free_messages == 1


class TestExpiry:
    def test_gives_back_what_nobody_reported_on(self, purse, expire):
        account = purse(main=10, bonus=3, free_messages=1)
        held = account.reserve(5)
        expire(held)
        held.refresh_from_db()
        assert (held.status, account.has) == ("expired", (10, 3, 0))
        assert account.lines[-1] == ("release", 2, 3, 13)

    def test_gives_a_free_message_back(self, purse, expire):
        account = purse(free_messages=1)
        expire(account.reserve(2, free_message=True))
        assert account.free_messages == 1

    def test_leaves_alone_what_has_time_or_is_settled(self, purse, run_out):
        account = purse(main=10)
        account.reserve(1)
        for settle in (capture, release):
            held = account.reserve(2)
            settle(held)
            run_out(held)
        assert services.sweep_expired_reservations() == 0
        assert account.has == (7, 0, 1)

    def test_counts_once(self, purse, expire):
        account = purse(main=10)
        expire(account.reserve(5))
        assert services.sweep_expired_reservations() == 0
        assert account.has == (10, 0, 0)

    def test_past_its_time_and_not_yet_swept_it_is_captured_as_usual(self, purse, run_out):
        account = purse(main=10)
        held = account.reserve(5)
        run_out(held)
        assert capture(held).captured == 5
        assert (account.has, [line[0] for line in account.lines]) == ((5, 0, 0), ["grant", "reserve", "capture"])


class TestLateTruth:
    def test_a_failure_after_the_capture_posts_one_refund(self, purse):
        account = purse(main=10, bonus=3)
        held = account.reserve(5)
        capture(held, 4)
        for _ in range(3):
            assert release(held, "the picture was black").status == "refunded"
        assert account.has == (10, 3, 0)
        assert account.lines[-1] == ("refund", 1, 3, 13)
        assert [line[0] for line in account.lines].count("refund") == 1

    def test_a_repeated_capture_after_the_refund_changes_nothing(self, purse):
        account = purse(main=10)
        held = account.reserve(5)
        capture(held, 4)
        release(held)
        assert capture(held, 4).status == "refunded"
        assert account.has == (10, 0, 0)

    def test_a_success_after_the_sweep_charges_again_once(self, purse, expire):
        account = purse(main=10, bonus=3)
        held = account.reserve(5)
        expire(held)
        for _ in range(3):
            done = capture(held, 4)
            assert (done.status, done.captured) == ("captured", 4)
        assert account.has == (9, 0, 0)
        assert account.lines[-1] == ("spend", -1, -3, 9)

    def test_a_success_after_the_sweep_takes_what_is_left_and_never_more(self, purse, expire):
        account = purse(main=10)
        held = account.reserve(5)
        expire(held)
        account.spend(7)
        assert capture(held).captured == 3
        assert capture(held).captured == 3
        assert account.has == (0, 0, 0)

    def test_a_success_after_the_sweep_with_nothing_left_is_written_down(self, purse, expire):
        account = purse(main=10)
        held = account.reserve(5)
        expire(held)
        account.spend(10)
        done = capture(held)
        assert (done.status, done.captured) == ("captured", 0)
        assert account.lines[-1] == ("capture", 0, 0, 0)

    def test_capture_sweep_and_failure_in_any_order_end_with_everything_back(self, purse, expire):
        account = purse(main=10, bonus=3)
        held = account.reserve(5)
        expire(held)
        capture(held)
        release(held)
        release(held)
        assert account.has == (10, 3, 0)
        assert [line[0] for line in account.lines].count("refund") == 1

    def test_a_failure_after_the_sweep_moves_nothing_and_closes_it(self, purse, expire):
        account = purse(main=10)
        held = account.reserve(5)
        expire(held)
        assert release(held).status == "released"
        with pytest.raises(Conflict):
            capture(held)
        assert account.has == (10, 0, 0)

    def test_a_free_message_is_used_again_after_the_sweep(self, purse, expire):
        account = purse(main=10, free_messages=1)
        held = account.reserve(2, free_message=True)
        expire(held)
        done = capture(held)
        assert (done.captured, done.free_messages, account.free_messages, account.has) == (0, 1, 0, (10, 0, 0))

    def test_credits_pay_after_the_sweep_if_the_free_message_went_elsewhere(self, purse, expire):
        account = purse(main=10, free_messages=1)
        held = account.reserve(2, free_message=True)
        expire(held)
        account.reserve(2, free_message=True)
        done = capture(held)
        assert (done.captured, done.free_messages, account.free_messages) == (2, 0, 0)
        release(held)
        assert (account.free_messages, account.has) == (0, (10, 0, 0))

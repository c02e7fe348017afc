"""Budgets: what the ledger counts and refuses, when they begin anew, and what goes back to them."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction

from accounts.models import ApiKey, Membership
from billing import services
from billing.models import Budget, Reservation, period_end, period_start
from billing.reconciliation import reconcile
from common.errors import Conflict, Forbidden, NoCredits, NotFound, ValidationProblem
from common.models import AuditEntry
from tests.billing.test_races import outcomes
from tests.billing.test_round_trips import count

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def company(purse, owner, teammate):
    """A team of two with a thousand credits."""
    account = purse(main=1000)
    Membership.objects.create(organization_id=account.id, user=owner.user, role="owner")
    Membership.objects.create(organization_id=account.id, user=teammate.user)
    return account


@pytest.fixture
def budget(company, owner):
    """`budget(10)`, `budget(5, scope="member", member_id=teammate.id, period="day")`"""

    def budget(limit, **options):
        defaults = {"scope": "organization", "period": "month", "actor": owner.user}
        return services.create_budget(organization_id=company.id, limit=limit, **defaults | options)

    return budget


@pytest.fixture
def key(company, teammate):
    return ApiKey.objects.create(
        organization_id=company.id, user=teammate.user, name="Bot", prefix="troupe_x", digest="0" * 64, scopes=["spend"]
    )


def spent(one):
    one.refresh_from_db()
    return one.spent


def let_a_period_pass(*budgets):
    """As if the budgets, and whatever they have counted, were of last month."""
    earlier = timedelta(days=32)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE billing_entry DISABLE TRIGGER billing_entry_append_only")
        cursor.execute("UPDATE billing_entry SET created_at = created_at - %s", [earlier])
        cursor.execute("ALTER TABLE billing_entry ENABLE TRIGGER billing_entry_append_only")
        cursor.execute("UPDATE billing_reservation SET created_at = created_at - %s", [earlier])
    for one in budgets:
        start = period_start(one.period, one.period_start - earlier)
        if one.period == "month":
            start = period_start("month", datetime.now(UTC) - earlier)
        Budget.objects.filter(pk=one.pk).update(period_start=start)


class TestALimit:
    def test_is_spent_to_the_last_bit_and_no_further(self, company, budget):
        budget(10)
        company.spend("9.9999999")
        with pytest.raises(Forbidden):
            company.spend("0.0000002")
        company.spend("0.0000001")
        with pytest.raises(Forbidden) as refusal:
            company.spend("0.0000001")
        assert refusal.value.code == "BUDGET_EXCEEDED"
        assert refusal.value.extra["budget"]["spent"] == "10"
        assert refusal.value.extra["resets_at"] == period_end("month", datetime.now(UTC))
        assert company.wallet.total == 990

    def test_of_zero_refuses_everything(self, company, budget):
        budget(0)
        with pytest.raises(Forbidden):
            company.spend("0.0000001")
        with pytest.raises(Forbidden):
            company.reserve(1)
        assert company.has == (1000, 0, 0)

    def test_is_told_after_a_lack_of_credits(self, company, budget):
        budget(10)
        with pytest.raises(NoCredits):
            company.spend(1001)

    def test_does_not_stand_in_the_way_of_a_repeat(self, company, budget):
        budget(10)
        first = company.spend(10, key="order")
        assert company.spend(10, key="order").entry["id"] == first.entry["id"]
        with pytest.raises(Forbidden):
            company.reserve(1)

    def test_can_be_raised_and_lowered(self, company, budget, owner):
        one = budget(10)
        company.spend(8)
        services.change_budget(budget_id=one.pk, limit=5, actor=owner.user)
        with pytest.raises(Forbidden):
            company.spend(1)
        services.change_budget(budget_id=one.pk, limit=9, actor=owner.user)
        company.spend(1)
        assert spent(one) == 9

    def test_ends_with_its_budget(self, company, budget, owner):
        one = budget(1)
        services.delete_budget(budget_id=one.pk, actor=owner.user)
        company.spend(100)

    def test_refuses_before_anything_is_spent_by_more_than_one_budget(self, company, budget, teammate):
        whole = budget(10)
        own = budget(5, scope="member", member_id=teammate.id)
        with pytest.raises(Forbidden):
            company.spend(6, member_id=teammate.id)
        assert (spent(whole), spent(own)) == (0, 0)
        company.spend(5, member_id=teammate.id)
        assert (spent(whole), spent(own)) == (5, 5)


class TestWhoIsBound:
    def test_a_members_budget_binds_the_member_alone(self, company, budget, owner, teammate):
        one = budget(3, scope="member", member_id=teammate.id)
        company.spend(50, member_id=owner.id)
        company.spend(50)
        company.spend(3, member_id=teammate.id)
        with pytest.raises(Forbidden):
            company.spend(1, member_id=teammate.id)
        assert spent(one) == 3

    def test_a_keys_budget_binds_what_is_spent_with_it(self, company, budget, teammate, key):
        one = budget(3, scope="key", api_key_id=key.pk)
        company.spend(50, member_id=teammate.id)
        company.spend(3, member_id=teammate.id, api_key_id=key.pk)
        with pytest.raises(Forbidden):
            company.reserve(1, member_id=teammate.id, api_key_id=key.pk)
        assert spent(one) == 3

    def test_another_wallet_is_not_bound(self, company, budget, teammate, purse):
        budget(0, scope="member", member_id=teammate.id)
        purse(main=10).spend(1, member_id=teammate.id)

    def test_who_spent_is_written_into_the_book(self, company, teammate, key):
        company.spend(1, member_id=teammate.id, api_key_id=key.pk)
        held = company.reserve(2, member_id=teammate.id)
        services.capture(reservation_id=held.id, amount=1)
        said = company.wallet.entries.order_by("number").values_list("kind", "member_id", "api_key_id")[1:]
        assert list(said) == [
            ("spend", teammate.id, key.pk),
            ("reserve", teammate.id, None),
            ("capture", teammate.id, None),
            ("release", teammate.id, None),
        ]


class TestReservations:
    def test_count_when_they_are_made_and_give_back_what_was_not_used(self, company, budget, books_agree):
        one = budget(10)
        held = company.reserve(8)
        assert spent(one) == 8
        with pytest.raises(Forbidden):
            company.reserve(3)
        services.capture(reservation_id=held.id, amount="2.5")
        assert spent(one) == Decimal("2.5")
        services.release(reservation_id=held.id)  # the failure was reported late: a refund
        assert spent(one) == 0
        books_agree()

    def test_that_run_out_give_back_and_late_captures_count_again(self, company, budget, expire, books_agree):
        one = budget(10)
        held = company.reserve(8)
        expire(held)
        assert spent(one) == 0
        company.spend(9)
        services.capture(reservation_id=held.id)  # the work was done: it counts, over the limit or not
        assert spent(one) == 17
        books_agree()

    def test_paid_by_a_free_message_count_nothing(self, company, budget, books_agree):
        services.grant_free_messages(organization_id=company.id, count=1)
        one = budget(0)
        held = company.reserve(5, free_message=True)
        assert (held.free_messages, spent(one)) == (1, 0)
        with pytest.raises(Forbidden):
            company.reserve(5, free_message=True)
        services.release(reservation_id=held.id)
        assert spent(one) == 0
        books_agree()


class TestPeriods:
    def test_a_new_one_begins_with_its_first_spend(self, company, budget, books_agree):
        month, day = budget(10), budget(8, period="day")
        company.spend(8)
        let_a_period_pass(month, day)
        assert [spent(month), month.spent_now, spent(day), day.spent_now] == [8, 0, 8, 0]
        books_agree()
        company.spend(7)
        assert (spent(month), spent(day)) == (7, 7)
        assert month.period_start == period_start("month", datetime.now(UTC))
        books_agree()

    def test_what_was_reserved_in_the_last_one_goes_back_to_nothing_in_this_one(self, company, budget, books_agree):
        one = budget(10)
        old, older = company.reserve(5), company.reserve(4)
        let_a_period_pass(one)
        services.release(reservation_id=older.id)  # nobody has spent in the new period: it still goes back
        assert spent(one) == 5
        books_agree()
        company.spend(2)
        services.release(reservation_id=old.id)
        assert spent(one) == 2
        books_agree()

    def test_a_late_charge_of_a_free_message_begins_one_too(self, company, budget, expire, books_agree):
        services.grant_free_messages(organization_id=company.id, count=1)
        one = budget(10)
        company.spend(3)
        let_a_period_pass(one)
        held = company.reserve(2, free_message=True)
        expire(held)
        company.reserve(2, free_message=True)
        services.capture(reservation_id=held.id)  # no free message is left for it
        assert spent(one) == 2
        books_agree()

    def test_a_budget_counts_what_its_first_period_has_seen(self, company, budget, teammate, key, books_agree):
        company.spend(1)
        company.spend(2, member_id=teammate.id)
        company.reserve(4, member_id=teammate.id, api_key_id=key.pk)
        services.capture(reservation_id=company.reserve(16, member_id=teammate.id).id, amount=8)
        services.release(reservation_id=company.reserve(32, member_id=teammate.id).id)
        assert budget(100).spent == 15
        assert budget(100, scope="member", member_id=teammate.id).spent == 14
        assert budget(100, scope="key", api_key_id=key.pk, period="day").spent == 4
        books_agree()

    def test_and_nothing_of_the_period_before(self, company, budget):
        company.spend(5)
        let_a_period_pass()
        assert budget(100).spent == 0

    @pytest.mark.parametrize(
        ("period", "moment", "start", "end"),
        [
            ("day", "2026-02-28T23:59:59+00:00", "2026-02-28T00:00:00+00:00", "2026-03-01T00:00:00+00:00"),
            ("month", "2026-12-31T23:59:59+00:00", "2026-12-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00"),
            ("month", "2026-01-31T01:00:00+02:00", "2026-01-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00"),
            ("day", "2026-03-01T01:00:00+02:00", "2026-02-28T00:00:00+00:00", "2026-03-01T00:00:00+00:00"),
        ],
    )
    def test_are_days_and_months_of_utc(self, period, moment, start, end):
        moment = datetime.fromisoformat(moment)
        assert period_start(period, moment) == datetime.fromisoformat(start)
        assert period_end(period, moment) == datetime.fromisoformat(end)


class TestMakingOne:
    def test_twice_is_a_conflict(self, budget, company):
        budget(10)
        with pytest.raises(Conflict):
            budget(20)
        budget(20, period="day")
        assert company.wallet.budgets_version == 2

    def test_for_a_stranger_or_with_the_wrong_subject_is_refused(self, budget, company, stranger, teammate, key):
        for wrong in (
            {"scope": "member", "member_id": stranger.id},
            {"scope": "member"},
            {"scope": "key"},
            {"scope": "key", "member_id": teammate.id},
            {"scope": "organization", "member_id": teammate.id},
            {"scope": "organization", "api_key_id": key.pk},
            {"scope": "key", "api_key_id": stranger.id},
            {"limit": -1},
            {"limit": "1e-8"},
        ):
            with pytest.raises(ValidationProblem):
                budget(**{"limit": 1} | wrong)
        assert not Budget.objects.exists()
        assert company.wallet.budgets_version == 0

    def test_without_a_wallet_finds_nothing(self, owner):
        with pytest.raises(NotFound):
            services.create_budget(
                organization_id=owner.id, scope="organization", period="day", limit=1, actor=owner.user
            )

    def test_and_changing_it_is_in_the_audit_trail(self, budget, owner):
        one = budget(10)
        services.change_budget(budget_id=one.pk, limit=5, actor=owner.user, reason="A quiet month")
        services.delete_budget(budget_id=one.pk, actor=owner.user)
        trail = AuditEntry.objects.filter(target_id=str(one.pk)).order_by("id")
        assert [entry.action for entry in trail] == ["budget.create", "budget.change", "budget.delete"]
        assert (trail[1].data["before"], trail[1].reason) == ("10", "A quiet month")


class TestCost:
    def test_a_spend_is_one_statement_with_budgets_too(self, company, budget, teammate):
        budget(100)
        budget(50, scope="member", member_id=teammate.id)
        company.spend(1)  # that it has budgets is remembered from here on
        assert count(lambda: company.spend(1, member_id=teammate.id))[0] == 1
        assert count(lambda: company.reserve(1, member_id=teammate.id))[0] == 1


class TestManyAtOnce:
    def test_two_hundred_spends_never_exceed_a_budget(self, company, budget, teammate, at_once, books_agree):
        whole, own = budget(50), budget("30.5", scope="member", member_id=teammate.id, period="day")
        as_member, as_anybody = (lambda: company.spend("0.75", member_id=teammate.id)), (lambda: company.spend("0.75"))
        results = at_once([as_member, as_anybody] * 100, connections=50)
        assert outcomes(results) == {"SpendResult": 66, "Forbidden": 134}
        assert spent(whole) == Decimal("49.5")
        assert spent(own) <= Decimal("30.5")
        assert company.wallet.total == Decimal("950.5")
        books_agree()

    def test_spends_while_a_budget_is_made_are_all_in_it(self, company, budget, at_once, books_agree):
        """A spend whose snapshot is older than the budget must not slip past it."""
        made = []

        def spend():
            for _ in range(10):
                company.spend(1)

        def make():
            with transaction.atomic():
                made.append(budget(1000))

        results = at_once([spend] * 10 + [make] + [spend] * 10)
        assert outcomes(results) == {"NoneType": 21}
        assert spent(made[0]) == 200
        books_agree()

    def test_budgets_made_changed_and_removed_meanwhile_leave_the_books_right(
        self, company, budget, owner, teammate, at_once, run_out, books_agree
    ):
        def work(seed):
            rng = random.Random(seed)
            for _ in range(12):
                amount = Decimal(rng.randint(1, 5 * 10**7)).scaleb(-7)
                who = {"member_id": rng.choice([owner.id, teammate.id, None])}
                try:
                    held = company.reserve(amount, **who)
                    if rng.random() < 0.3:
                        run_out(held)
                        services.sweep_expired_reservations()
                    elif rng.random() < 0.5:
                        services.capture(reservation_id=held.id, amount=amount / 2 if amount % 2 else amount)
                    elif rng.random() < 0.5:
                        services.release(reservation_id=held.id)
                    company.spend(amount, **who)
                except (Forbidden, Conflict, ValidationProblem):  # Conflict: budgets came faster than it could try
                    continue

        def meddle(seed):
            rng = random.Random(seed)
            for _ in range(6):
                member = {"scope": "member", "member_id": rng.choice([owner.id, teammate.id])}
                try:
                    one = budget(rng.randint(1, 60), period=rng.choice(["day", "month"]), **rng.choice([{}, member]))
                    services.change_budget(budget_id=one.pk, limit=rng.randint(1, 60), actor=owner.user)
                    if rng.random() < 0.5:
                        services.delete_budget(budget_id=one.pk, actor=owner.user)
                except Conflict:
                    continue

        results = at_once([lambda n=n: work(n) for n in range(12)] + [lambda n=n: meddle(n) for n in range(4)])
        assert outcomes(results) == {"NoneType": 16}
        books_agree()


def test_the_auditor_finds_a_budget_that_counted_wrongly(company, budget):
    one = budget(10)
    company.spend(4)
    assert reconcile().ok
    Budget.objects.filter(pk=one.pk).update(spent=3)
    findings = [finding for finding in reconcile().findings if finding.differences]
    assert [example["what"] for finding in findings for example in finding.examples] == [f"budget {one.pk}"]


def test_reservations_made_before_there_were_budgets_are_given_back_without_harm(company, budget, owner):
    held = company.reserve(5)
    Reservation.objects.filter(pk=held.pk).update(member_id=None)
    one = budget(10, scope="member", member_id=owner.id)
    services.release(reservation_id=held.id)
    assert spent(one) == 0

"""Large adjustments need a second person, and move once however many agree."""

import uuid
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from billing import services
from billing.models import AdjustmentRequest, Entry
from common.errors import Conflict, Forbidden, NoCredits, NotFound
from common.models import AuditEntry
from tests.billing.shop import has

pytestmark = pytest.mark.django_db


@pytest.fixture
def second(join):
    return join("sabine")


@pytest.fixture
def asked(owner, staff):
    """A request for 5000 credits for the owner's wallet."""

    def ask(amount=5000, **options):
        wallet = owner.user.memberships.get(personal=True).organization.wallet
        wish = {"wallet_id": wallet.pk, "amount": Decimal(amount), "bucket": "main", "reason": "a lost purchase"}
        return services.request_adjustment(**wish | {"actor": staff.user} | options)

    return ask


def test_asking_moves_nothing(asked, owner, staff):
    request = asked()
    assert request.status == "waiting"
    assert has(owner) == (0, 20)
    assert AuditEntry.objects.get(action="adjustment.request").actor_id == staff.id


def test_a_second_person_lets_it_happen(asked, owner, second):
    request = asked()
    services.approve_adjustment(request_id=request.pk, actor=second.user, reason="I saw the receipt")
    request.refresh_from_db()
    assert (request.status, request.decided_by_id) == ("approved", second.id)
    assert has(owner) == (5000, 20)
    entry = Entry.objects.get(key=f"adjustment:{request.pk}")
    assert (entry.kind, entry.description) == ("adjustment", "a lost purchase")
    assert AuditEntry.objects.get(action="adjustment.approve").reason == "I saw the receipt"


def test_who_asked_can_not_agree(asked, owner, staff):
    request = asked()
    for decide in (services.approve_adjustment, services.refuse_adjustment):
        with pytest.raises(Forbidden):
            decide(request_id=request.pk, actor=staff.user, reason="it is fine")
    request.refresh_from_db()
    assert request.status == "waiting"
    assert has(owner) == (0, 20)


def test_the_database_wants_two_people_as_well(asked, staff):
    request = asked()
    with pytest.raises(IntegrityError, match="adjustment_needs_a_second_person"), transaction.atomic():
        AdjustmentRequest.objects.filter(pk=request.pk).update(decided_by=staff.user, decided_at=timezone.now())


def test_what_is_refused_stays_refused(asked, owner, second):
    request = asked()
    services.refuse_adjustment(request_id=request.pk, actor=second.user, reason="no receipt")
    with pytest.raises(Conflict):
        services.approve_adjustment(request_id=request.pk, actor=second.user, reason="after all")
    assert has(owner) == (0, 20)


def test_taking_away_more_than_there_is_waits_on(asked, owner, second):
    request = asked(-5000)
    with pytest.raises(NoCredits):
        services.approve_adjustment(request_id=request.pk, actor=second.user, reason="it was ours")
    request.refresh_from_db()
    assert (request.status, request.decided_by) == ("waiting", None)
    assert has(owner) == (0, 20)


def test_a_form_sent_twice_asks_once(asked):
    key = uuid.uuid4()
    assert asked(key=key) == asked(key=key)
    with pytest.raises(Conflict):
        asked(6000, key=key)
    assert AdjustmentRequest.objects.count() == 1


def test_of_nothing_is_not_found(asked, second):
    with pytest.raises(NotFound):
        asked(wallet_id=uuid.uuid4())
    with pytest.raises(NotFound):
        services.approve_adjustment(request_id=uuid.uuid4(), actor=second.user, reason="which?")


@pytest.mark.django_db(transaction=True)
def test_many_who_agree_at_once_move_it_once(asked, owner, join, at_once, books_agree):
    request = asked()
    people = [join(f"second{number}").user for number in range(8)]

    def approve(person):
        return services.approve_adjustment(request_id=request.pk, actor=person, reason="agreed")

    results = at_once([lambda person=person: approve(person) for person in people])
    assert sum(isinstance(result, dict) for result in results) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 7
    assert has(owner) == (5000, 20)
    books_agree()


@pytest.mark.django_db(transaction=True)
def test_of_one_who_agrees_and_one_who_refuses_one_wins(asked, owner, join, at_once):
    request = asked()
    decide = (services.approve_adjustment, services.refuse_adjustment)
    people = [join(f"second{number}").user for number in range(6)]
    results = at_once(
        [
            lambda act=decide[number % 2], person=person: act(request_id=request.pk, actor=person, reason="so")
            for number, person in enumerate(people)
        ]
    )
    assert sum(isinstance(result, Conflict) for result in results) == 5
    request.refresh_from_db()
    assert has(owner) == ((5000, 20) if request.status == "approved" else (0, 20))


class TestConsole:
    @pytest.fixture
    def console(self, staff):
        client = Client()
        client.force_login(staff.user)
        return client

    @pytest.fixture
    def wallet(self, owner):
        return owner.user.memberships.get(personal=True).organization.wallet

    @pytest.mark.parametrize("name", ["grant_credits", "adjust_credits"])
    def test_above_the_limit_asks(self, console, wallet, owner, name):
        page = reverse(f"admin:billing_wallet_{name}", args=[wallet.pk])
        form = {"amount": "1000.5", "bucket": "main", "reason": "by hand", "key": uuid.uuid4(), "_form_submitted": "on"}
        answer = console.post(page, form)
        assert "adjustmentrequest" in answer.headers["HX-Redirect"]
        console.post(page, form)
        assert AdjustmentRequest.objects.get().amount == Decimal("1000.5")
        assert has(owner) == (0, 20)

    def test_at_the_limit_moves_them(self, console, wallet, owner):
        page = reverse("admin:billing_wallet_grant_credits", args=[wallet.pk])
        form = {"amount": "1000", "bucket": "main", "reason": "by hand", "key": uuid.uuid4(), "_form_submitted": "on"}
        console.post(page, form)
        assert has(owner) == (1000, 20)
        assert not AdjustmentRequest.objects.exists()

    def test_ones_own_request_says_that_another_has_to_decide(self, console, asked, owner):
        request = asked()
        page = reverse("admin:billing_adjustmentrequest_approve", args=[request.pk])
        console.post(page, {"reason": "it is fine", "_form_submitted": "on"})
        assert "Somebody else has to decide" in console.get("/admin/").content.decode()
        assert has(owner) == (0, 20)

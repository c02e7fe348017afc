"""Budgets over the API: who sees and sets them, what is refused, and what it costs to list them."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import services as accounts
from accounts.models import Membership
from billing import services
from billing.models import Budget, Wallet
from common.models import AuditEntry

pytestmark = pytest.mark.django_db
BUDGETS = "/api/budgets"


@pytest.fixture
def team(owner, teammate):
    organization = accounts.create_team(user_id=owner.id, name="The Understudies")
    Membership.objects.create(organization=organization, user=teammate.user)
    return organization


@pytest.fixture
def budget(team, owner):
    def budget(limit=10, **options):
        defaults = {"scope": "organization", "period": "month", "actor": owner.user}
        return services.create_budget(organization_id=team.pk, limit=limit, **defaults | options)

    return budget


@pytest.fixture
def key(team, teammate):
    return accounts.create_api_key(organization_id=team.pk, user_id=teammate.id, name="A bot").row


def asked(team, **fields):
    return {"organization": str(team.pk), "scope": "organization", "period": "month", "limit": "10"} | fields


def test_an_owner_sets_one_changes_it_and_takes_it_away(owner, teammate, team, api):
    body = asked(team, scope="member", member=str(teammate.id), limit="7.50")
    made = api(owner).post(BUDGETS, body)
    assert made.status_code == 201
    one = made.json()
    assert one["member"]["username"] == "tobias"
    assert (one["limit"], one["spent"], one["api_key"]) == ("7.5", "0", None)
    assert one["resets_at"].endswith("-01T00:00:00Z")
    listed = api(owner).get(f"{BUDGETS}?organization={team.pk}&count=true").json()
    assert listed == {"items": [one], "next": None, "total": 1}
    changed = api(owner).patch(f"{BUDGETS}/{one['id']}", {"limit": 0})
    assert changed.json() == one | {"limit": "0"}
    assert api(owner).delete(f"{BUDGETS}/{one['id']}").status_code == 204
    assert api(owner).get(f"{BUDGETS}?organization={team.pk}").json()["items"] == []
    assert AuditEntry.objects.filter(action__startswith="budget.", actor=owner.user).count() == 3


def test_a_personal_one_is_ones_own(owner, api, problem):
    made = api(owner).post(BUDGETS, {"scope": "organization", "period": "day", "limit": "5"})
    assert made.json()["organization"] == str(owner.organization_id)
    refused = api(owner).post("/api/credits/spend", {"amount": "6", "feature": "story"})
    assert problem(refused) == (403, "BUDGET_EXCEEDED")
    body = refused.json()
    assert body["budget"] == {
        "id": made.json()["id"], "scope": "organization", "period": "day", "limit": "5", "spent": "0"
    }  # fmt: skip
    assert body["resets_at"] == made.json()["resets_at"]
    assert Wallet.objects.get(organization=owner.organization_id).total == 20


def test_a_member_sees_those_that_bind_them(owner, teammate, team, budget, key, api):
    whole, own, keys = (
        budget(),
        budget(scope="member", member_id=teammate.id),
        budget(scope="key", api_key_id=key.pk),
    )
    budget(scope="member", member_id=owner.id)
    seen = api(teammate).get(f"{BUDGETS}?organization={team.pk}").json()["items"]
    assert {one["id"] for one in seen} == {str(one.pk) for one in (whole, own, keys)}
    assert len(api(owner).get(f"{BUDGETS}?organization={team.pk}").json()["items"]) == 4


@pytest.mark.parametrize(
    ("who", "seen", "unseen"),
    [("teammate", (403, "FORBIDDEN"), (404, "NOT_FOUND")), ("stranger", (404, "NOT_FOUND"), (404, "NOT_FOUND"))],
)
def test_who_does_not_manage_changes_nothing(request, who, seen, unseen, owner, team, budget, api, problem):
    person = request.getfixturevalue(who)
    binding, other = budget(), budget(scope="member", member_id=owner.id)
    before = list(Budget.objects.values())
    for one, refusal in ((binding, seen), (other, unseen)):
        assert problem(api(person).patch(f"{BUDGETS}/{one.pk}", {"limit": "1"})) == refusal
        assert problem(api(person).delete(f"{BUDGETS}/{one.pk}")) == refusal
    assert problem(api(person).post(BUDGETS, asked(team, period="day"))) == seen
    assert list(Budget.objects.values()) == before


def test_nobody_and_strangers_learn_nothing(stranger, team, budget, api, problem):
    one = budget()
    assert problem(api().get(f"{BUDGETS}?organization={team.pk}")) == (401, "UNAUTHENTICATED")
    assert problem(api().delete(f"{BUDGETS}/{one.pk}")) == (401, "UNAUTHENTICATED")
    assert problem(api(stranger).get(f"{BUDGETS}?organization={team.pk}")) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    "fields",
    [
        {"scope": "everybody"},
        {"scope": "member"},
        {"scope": "key"},
        {"scope": "member", "member": "me"},
        {"scope": "member", "member": "{stranger}"},
        {"scope": "key", "api_key": "{stranger}"},
        {"member": "{stranger}"},
        {"period": "week"},
        {"period": None},
        {"limit": "-1"},
        {"limit": "1e3"},
        {"limit": True},
        {"limit": "0.00000001"},
        {"limit": [1]},
        {"spent": "0"},
        {"scope": "a\x00b"},
    ],
)
def test_nonsense_is_refused_and_makes_nothing(owner, stranger, team, api, problem, fields):
    fields = {name: str(stranger.id) if value == "{stranger}" else value for name, value in fields.items()}
    assert problem(api(owner).post(BUDGETS, asked(team, **fields))) == (400, "VALIDATION_ERROR")
    assert not Budget.objects.exists()
    assert Wallet.objects.get(organization=team).budgets_version == 0


def test_the_same_again_is_a_conflict_and_a_repeat_is_not(owner, team, api, problem):
    first = api(owner).post(BUDGETS, asked(team), **{"Idempotency-Key": "k"})
    again = api(owner).post(BUDGETS, asked(team), **{"Idempotency-Key": "k"})
    assert again.json() == first.json()
    assert problem(api(owner).post(BUDGETS, asked(team))) == (409, "CONFLICT")


@pytest.mark.parametrize("members", [1, 9])
def test_the_list_costs_the_same_however_long(join, owner, team, budget, api, members):
    for number in range(members):
        person = join(f"person{number}")
        Membership.objects.create(organization=team, user=person.user)
        budget(scope="member", member_id=person.id)
    caller = api(owner)
    caller.get("/api/wallet")  # its session is remembered from here on
    with CaptureQueriesContext(connection) as queries:
        items = caller.get(f"{BUDGETS}?organization={team.pk}").json()["items"]
    assert len(items) == members
    assert len(queries) == 3  # the membership twice: whether they may name it, and as what; and the budgets

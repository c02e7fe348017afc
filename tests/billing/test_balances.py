"""`GET /api/users/balances`: every wallet, for staff."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import services
from accounts.models import Membership
from billing.services import grant_credits

pytestmark = pytest.mark.django_db

PATH = "/api/users/balances"


@pytest.fixture
def finance(join):
    """Somebody of finance, whose token says so."""
    return of_role(join("fiona"), "finance")


def of_role(person, role):
    services.set_access(user=person.user, role=role, is_active=True, actor=person.user, reason="a test")
    signed = services.start_token_session(user=person.user, device=services.Device())
    return type(person)(person.user, person.organization_id, signed.access, signed.refresh)


def names(response):
    assert response.status_code == 200, response.content
    return [one["organization"]["name"] for one in response.json()["items"]]


@pytest.mark.parametrize(
    ("role", "status"),
    [("member", 403), ("creator", 403), ("moderator", 403), ("support", 200), ("finance", 200), ("admin", 200)],
)
def test_who_may_ask(api, join, role, status):
    assert api(of_role(join("sven"), role)).get(PATH).status_code == status


def test_others_are_refused_and_learn_nothing(api, owner, problem):
    assert problem(api().get(PATH)) == (401, "UNAUTHENTICATED")
    response = api(owner).get(PATH)
    assert problem(response) == (403, "FORBIDDEN")
    assert "olivia" not in response.content.decode()


def test_a_wallet_with_whose_it_is(api, finance, owner):
    grant_credits(organization_id=owner.organization_id, amount="2.5", key="k")
    (item,) = api(finance).get(f"{PATH}?search=olivia").json()["items"]
    assert item.pop("id")
    assert item == {
        "organization": {"id": str(owner.organization_id), "name": "olivia", "personal": True},
        "owner": "olivia",
        "balance": "2.5",
        "bonus_balance": "20",
        "reserved": "0",
        "total": "22.5",
        "free_messages": 10,
    }


def test_a_team_is_found_by_its_name_and_by_its_people(api, finance, owner, teammate):
    team = services.create_team(user_id=owner.id, name="The Extras")
    Membership.objects.create(organization=team, user=teammate.user, role="member")
    (item,) = api(finance).get(f"{PATH}?search=the%20ex").json()["items"]
    assert (item["organization"]["personal"], item["owner"]) == (False, "olivia")
    assert sorted(names(api(finance).get(f"{PATH}?search=tobias"))) == ["The Extras", "tobias"]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("OLIV", ["olivia"]),
        ("olivia@Troupe", ["olivia"]),
        ("livia", []),
        ("%", []),
        ("_livia", []),
        ("\\", []),
        ("'", []),
    ],
)
def test_it_is_found_by_the_beginning_and_nothing_else(api, finance, owner, search, found):
    assert names(api(finance).client.get(PATH, {"search": search})) == found


@pytest.mark.parametrize(
    "query", ["search=%00", f"search={'x' * 255}", "limit=0", "cursor=x", "cursor=WzFd", "count=maybe"]
)
def test_odd_questions_are_refused(api, finance, problem, query):
    assert problem(api(finance).get(f"{PATH}?{query}")) == (400, "VALIDATION_ERROR")


def test_pages_follow_each_other_without_a_gap(api, finance, join, settings):
    settings.RATE_LIMIT_FACTOR = 100
    for number in range(7):
        join(f"nora{number}")
    seen, cursor = [], ""
    while cursor is not None:
        page = api(finance).get(f"{PATH}?limit=3&count=true&cursor={cursor}").json()
        assert page["total"] == 8
        seen += [one["id"] for one in page["items"]]
        cursor = page["next"]
    assert len(seen) == len(set(seen)) == 8
    assert seen == sorted(seen, reverse=True)


def test_it_takes_one_query_however_many_there_are(api, finance, join):
    api(finance).get(PATH)
    with CaptureQueriesContext(connection) as few:
        api(finance).get(f"{PATH}?search=nora")
    for number in range(15):
        join(f"nora{number}")
    with CaptureQueriesContext(connection) as many:
        assert len(names(api(finance).get(f"{PATH}?search=nora"))) == 15
    assert len(few) == len(many) == 1


def test_a_search_goes_by_indexes():
    from billing.balances import FOUND

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN SELECT 1 FROM billing_wallet w WHERE {FOUND}", {"prefix": "oliv%"})  # noqa: S608
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan" not in plan
    assert "organization_name_prefix" in plan
    # where the database sorts by bytes, the unique index on the address serves as well
    assert "user_email_prefix" in plan or "user_email_once" in plan

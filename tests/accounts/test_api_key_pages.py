"""The pages of API keys and budgets, without a browser: who sees what, what a form does, and what a wrong one says."""

import re

import pytest
from django.test import Client

from accounts import api_keys, services
from accounts.models import ApiKey, Membership
from billing import services as billing
from billing.models import Budget

pytestmark = pytest.mark.django_db
KEYS = "/account/api-keys"


@pytest.fixture
def web():
    """`web(owner)`: a browser in which somebody is signed in."""

    def web(person):
        client = Client()
        client.force_login(person.user)
        return client

    return web


@pytest.fixture
def team(owner, teammate):
    organization = services.create_team(user_id=owner.id, name="The Understudies")
    Membership.objects.create(organization=organization, user=teammate.user)
    return organization


def form(**fields):
    return {"name": "House bot", "scopes": ["chat"], "budget": "", "expires": ""} | fields


def test_who_is_not_signed_in_is_sent_to_the_door(team):
    for path in (KEYS, f"/organizations/{team.pk}/api-keys", f"/organizations/{team.pk}/budgets"):
        response = Client().get(path)
        assert (response.status_code, response.url.split("?")[0]) == (302, "/sign-in")


def test_a_new_key_is_shown_once_with_a_command_to_try_it(owner, web):
    client = web(owner)
    response = client.post(KEYS, form(budget="12.5", expires="30"))
    assert response.status_code == 201
    assert "no-store" in response.headers["Cache-Control"]
    text = response.content.decode()
    shown = re.findall(api_keys.PATTERN, text)
    assert len(set(shown)) == 1
    assert "curl http" in text
    assert ApiKey.objects.get().digest == api_keys.digest_of(shown[0])
    again = client.get(KEYS).content.decode()
    assert not re.search(api_keys.PATTERN, again)
    assert "House bot" in again
    assert "12.5" in again


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "a\x00b"},
        {"scopes": []},
        {"scopes": ["admin"]},
        {"budget": "-1"},
        {"budget": "NaN"},
        {"budget": "lots"},
        {"expires": "7000"},
    ],
)
def test_a_wrong_form_says_so_and_makes_nothing(owner, web, fields):
    response = web(owner).post(KEYS, form(**fields))
    assert response.status_code == 400
    assert b"Something below needs another look" in response.content
    assert not ApiKey.objects.exists()


def test_a_key_is_revoked_from_its_page(owner, web):
    key = services.create_api_key(organization_id=owner.organization_id, user_id=owner.id, name="Bot").row
    response = web(owner).post(f"{KEYS}/{key.pk}/revoke", follow=True)
    assert b"The key has ended" in response.content
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert web(owner).post(f"{KEYS}/{key.pk}/revoke").status_code == 404


class TestOfATeam:
    def test_a_member_sees_their_own_keys_and_may_not_let_them_spend(self, owner, teammate, team, web):
        services.create_api_key(organization_id=team.pk, user_id=owner.id, name="Of the owner")
        path = f"/organizations/{team.pk}/api-keys"
        client = web(teammate)
        page = client.get(path).content.decode()
        assert "Of the owner" not in page
        assert "Spend credits" not in page
        assert client.post(path, form(scopes=["spend"])).status_code == 400
        assert client.post(path, form()).status_code == 201
        assert "acts as" in web(owner).get(path).content.decode()

    def test_strangers_find_nothing(self, stranger, owner, team, web):
        key = services.create_api_key(organization_id=team.pk, user_id=owner.id, name="Bot").row
        budget = billing.create_budget(
            organization_id=team.pk, scope="organization", period="day", limit=1, actor=owner.user
        )
        client, path = web(stranger), f"/organizations/{team.pk}"
        assert client.get(f"{path}/api-keys").status_code == 404
        assert client.post(f"{path}/api-keys", form()).status_code == 404
        assert client.post(f"{path}/api-keys/{key.pk}/revoke").status_code == 404
        assert client.get(f"{path}/budgets").status_code == 404
        assert client.post(f"{path}/budgets/{budget.pk}", {"remove": "yes"}).status_code == 404
        key.refresh_from_db()
        assert key.revoked_at is None
        assert Budget.objects.count() == 1


class TestBudgets:
    def test_an_owner_sets_changes_and_removes_one(self, owner, teammate, team, web):
        client, path = web(owner), f"/organizations/{team.pk}/budgets"
        body = {"subject": f"member:{teammate.id}", "limit": "40", "period": "month"}
        assert client.post(path, body).status_code == 302
        budget = Budget.objects.get()
        assert (budget.member_id, budget.limit) == (teammate.id, 40)
        refused = client.post(path, body)
        assert refused.status_code == 409
        assert b"There is such a budget already" in refused.content
        client.post(f"{path}/{budget.pk}", {"limit": "5"})
        client.post(f"{path}/{budget.pk}", {"limit": "a lot"})
        budget.refresh_from_db()
        assert budget.limit == 5
        client.post(f"{path}/{budget.pk}", {"remove": "yes"})
        assert not Budget.objects.exists()

    def test_a_member_sees_what_binds_them_and_changes_nothing(self, owner, teammate, team, web):
        whole = billing.create_budget(
            organization_id=team.pk, scope="organization", period="day", limit=30, actor=owner.user
        )
        billing.create_budget(
            organization_id=team.pk, scope="member", member_id=owner.id, period="day", limit=31, actor=owner.user
        )
        client, path = web(teammate), f"/organizations/{team.pk}/budgets"
        page = client.get(path).content.decode()
        assert "30 credits" in page
        assert "31 credits" not in page
        assert "<form" not in page.partition("<h1>")[2].partition("</main>")[0]
        assert client.post(path, {"subject": "organization", "limit": "1", "period": "month"}).status_code == 403
        assert client.post(f"{path}/{whole.pk}", {"limit": "1"}).status_code == 403
        assert list(Budget.objects.order_by("limit").values_list("limit", flat=True)) == [30, 31]

    def test_who_is_no_member_cannot_be_chosen(self, owner, stranger, team, web):
        body = {"subject": f"member:{stranger.id}", "limit": "40", "period": "month"}
        assert web(owner).post(f"/organizations/{team.pk}/budgets", body).status_code == 400

"""API keys: made, shown once, what they open, whom they act for and who pays, and how they end."""

import re
import subprocess
import sys
import time
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import api_keys, services, tasks
from accounts.models import ApiKey, Membership, Organization, Scope
from accounts.selectors import export_api_keys
from billing import services as billing
from billing.models import Budget, Reservation, Wallet
from characters.models import Character
from common import last_used, redis
from common.errors import Conflict
from common.models import AuditEntry, IdempotencyKey, OutgoingMail
from tests.conftest import Api
from tests.hostile import doors

pytestmark = pytest.mark.django_db(transaction=True)
MINE = "/api/users/me/api-keys"


@pytest.fixture
def api():
    """`api(owner).get("/api/wallet")`; `api()` is nobody."""
    return Api


@pytest.fixture
def team(owner, teammate):
    """Olivia's, with Tobias as a plain member, and a hundred credits."""
    organization = services.create_team(user_id=owner.id, name="The Understudies")
    Membership.objects.create(organization=organization, user=teammate.user)
    billing.grant_credits(organization_id=organization.pk, amount=100, key=f"test:{organization.pk}")
    return organization


@pytest.fixture
def made(api):
    """`made(owner)` or `made(teammate, team, scopes=["spend"])`: a new key as the API answers."""

    def make(person, organization=None, **fields):
        path = f"/api/organizations/{organization.pk}/api-keys" if organization else MINE
        response = api(person).post(path, {"name": "A bot"} | fields)
        assert response.status_code == 201, response.content
        return response.json()

    return make


@pytest.fixture
def with_key(api):
    """A caller with this key."""

    def caller(key):
        one = api()
        one.client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {key}"
        return one

    return caller


def spend(caller, amount=1, **fields):
    return caller.post("/api/credits/spend", {"amount": str(amount), "feature": "story"} | fields)


def balance(organization_id):
    return Wallet.objects.get(organization=organization_id).total


# --- the text ---------------------------------------------------------------------------------------------------------


class TestTheText:
    def test_is_told_by_its_pattern_and_checks_itself(self):
        keys = {api_keys.new_key() for _ in range(200)}
        assert len(keys) == 200
        for key in keys:
            assert re.fullmatch(api_keys.PATTERN, key)
            assert api_keys.is_whole(key)

    def test_has_256_random_bits(self):
        assert len(api_keys.LETTERS) ** api_keys.SECRET_LETTERS > 2**256

    def test_every_typo_of_one_letter_is_told(self):
        key = api_keys.new_key()
        for place in range(len(api_keys.BEGINNING), len(key)):
            for letter in "0Zz":
                if key[place] != letter:
                    assert not api_keys.is_whole(key[:place] + letter + key[place + 1 :])

    @pytest.mark.parametrize(
        "text",
        [
            "troupe_",
            "troupe_" + "0" * 48,
            "troupe_" + "0" * 50,
            "troupe_" + "-" * 49,
            "troupe_" + "é" * 49,
            "troupe_" + "０" * 49,  # digits, but not ours
            "troupe_" + "0" * 100_000,
            "TROUPE_" + "0" * 49,
            "troupe_" + "\x00" * 49,
            "troupe_ " + "0" * 48,
            "troupe_' OR 1=1 --",
        ],
    )
    def test_what_is_none_is_refused_without_asking_anybody(self, text, with_key, problem):
        assert not api_keys.is_whole(text)
        with CaptureQueriesContext(connection) as queries:
            response = with_key(text.encode().decode("latin-1")).get("/api/conversations")
        assert problem(response) == (401, "UNAUTHENTICATED")
        assert len(queries) == 0

    def test_a_whole_key_that_nobody_made_is_refused_and_looked_up_once(self, with_key, problem):
        caller = with_key(api_keys.new_key())
        assert problem(caller.get("/api/conversations")) == (401, "UNAUTHENTICATED")
        with CaptureQueriesContext(connection) as queries:
            assert problem(caller.get("/api/conversations")) == (401, "UNAUTHENTICATED")
        assert len(queries) == 0

    def test_guesses_are_counted_by_address(self, with_key, problem, settings):
        settings.RATE_LIMIT_FACTOR = 0.1
        answers = [problem(with_key(api_keys.new_key()).get("/api/conversations")) for _ in range(12)]
        assert answers[:10] == [(401, "UNAUTHENTICATED")] * 10
        assert answers[10:] == [(429, "RATE_LIMIT_EXCEEDED")] * 2


# --- making one -------------------------------------------------------------------------------------------------------


class TestMakingOne:
    def test_shows_the_key_once_and_keeps_its_hash(self, owner, made, api):
        key = made(owner, name="  The   house bot ", budget="5")
        text = key.pop("key")
        assert re.fullmatch(api_keys.PATTERN, text)
        assert key["prefix"] == text[:13]
        assert key["name"] == "The house bot"
        assert key["scopes"] == ["chat", "images"]
        assert (key["budget"], key["spent"]) == ("5", "0")
        assert (key["last_used_at"], key["expires_at"]) == (None, None)
        assert key["user"]["username"] == "olivia"
        assert api(owner).get(MINE).json() == {"items": [key], "next": None}
        row = ApiKey.objects.get()
        assert row.digest == api_keys.digest_of(text)
        with connection.cursor() as cursor:
            cursor.execute("SELECT row_to_json(k)::text FROM accounts_apikey k")
            assert text[13:] not in cursor.fetchone()[0]

    def test_the_answer_is_stored_nowhere(self, owner, api):
        response = api(owner).post(MINE, {"name": "A bot"}, **{"Idempotency-Key": "once"})
        assert response.headers["Cache-Control"] == "no-store"
        assert not IdempotencyKey.objects.exists()

    def test_tells_the_person_and_the_audit_trail(self, owner, made):
        key = made(owner, scopes=["chat", "chat"])
        mail = OutgoingMail.objects.get(kind="api_key_created")
        assert (mail.to, mail.context["prefix"]) == (owner.user.email, key["prefix"])
        assert key["key"] not in str(mail.context)
        entry = AuditEntry.objects.get(action="api_key.create")
        assert (entry.actor_id, entry.target_id) == (owner.id, key["id"])
        assert key["key"] not in str(entry.data)

    @pytest.mark.parametrize(
        "fields",
        [
            {"name": ""},
            {"name": "   "},
            {"name": "x" * 81},
            {"name": "a\x00b"},
            {"name": "a\u202eb"},
            {"name": 7},
            {"scopes": []},
            {"scopes": ["admin"]},
            {"scopes": "chat"},
            {"scopes": ["chat", 1]},
            {"scopes": ["chat"] * 9},
            {"scopes": [["chat"]]},
            {"budget": "-1"},
            {"budget": "1e-9"},
            {"budget": {}},
            {"budget": "99999999999999"},
            {"expires_at": "2020-01-01T00:00:00Z"},
            {"expires_at": "soon"},
            {"expires_at": 1},
            {"role": "admin"},
        ],
    )
    def test_nonsense_is_refused_and_makes_nothing(self, owner, api, problem, fields):
        assert problem(api(owner).post(MINE, {"name": "A bot"} | fields)) == (400, "VALIDATION_ERROR")
        assert not ApiKey.objects.exists()
        assert not OutgoingMail.objects.filter(kind="api_key_created").exists()

    def test_fifty_live_keys_are_enough(self, owner, problem, api):
        def make():
            return services.create_api_key(organization_id=owner.organization_id, user_id=owner.id, name="Bot")

        keys = [make().row for _ in range(50)]
        assert problem(api(owner).post(MINE, {"name": "One more"})) == (409, "CONFLICT")
        ApiKey.objects.filter(pk=keys[0].pk).update(expires_at=timezone.now())
        make()
        with pytest.raises(Conflict):
            make()

    def test_also_when_they_are_made_at_once(self, owner, at_once):
        def make():
            return services.create_api_key(organization_id=owner.organization_id, user_id=owner.id, name="Bot")

        for _ in range(45):
            make()
        results = at_once([make] * 12)
        assert sum(isinstance(result, Conflict) for result in results) == 7
        assert ApiKey.objects.count() == 50


# --- who may see and end them -----------------------------------------------------------------------------------------


class TestOfAnOrganisation:
    def test_managers_see_all_and_members_their_own(self, owner, teammate, team, made, api):
        one, other = made(owner, team), made(teammate, team)
        made(teammate)  # a personal key
        path = f"/api/organizations/{team.pk}/api-keys"
        assert [key["id"] for key in api(owner).get(path).json()["items"]] == [other["id"], one["id"]]
        assert [key["id"] for key in api(teammate).get(path).json()["items"]] == [other["id"]]

    def test_a_member_ends_their_own_alone(self, owner, teammate, team, made, api, problem, with_key):
        one, other = made(owner, team), made(teammate, team)
        path = f"/api/organizations/{team.pk}/api-keys"
        assert problem(api(teammate).delete(f"{path}/{one['id']}")) == (404, "NOT_FOUND")
        assert api(teammate).delete(path).json() == {"ended": 1}
        assert with_key(one["key"]).get("/api/conversations").status_code == 200
        assert with_key(other["key"]).get("/api/conversations").status_code == 401
        assert api(owner).delete(f"{path}/{one['id']}").status_code == 204
        assert with_key(one["key"]).get("/api/conversations").status_code == 401
        assert problem(api(owner).delete(f"{path}/{one['id']}")) == (404, "NOT_FOUND")

    def test_a_key_is_not_found_under_another_organisation(self, owner, team, made, api, problem):
        key = made(owner, team)
        assert problem(api(owner).delete(f"{MINE}/{key['id']}")) == (404, "NOT_FOUND")
        assert ApiKey.objects.get().revoked_at is None

    def test_only_managers_make_keys_that_spend(self, owner, teammate, team, made, api, problem):
        path = f"/api/organizations/{team.pk}/api-keys"
        assert problem(api(teammate).post(path, {"name": "Bot", "scopes": ["spend"]})) == (403, "FORBIDDEN")
        assert not ApiKey.objects.exists()
        made(owner, team, scopes=["spend"])

    def test_a_manager_who_becomes_a_member_spends_no_more(self, owner, teammate, team, made, with_key, problem):
        place = Membership.objects.get(organization=team, user=teammate.user)
        services.change_role(
            organization_id=team.pk, actor_id=owner.id, membership_id=place.pk, role=Membership.Role.ADMIN
        )
        caller = with_key(made(teammate, team, scopes=["chat", "spend"])["key"])
        assert spend(caller).status_code == 200
        services.change_role(
            organization_id=team.pk, actor_id=owner.id, membership_id=place.pk, role=Membership.Role.MEMBER
        )
        assert problem(spend(caller)) == (403, "FORBIDDEN")
        assert caller.get("/api/conversations").status_code == 200
        assert balance(team.pk) == 99

    @pytest.mark.parametrize("keys", [1, 12])
    def test_the_list_costs_the_same_however_long(self, owner, team, api, keys):
        for _ in range(keys):
            services.create_api_key(
                organization_id=team.pk, user_id=owner.id, name="Bot", budget=Decimal(5), scopes=["chat"]
            )
        caller = api(owner)
        caller.get("/api/wallet")  # its session is remembered from here on
        with CaptureQueriesContext(connection) as queries:
            items = caller.get(f"/api/organizations/{team.pk}/api-keys").json()["items"]
        assert len(items) == keys
        assert len(queries) == 3  # the place, the keys, their budgets


# --- what they open ---------------------------------------------------------------------------------------------------

OPEN = {
    "chat": [
        "/api/conversations", "/api/conversations/{conversation_id}", "/api/conversations/{conversation_id}/messages",
        "/api/conversations/{conversation_id}/read", "/api/conversations/{conversation_id}/typing",
        "/api/messages/{message_id}", "/api/messages/{message_id}/regenerate", "/api/messages/{message_id}/continue",
        "/api/messages/{message_id}/stop", "/api/messages/{message_id}/select",
        "/api/characters", "/api/characters/{character_id}", "/api/characters/{character_id}/lorebook",
        "/api/characters/{character_id}/images", "/api/characters/{character_id}/memories",
        "/api/characters/{character_id}/memories/{memory_id}",
        "/api/users/me/personas", "/api/users/me/personas/{persona_id}",
    ],
    "spend": ["/api/credits/spend", "/api/wallet", "/api/wallet/entries"],
}  # fmt: skip
SCOPE_OF = {route: scope for scope, routes in OPEN.items() for route in routes}


class TestScopes:
    def test_say_for_every_door_of_the_site_which_key_opens_it(self):
        found = {door.route: door.view.cls.scope for door in doors.api_doors() if hasattr(door.view.cls, "scope")}
        assert {route: scope for route, scope in found.items() if scope} == SCOPE_OF

    @pytest.mark.parametrize("scope", Scope.values)
    def test_open_their_doors_and_no_others(self, owner, made, with_key, scope, settings):
        """Every door of the API, knocked at with a key of one scope."""
        settings.RATE_LIMIT_FACTOR = 100_000
        caller = with_key(made(owner, scopes=[scope])["key"])
        before = snapshot()
        for door in doors.api_doors():
            if not door.view.cls.authentication_classes or not issubclass(door.view.cls, doors_of_ours()):
                continue  # a door that looks at no token, as signing in
            response = caller._send(door.method, door.path({}), None if door.method == "get" else {})
            refused = response.status_code == 403 and "This key may not do that" in response.json()["detail"]
            assert refused == (SCOPE_OF.get(door.route) != scope), (str(door), response.status_code)
            if refused and (needed := SCOPE_OF.get(door.route)):
                assert f"“{needed}”" in response.json()["detail"]
        assert snapshot() == before

    def test_a_door_without_one_is_closed_though_the_person_may(self, owner, api, made, with_key, problem):
        caller = with_key(made(owner, scopes=list(Scope.values))["key"])
        assert problem(caller.get("/api/auth/me")) == (403, "FORBIDDEN")
        assert problem(caller.get(MINE)) == (403, "FORBIDDEN")
        assert problem(caller.post(MINE, {"name": "A child"})) == (403, "FORBIDDEN")
        assert problem(caller.get("/api/budgets")) == (403, "FORBIDDEN")
        assert ApiKey.objects.count() == 1

    def test_the_socket_takes_no_key(self, owner, made):
        from accounts.realtime import identify_token
        from common.errors import Unauthenticated

        with pytest.raises(Unauthenticated):
            identify_token(made(owner)["key"])

    def test_pages_take_no_key(self, owner, made, with_key):
        response = with_key(made(owner)["key"]).get("/wallet")
        assert response.status_code == 302

    def test_a_key_of_staff_is_not_staff(self, staff, made, with_key, problem):
        claims = api_keys.read_key(made(staff, scopes=list(Scope.values))["key"], "127.0.0.1")
        assert claims.role == "member"
        caller = with_key(made(staff)["key"])
        assert problem(caller.get("/api/health/queues")) == (403, "FORBIDDEN")
        assert problem(caller.get("/api/users/balances")) == (403, "FORBIDDEN")


def doors_of_ours():
    from common.api import TroupeView

    return TroupeView


def snapshot():
    """What a knock at a wrong door could have changed."""
    models = (ApiKey, Budget, Membership, Organization, Character, OutgoingMail, AuditEntry)
    return [list(model.objects.order_by("pk").values()) for model in models]


# --- for whom, and who pays -------------------------------------------------------------------------------------------


@pytest.fixture
def odile(owner):
    return Character.objects.create(
        creator=owner.user,
        name="Odile",
        greeting="You are late.",
        age=44,
        gender="female",
        visibility="public",
        published_at=timezone.now(),
    )


class TestPaying:
    def test_spends_from_the_keys_organisation(self, owner, team, made, with_key, problem):
        caller = with_key(made(owner, team, scopes=["spend"])["key"])
        assert spend(caller, 3).json()["remaining_credits"] == "97"
        assert spend(caller, 2, organization=str(team.pk)).json()["remaining_credits"] == "95"
        assert problem(spend(caller, organization=str(owner.organization_id))) == (404, "NOT_FOUND")
        assert caller.get("/api/wallet").json()["organization"] == str(team.pk)
        assert caller.get("/api/wallet/entries").json()["items"][0]["amount"] == "-2"
        response = caller.get(f"/api/wallet?organization={owner.organization_id}")
        assert problem(response) == (404, "NOT_FOUND")
        assert balance(owner.organization_id) == 20

    def test_who_spent_with_which_key_is_in_the_book(self, owner, team, made, with_key):
        key = made(owner, team, scopes=["spend"])
        spend(with_key(key["key"]))
        entry = Wallet.objects.get(organization=team).entries.get(kind="spend")
        assert (entry.member_id, str(entry.api_key_id)) == (owner.id, key["id"])

    def test_two_keys_with_one_idempotency_key_are_two_callers(self, owner, team, made, with_key):
        one = with_key(made(owner, team, scopes=["spend"])["key"])
        other = with_key(made(owner, scopes=["spend"])["key"])
        body = {"amount": "1", "feature": "story"}
        for caller in (one, other, one):
            assert caller.post("/api/credits/spend", body, **{"Idempotency-Key": "k"}).status_code == 200
        assert (balance(team.pk), balance(owner.organization_id)) == (99, 19)

    def test_a_reply_asked_for_with_a_key_is_paid_by_its_organisation(self, owner, team, made, with_key, odile, api):
        conversation = api(owner).post("/api/conversations", {"kind": "character", "character": str(odile.pk)}).json()
        key = made(owner, team)
        path = f"/api/conversations/{conversation['id']}/messages"
        sent = with_key(key["key"]).post(path, {"text": "Good evening."})
        assert sent.status_code == 201, sent.content
        held = Reservation.objects.get()
        assert held.wallet.organization_id == team.pk
        assert (held.member_id, str(held.api_key_id)) == (owner.id, key["id"])
        assert sent.json()["message"]["author"]["id"] == str(owner.id)

    def test_a_conversation_begun_with_a_key_is_its_organisations(self, owner, team, made, with_key, odile):
        caller = with_key(made(owner, team)["key"])
        begun = caller.post("/api/conversations", {"kind": "character", "character": str(odile.pk)})
        from chat.models import Conversation

        assert Conversation.objects.get(pk=begun.json()["id"]).organization_id == team.pk


class TestABudget:
    def test_binds_the_key_by_the_month(self, owner, team, made, with_key, problem, api):
        key = made(owner, team, scopes=["spend"], budget="2.5")
        caller = with_key(key["key"])
        assert spend(caller, 2).status_code == 200
        refused = spend(caller, 1)
        assert problem(refused) == (403, "BUDGET_EXCEEDED")
        assert refused.json()["budget"]["limit"] == "2.5"
        assert refused.json()["resets_at"].endswith("-01T00:00:00Z")
        (shown,) = api(owner).get(f"/api/organizations/{team.pk}/api-keys").json()["items"]
        assert (shown["budget"], shown["spent"]) == ("2.5", "2")
        assert balance(team.pk) == 98

    def test_of_zero_lets_nothing_through(self, owner, made, with_key, problem):
        assert problem(spend(with_key(made(owner, scopes=["spend"], budget=0)["key"]))) == (403, "BUDGET_EXCEEDED")

    def test_outlives_its_key_without_harm(self, owner, made, api):
        key = made(owner, budget="2")
        api(owner).delete(f"{MINE}/{key['id']}")
        (budget,) = api(owner).get("/api/budgets").json()["items"]
        assert budget["api_key"]["revoked"] is True


# --- how they end -----------------------------------------------------------------------------------------------------


class TestTheEnd:
    """Each is felt by the very next call, though the key was remembered."""

    @pytest.fixture
    def caller(self, teammate, team, made, with_key):
        caller = with_key(made(teammate, team)["key"])
        assert caller.get("/api/conversations").status_code == 200
        return caller

    def refused(self, caller, problem):
        assert problem(caller.get("/api/conversations")) == (401, "UNAUTHENTICATED")
        return True

    def test_by_the_end_of_the_membership(self, owner, teammate, team, caller, problem):
        services.leave_team(organization_id=team.pk, user_id=teammate.id)
        assert self.refused(caller, problem)
        Membership.objects.create(organization=team, user=teammate.user)
        assert self.refused(caller, problem)  # for good

    def test_by_the_end_of_the_organisation(self, owner, team, caller, problem):
        services_spend_all(team)
        services.delete_team(organization_id=team.pk, actor_id=owner.id)
        assert self.refused(caller, problem)

    def test_by_the_deletion_of_the_account(self, teammate, caller, problem):
        services.delete_account(user_id=teammate.id, actor=teammate.user)
        assert self.refused(caller, problem)

    def test_by_a_closed_account_until_it_is_opened(self, teammate, staff, caller, problem):
        services.set_access(user=teammate.user, role="member", is_active=False, actor=staff.user, reason="A test")
        assert self.refused(caller, problem)
        services.set_access(user=teammate.user, role="member", is_active=True, actor=staff.user, reason="A test")
        assert caller.get("/api/conversations").status_code == 200

    def test_by_a_ban_until_it_is_over(self, teammate, caller, problem):
        type(teammate.user).objects.filter(pk=teammate.id).update(banned_until=timezone.now() + timedelta(hours=1))
        services.end_sessions_of(user_id=teammate.id, reason="ban")
        assert self.refused(caller, problem)
        type(teammate.user).objects.filter(pk=teammate.id).update(banned_until=timezone.now())
        redis.client().flushdb()  # a minute later
        assert caller.get("/api/conversations").status_code == 200

    def test_not_by_a_new_password(self, teammate, caller):
        services.end_sessions_of(user_id=teammate.id, reason="password")
        assert caller.get("/api/conversations").status_code == 200

    def test_by_its_time(self, owner, made, with_key, problem):
        soon = timezone.now() + timedelta(seconds=1.5)
        caller = with_key(made(owner, expires_at=soon.isoformat())["key"])
        assert caller.get("/api/conversations").status_code == 200
        time.sleep(max(0, (soon - timezone.now()).total_seconds()) + 0.1)
        assert self.refused(caller, problem)

    def test_by_staff_with_a_reason(self, staff, teammate, caller, problem):
        key = ApiKey.objects.get()
        assert services.revoke_api_key_as_staff(key_id=key.pk, actor=staff.user, reason="It leaked")
        assert not services.revoke_api_key_as_staff(key_id=key.pk, actor=staff.user, reason="It leaked")
        assert self.refused(caller, problem)
        entry = AuditEntry.objects.get(action="api_key.revoke")
        assert (entry.actor_id, entry.reason) == (staff.id, "It leaked")

    def test_is_felt_by_another_process(self, owner, made):
        """One process remembers the key, this one ends it, and the other knows."""
        key = made(owner)
        other = subprocess.Popen(
            [sys.executable, "-c", OTHER_PROCESS, connection.settings_dict["NAME"]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert ask(other, key["key"]) == "live"
            assert ask(other, key["key"]) == "live"
            services.revoke_api_key(
                organization_id=owner.organization_id, actor_id=owner.id, key_id=ApiKey.objects.get().pk
            )
            assert ask(other, key["key"]) == "dead"
        finally:
            other.stdin.close()
            other.wait(10)

    def test_an_old_memory_does_not_bring_it_back(self, owner, made, api, with_key, problem):
        """A slow process that looked the key up before its end remembers it after."""
        key = made(owner)
        row = ApiKey.objects.get()
        api(owner).delete(f"{MINE}/{key['id']}")
        api_keys._remember(row.digest, b'["stale"]', 60)
        assert self.refused(with_key(key["key"]), problem)

    def test_is_remembered_for_a_minute_at_most(self, owner, made, with_key):
        with_key(made(owner)["key"]).get("/api/conversations")
        (name,) = redis.client().keys("api-key:*")
        assert 0 < redis.client().pttl(name) <= 60_000


OTHER_PROCESS = """
import os, sys
from unittest import mock
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
import django
django.setup()
from accounts.api_keys import read_key
from common.errors import Unauthenticated
for line in sys.stdin:
    try:
        read_key(line.strip(), "127.0.0.1")
        print("live", flush=True)
    except Unauthenticated:
        print("dead", flush=True)
"""


def ask(process, key):
    process.stdin.write(f"{key}\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def services_spend_all(team: Organization) -> None:
    billing.spend(organization_id=team.pk, amount=balance(team.pk), feature="test")


# --- cost, last use, one's own data -----------------------------------------------------------------------------------


def test_a_remembered_key_costs_no_query(owner, made, with_key):
    caller = with_key(made(owner)["key"])
    caller.get("/api/conversations")
    with CaptureQueriesContext(connection) as queries:
        assert caller.get("/api/conversations").status_code == 200
    assert len(queries) == 1  # the conversations


def test_works_while_redis_is_away(owner, made, with_key, monkeypatch):
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    key = made(owner)["key"]
    nowhere = Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2, retry=Retry(NoBackoff(), 0))
    monkeypatch.setattr(redis, "client", lambda: nowhere)
    assert with_key(key).get("/api/conversations").status_code == 200
    assert with_key(api_keys.new_key()).get("/api/conversations").status_code == 401


def test_last_used_is_written_beside_the_requests(owner, made, with_key):
    last_used._touched.clear()
    caller = with_key(made(owner)["key"])
    caller.get("/api/conversations")
    assert ApiKey.objects.get().last_used_at is None
    redis.ask(("PING",))
    tasks.write_last_used_keys()
    row = ApiKey.objects.get()
    assert timezone.now() - row.last_used_at < timedelta(seconds=10)
    caller.get("/api/conversations")
    tasks.write_last_used_keys()
    assert ApiKey.objects.get().last_used_at == row.last_used_at  # within the minute


def test_ones_own_copy_has_the_keys_but_not_what_opens_doors(owner, made, api):
    key = made(owner, budget="3")
    api(owner).delete(f"{MINE}/{key['id']}")
    ((name, exported),) = export_api_keys(owner.user)
    assert name == "api-keys.json"
    assert exported[0]["budget"] == "3"
    assert exported[0]["revoked_at"] is not None
    text = str(exported)
    assert key["key"] not in text
    assert ApiKey.objects.get().digest not in text

"""The wallet over REST: who may look, who may spend, and what odd input meets."""

import uuid
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership, Organization
from billing import services
from billing.models import Entry, Wallet
from common import redis

pytestmark = pytest.mark.django_db

INTERNAL_KEY = "an-internal-key-of-more-than-32-characters"


def total(organization_id):
    return Wallet.objects.get(organization=organization_id).total


@pytest.fixture
def team(owner, teammate):
    """An organisation of the owner and the teammate, with credits."""
    organization = Organization.objects.create(name="The Company")
    for person in (owner, teammate):
        Membership.objects.create(organization=organization, user=person.user)
    services.open_wallet(organization.pk)
    services.grant_credits(organization_id=organization.pk, amount=50, key="team")
    return organization.pk


@pytest.fixture
def internal(settings, api):
    """A program with the internal key."""
    settings.INTERNAL_API_KEY = INTERNAL_KEY

    def post(body, **headers):
        return api().post("/api/credits/spend", body, Authorization=f"Bearer {INTERNAL_KEY}", **headers)

    return post


class TestWallet:
    def test_of_a_new_account_holds_the_welcome_gift(self, api, owner):
        answer = api(owner).get("/api/wallet")
        assert answer.status_code == 200
        assert answer.json() == {
            "organization": str(owner.organization_id),
            "balance": "0",
            "bonus_balance": "20",
            "reserved": "0",
            "total": "20",
            "free_messages": 10,
        }

    def test_shows_credits_without_trailing_zeros(self, api, owner, purse):
        services.spend(organization_id=owner.organization_id, amount="0.5", feature="story")
        body = api(owner).get("/api/wallet").json()
        assert (body["bonus_balance"], body["total"]) == ("19.5", "19.5")

    @pytest.mark.parametrize("path", ["/api/wallet", "/api/wallet/entries"])
    def test_of_an_organisation_is_for_its_members(self, api, owner, teammate, stranger, team, path, problem):
        for member in (owner, teammate):
            assert api(member).get(f"{path}?organization={team}").status_code == 200
        assert problem(api(stranger).get(f"{path}?organization={team}")) == (404, "NOT_FOUND")
        assert problem(api(teammate).get(f"{path}?organization={owner.organization_id}")) == (404, "NOT_FOUND")
        assert problem(api().get(path)) == (401, "UNAUTHENTICATED")
        assert api(owner).get(f"{path}?organization={owner.organization_id}").status_code == 200

    @pytest.mark.parametrize("path", ["/api/wallet", "/api/wallet/entries"])
    @pytest.mark.parametrize("organization", ["7", "x" * 10_000, "%00", "null", "'--", "00000000-0000-0000-0000"])
    def test_of_no_organisation_at_all(self, api, owner, path, organization, problem):
        assert problem(api(owner).get(f"{path}?organization={organization}")) == (400, "VALIDATION_ERROR")

    def test_of_an_organisation_nobody_knows(self, api, owner, problem):
        assert problem(api(owner).get(f"/api/wallet?organization={uuid.uuid4()}")) == (404, "NOT_FOUND")

    @pytest.mark.parametrize("path", ["/api/wallet", "/api/wallet/entries"])
    def test_is_only_to_be_read(self, api, owner, path, problem):
        for method in ("post", "put", "patch", "delete"):
            assert problem(getattr(api(owner), method)(path)) == (405, "METHOD_NOT_ALLOWED")


class TestEntries:
    def test_come_newest_first_and_add_up_to_the_total(self, api, owner):
        services.spend(organization_id=owner.organization_id, amount="1.5", feature="story", description="A sonnet")
        held = services.reserve(organization_id=owner.organization_id, amount=2, feature="chat", key="r", **minute())
        services.capture(reservation_id=held.id, amount=1)
        items = api(owner).get("/api/wallet/entries").json()["items"]
        assert [(item["kind"], item["amount"], item["balance_after"]) for item in items] == [
            ("release", "1", "17.5"),
            ("capture", "0", "16.5"),
            ("reserve", "-2", "16.5"),
            ("spend", "-1.5", "18.5"),
            ("grant", "20", "20"),
        ]
        assert sum(Decimal(item["amount"]) for item in items) == total(owner.organization_id)
        assert items[3].keys() == {
            *("id", "kind", "amount", "bucket", "balance_after", "feature", "reference", "description", "created_at")
        }
        assert (items[3]["feature"], items[3]["description"], items[3]["reference"]) == ("story", "A sonnet", None)
        assert items[3]["created_at"].endswith("Z")

    def test_are_paged_without_a_gap_while_more_come_in(self, api, owner):
        for _ in range(6):
            services.spend(organization_id=owner.organization_id, amount=1, feature="story")
        seen, cursor = [], ""
        while cursor is not None:
            body = api(owner).get(f"/api/wallet/entries?limit=3&cursor={cursor}").json()
            seen += [item["balance_after"] for item in body["items"]]
            cursor = body["next"]
            services.spend(organization_id=owner.organization_id, amount=1, feature="story")
        assert seen == ["14", "15", "16", "17", "18", "19", "20"]

    def test_are_counted_where_asked(self, api, owner):
        assert api(owner).get("/api/wallet/entries?count=true").json()["total"] == 1
        assert "total" not in api(owner).get("/api/wallet/entries").json()

    def test_take_a_fixed_number_of_queries(self, api, owner):
        def queries():
            with CaptureQueriesContext(connection) as context:
                api(owner).get("/api/wallet/entries")
            return len(context)

        queries()  # the session is remembered from here on
        few = queries()
        for _ in range(15):
            services.spend(organization_id=owner.organization_id, amount="0.1", feature="story", key=str(uuid.uuid4()))
        assert queries() == few == 1

    @pytest.mark.parametrize(
        "query",
        [
            "cursor=x",
            "cursor=WzFd0",
            "cursor=WyJhIl0",
            "cursor=Wy0xXQ",
            "cursor=W3RydWVd",
            "cursor=W1tdXQ",
            "cursor=WzEsMl0",
            "cursor=WzFlMzBd",
            "cursor=" + "W" * 5000,
            "limit=0",
            "limit=101",
            "limit=-1",
            "limit=ten",
        ],
    )
    def test_with_odd_pages(self, api, owner, query, problem):
        assert problem(api(owner).get(f"/api/wallet/entries?{query}")) == (400, "VALIDATION_ERROR")


def minute():
    from datetime import timedelta

    return {"expires_in": timedelta(minutes=1)}


class TestSpend:
    def spend(self, caller, **body):
        return caller.post("/api/credits/spend", {"amount": "2.5", "feature": "story"} | body)

    def test_answers_what_was_used_and_what_is_left(self, api, owner):
        answer = self.spend(api(owner), reference={"type": "story", "id": "7"})
        entry = Entry.objects.get(kind="spend")
        assert answer.status_code == 200
        body = answer.json()
        assert body["entry"].pop("created_at").endswith("Z")
        assert body == {
            "success": True,
            "credits_used": "2.5",
            "remaining_credits": "17.5",
            "entry": {
                "id": str(entry.id),
                "kind": "spend",
                "amount": "-2.5",
                "bucket": "bonus",
                "balance_after": "17.5",
                "feature": "story",
                "reference": {"type": "story", "id": "7"},
                "description": "",
            },
        }

    @pytest.mark.parametrize(
        ("amount", "left"),
        [
            ("1", "19"),
            (1, "19"),
            (1.0, "19"),
            (0.1, "19.9"),
            ("0.0000001", "19.9999999"),
            (1e-7, "19.9999999"),
            ("20.0000000", "0"),
        ],
    )
    def test_takes_a_decimal_string_or_a_number(self, api, owner, amount, left):
        assert self.spend(api(owner), amount=amount).json()["remaining_credits"] == left

    @pytest.mark.parametrize(
        "amount",
        [
            0,
            -1,
            0.0,
            "0",
            "-1",
            "+1",
            "1e3",
            "1_0",
            " 1",
            "1,5",
            "",
            "NaN",
            "Infinity",
            "0.00000001",
            1e-08,
            1e300,
            "1" * 14,
            "1000000000000.0000001",
            "9" * 1000000,
            "１",
            True,
            None,
            [],
            {},
            "1\x00",
            10**30,
            -(2**63),
        ],
    )
    def test_odd_amounts_change_nothing(self, api, owner, amount, problem):
        answer = self.spend(api(owner), amount=amount)
        if answer.status_code != 413:
            assert problem(answer) == (400, "VALIDATION_ERROR")
            assert "amount" in answer.json()["errors"]
        assert total(owner.organization_id) == 20

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"feature": ""}, "feature"),
            ({"feature": "x" * 81}, "feature"),
            ({"feature": 7}, "feature"),
            ({"feature": None}, "feature"),
            ({"feature": "a\x00b"}, "feature"),
            ({"organization": "7"}, "organization"),
            ({"organization": []}, "organization"),
            ({"reference": {"type": "x"}}, "reference.id"),
            ({"reference": {"type": "x", "id": "y", "more": 1}}, "reference.more"),
            ({"reference": {"type": "x" * 81, "id": "y"}}, "reference.type"),
            ({"reference": {"type": "x", "id": "y" * 201}}, "reference.id"),
            ({"reference": {"type": "x", "id": "\x00"}}, "reference"),
            ({"reference": 7}, "reference"),
            ({"reference": ""}, "reference.id"),
            ({"tip": "1"}, "tip"),
        ],
    )
    def test_odd_fields_change_nothing(self, api, owner, body, field, problem):
        answer = self.spend(api(owner), **body)
        assert problem(answer) == (400, "VALIDATION_ERROR")
        assert any(name.startswith(field) for name in answer.json()["errors"]), answer.json()
        assert total(owner.organization_id) == 20

    @pytest.mark.parametrize("missing", ["amount", "feature"])
    def test_needs_an_amount_and_a_feature(self, api, owner, missing, problem):
        body = {"amount": "1", "feature": "story"}
        del body[missing]
        answer = api(owner).post("/api/credits/spend", body)
        assert problem(answer) == (400, "VALIDATION_ERROR")
        assert missing in answer.json()["errors"]

    def test_a_name_alone_may_be_the_reference(self, api, owner):
        entry = self.spend(api(owner), reference="order 7").json()["entry"]
        assert entry["reference"] == {"type": "external", "id": "order 7"}

    def test_more_than_there_is_says_how_much_there_is(self, api, owner, problem):
        answer = self.spend(api(owner), amount="20.5")
        assert problem(answer) == (402, "NO_CREDITS")
        assert (answer.json()["remaining_credits"], answer.json()["required_credits"]) == ("20", "20.5")
        assert total(owner.organization_id) == 20

    def test_is_for_the_signed_in(self, api, problem):
        assert problem(self.spend(api())) == (401, "UNAUTHENTICATED")

    def test_by_a_persons_token_is_from_the_personal_wallet_only(self, api, owner, stranger, team, problem):
        assert self.spend(api(owner), organization=str(owner.organization_id)).status_code == 200
        assert problem(self.spend(api(owner), organization=str(team))) == (403, "FORBIDDEN")
        assert problem(self.spend(api(stranger), organization=str(team))) == (404, "NOT_FOUND")
        assert problem(self.spend(api(stranger), organization=str(owner.organization_id))) == (404, "NOT_FOUND")
        assert problem(self.spend(api(owner), organization=str(uuid.uuid4()))) == (404, "NOT_FOUND")
        assert (total(team), total(owner.organization_id), total(stranger.organization_id)) == (50, Decimal("17.5"), 20)

    def test_with_an_idempotency_key_spends_once(self, api, owner, problem):
        def keyed(**body):
            return api(owner).post(
                "/api/credits/spend", {"amount": "2", "feature": "story"} | body, **{"Idempotency-Key": "order-7"}
            )

        first = keyed()
        assert keyed().json() == first.json()
        assert problem(keyed(amount="3")) == (409, "CONFLICT")
        assert total(owner.organization_id) == 18

    def test_the_key_holds_in_the_ledger_after_the_answer_is_forgotten(self, api, owner, problem):
        from common.models import IdempotencyKey

        def keyed(amount="2"):
            body = {"amount": amount, "feature": "story"}
            return api(owner).post("/api/credits/spend", body, **{"Idempotency-Key": "order-7"})

        first = keyed()
        IdempotencyKey.objects.all().delete()
        assert keyed().json() == first.json()
        IdempotencyKey.objects.all().delete()
        assert problem(keyed("3")) == (409, "CONFLICT")
        assert total(owner.organization_id) == 18

    def test_two_people_may_use_the_same_key(self, api, owner, stranger):
        for person in (owner, stranger):
            answer = api(person).post(
                "/api/credits/spend", {"amount": "2", "feature": "story"}, **{"Idempotency-Key": "1"}
            )
            assert answer.json()["remaining_credits"] == "18"

    def test_a_refused_call_may_be_repeated_with_its_key(self, api, owner, problem):
        def keyed():
            body = {"amount": "21", "feature": "story"}
            return api(owner).post("/api/credits/spend", body, **{"Idempotency-Key": "k"})

        assert problem(keyed()) == (402, "NO_CREDITS")
        services.grant_credits(organization_id=owner.organization_id, amount=1, key="more")
        assert keyed().json()["remaining_credits"] == "0"

    def test_without_redis_nothing_is_spent(self, api, owner, monkeypatch, problem):
        def away(*_, **__):
            raise redis.RedisError("away")

        monkeypatch.setattr("common.ratelimits.Gate._ask", away)
        assert problem(self.spend(api(owner))) == (503, "NOT_READY")
        assert problem(api(owner).get("/api/wallet")) == (503, "NOT_READY")
        assert total(owner.organization_id) == 20

    def test_takes_one_statement(self, api, owner):
        self.spend(api(owner))  # the session is remembered from here on
        with CaptureQueriesContext(connection) as context:
            assert self.spend(api(owner)).status_code == 200
        assert len(context) == 1


class TestInternalKey:
    def test_charges_the_organisation_it_names(self, internal, team):
        answer = internal({"amount": "5", "feature": "story", "organization": str(team)})
        assert (answer.status_code, answer.json()["remaining_credits"]) == (200, "45")

    def test_must_name_one(self, internal, problem):
        answer = internal({"amount": "5", "feature": "story"})
        assert problem(answer) == (400, "VALIDATION_ERROR")
        assert "organization" in answer.json()["errors"]

    def test_cannot_charge_who_is_not_there(self, internal, problem):
        body = {"amount": "5", "feature": "story", "organization": str(uuid.uuid4())}
        assert problem(internal(body)) == (404, "NOT_FOUND")

    def test_spends_once_with_an_idempotency_key(self, internal, team):
        body = {"amount": "5", "feature": "story", "organization": str(team)}
        answers = [internal(body, **{"Idempotency-Key": "k"}).json() for _ in range(2)]
        assert answers[0] == answers[1]
        assert total(team) == 45

    @pytest.mark.parametrize("key", ["", "wrong", INTERNAL_KEY[:-1], INTERNAL_KEY + "x", "é"])
    def test_must_be_the_right_one(self, internal, api, team, key, problem):
        body = {"amount": "5", "feature": "story", "organization": str(team)}
        answer = api().post("/api/credits/spend", body, Authorization=f"Bearer {key}".encode().decode("latin-1"))
        assert problem(answer) == (401, "UNAUTHENTICATED")
        assert total(team) == 50

    @pytest.mark.parametrize("key", ["", " "])
    def test_opens_nothing_where_none_is_set(self, settings, api, team, key, problem):
        settings.INTERNAL_API_KEY = ""
        body = {"amount": "5", "feature": "story", "organization": str(team)}
        answer = api().post("/api/credits/spend", body, Authorization=f"Bearer {key}")
        assert problem(answer) == (401, "UNAUTHENTICATED")

    def test_opens_nothing_else(self, internal, api, problem):
        for path in ("/api/wallet", "/api/wallet/entries", "/api/auth/me"):
            answer = api().get(path, Authorization=f"Bearer {INTERNAL_KEY}")
            assert problem(answer) == (401, "UNAUTHENTICATED")

    def test_does_not_shut_out_peoples_own_tokens(self, internal, api, owner):
        answer = api(owner).post("/api/credits/spend", {"amount": "1", "feature": "story"})
        assert answer.json()["remaining_credits"] == "19"


class TestMe:
    def test_shows_wallet_subscription_and_limits(self, api, owner):
        body = api(owner).get("/api/auth/me").json()
        assert body["wallet"] == api(owner).get("/api/wallet").json()
        assert body["subscription"] == {
            "plan": "free",
            "provider": None,
            "status": "none",
            "current_period_end": None,
            "cancel_at_period_end": False,
            "organization": str(owner.organization_id),
        }
        assert body["limits"] == {"tier": "free", "generations_per_day": 50, "generations_in_all": None}

    def test_a_site_may_give_no_welcome_credits(self, settings, join, api):
        settings.SIGN_UP_CREDITS, settings.SIGN_UP_FREE_MESSAGES = 0, 0
        body = api(join("poor")).get("/api/wallet").json()
        assert (body["total"], body["free_messages"]) == ("0", 0)

"""`wallet.updated`: who hears of a change, when, and at what cost."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import Membership, Organization
from billing import services
from billing.selectors import wallet_data
from common import redis
from common.realtime import log

pytestmark = pytest.mark.django_db(transaction=True)


def heard(person):
    """What was announced to a person, oldest first."""
    frames = [json.loads(frame.text) for frame in log.replay(f"user:{person.id}", 0).frames]
    return [frame["data"] for frame in frames if frame["type"] == "wallet.updated"]


@pytest.fixture
def quiet(owner):
    """The owner, with the welcome gift's announcements behind."""
    redis.client().flushdb()
    return owner


def test_a_spend_is_announced_as_the_wallet_then_is(quiet):
    services.spend(organization_id=quiet.organization_id, amount="2.5", feature="story")
    assert heard(quiet) == [wallet_data(quiet.organization_id)]
    assert heard(quiet)[0] == {
        "organization": str(quiet.organization_id),
        "balance": "0",
        "bonus_balance": "17.5",
        "reserved": "0",
        "total": "17.5",
        "free_messages": 10,
    }


def test_every_movement_is_announced_in_order(quiet):
    options = {"organization_id": quiet.organization_id, "feature": "chat", "expires_in": timedelta(minutes=1)}
    services.grant_credits(organization_id=quiet.organization_id, amount=5, key="gift")
    held = services.reserve(amount=4, key="a", **options)
    free = services.reserve(amount=4, key="b", free_message=True, **options)
    services.capture(reservation_id=held.id, amount=1)
    services.release(reservation_id=free.id)
    told = [(wallet["total"], wallet["reserved"], wallet["free_messages"]) for wallet in heard(quiet)]
    assert told == [("25", "0", 10), ("21", "4", 10), ("21", "4", 9), ("24", "0", 9), ("24", "0", 10)]


def test_every_member_hears_and_nobody_else(quiet, teammate, stranger):
    organization = Organization.objects.create(name="The Company")
    for person in (quiet, teammate):
        Membership.objects.create(organization=organization, user=person.user)
    services.open_wallet(organization.pk)
    redis.client().flushdb()
    services.grant_credits(organization_id=organization.pk, amount=5, key="gift")
    assert [wallet["organization"] for wallet in heard(quiet)] == [str(organization.pk)]
    assert heard(quiet) == heard(teammate)
    assert heard(stranger) == []


def test_nothing_is_said_before_the_commit_and_nothing_of_what_is_undone(quiet):
    with transaction.atomic():
        services.spend(organization_id=quiet.organization_id, amount=1, feature="story")
        transaction.set_rollback(True)
    with transaction.atomic():
        services.spend(organization_id=quiet.organization_id, amount=2, feature="story")
        assert heard(quiet) == []
    assert [wallet["total"] for wallet in heard(quiet)] == ["18"]


def test_a_repeat_changes_nothing_and_is_not_announced(quiet):
    for _ in range(2):
        services.spend(organization_id=quiet.organization_id, amount=1, feature="story", key="once")
    assert len(heard(quiet)) == 1


def test_a_spend_counts_although_redis_is_away(quiet, monkeypatch):
    def away(*_):
        raise redis.RedisError("away")

    monkeypatch.setattr(log, "append", away)
    assert services.spend(organization_id=quiet.organization_id, amount=1, feature="story").remaining == Decimal(19)
    assert wallet_data(quiet.organization_id)["total"] == "19"


@pytest.fixture
def company(quiet, teammate):
    """An organisation of the two, with credits; what was said of the gift is behind."""
    organization = Organization.objects.create(name="The Company")
    for person in (quiet, teammate):
        Membership.objects.create(organization=organization, user=person.user)
    services.open_wallet(organization.pk)
    services.grant_credits(organization_id=organization.pk, amount=5, key="gift")
    redis.client().flushdb()
    return organization


def test_to_tell_the_members_costs_no_query_of_its_own(company, quiet, teammate):
    with CaptureQueriesContext(connection) as queries:
        services.spend(organization_id=company.pk, amount=1, feature="story")
    assert len(queries) == 1
    assert [wallet["total"] for wallet in heard(teammate)] == ["4"]


def test_who_left_the_organisation_hears_no_more(company, quiet, teammate):
    company.memberships.filter(user=teammate.user).delete()
    services.spend(organization_id=company.pk, amount=1, feature="story")
    assert [wallet["total"] for wallet in heard(quiet)] == ["4"]
    assert heard(teammate) == []

"""How much a person may generate: limits by plan, a window that slides, and a trial that counts what succeeded."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from billing import plans, tiers
from billing.models import Plan, Subscription, TierUse
from common.errors import Forbidden, RateLimited

pytestmark = pytest.mark.django_db
LIMITS = {"free": 50, "premium": 100, "pro": 500, "unlimited": 2000}


@pytest.fixture
def on_plan(django_capture_on_commit_callbacks):
    """`on_plan(owner, "premium")`"""

    def put(person, name):
        now = timezone.now()
        with django_capture_on_commit_callbacks(execute=True):
            Subscription.objects.filter(organization_id=person.organization_id).delete()
            if name != "free":
                Subscription.objects.create(
                    organization_id=person.organization_id, user=person.user, plan=Plan.objects.get(name=name),
                    status="trialing" if name == "trial" else "active", started_at=now, current_period_start=now,
                    current_period_end=now + timedelta(days=14),
                )  # fmt: skip
            plans.forget(person.organization_id)
        return person

    return put


def admit(person, count=1, key="job", organization_id=None):
    organization_id = organization_id or person.organization_id
    return tiers.admit(user_id=person.id, organization_id=organization_id, count=count, key=key)


def aged(key, by):
    TierUse.objects.filter(key=key).update(created_at=timezone.now() - by)


@pytest.mark.parametrize(("name", "limit"), LIMITS.items())
def test_each_plan_has_its_limit_of_a_day(owner, on_plan, name, limit):
    on_plan(owner, name)
    assert admit(owner, limit).name == name
    with pytest.raises(RateLimited) as refused:
        admit(owner, 1, "more")
    said = refused.value.extra
    assert (said["bucket"], said["current_count"], said["max_allowed"]) == (f"tier:{name}", limit, limit)
    assert TierUse.objects.count() == 1


def test_a_batch_counts_each_of_its_items_and_is_taken_whole_or_not_at_all(owner):
    admit(owner, 49, "batch")
    with pytest.raises(RateLimited):
        admit(owner, 2, "two")
    admit(owner, 1, "one")
    assert tiers.used(owner.id, owner.organization_id)["used_today"] == 50


def test_the_window_slides(owner):
    admit(owner, 30, "early")
    aged("early", timedelta(hours=23, minutes=59))
    admit(owner, 20, "late")
    with pytest.raises(RateLimited) as refused:
        admit(owner, 1, "more")
    assert 30 <= refused.value.extra["retry_after"] <= 60
    aged("early", timedelta(hours=24, seconds=1))
    admit(owner, 30, "more")
    with pytest.raises(RateLimited):
        admit(owner, 1, "too many")


def test_a_repeat_of_the_key_counts_once(owner):
    for _ in range(3):
        admit(owner, 50, "same")
    assert tiers.used(owner.id, owner.organization_id)["used_today"] == 50


def test_what_runs_holds_its_place_and_what_failed_frees_it(owner):
    admit(owner, 50, "running")
    with pytest.raises(RateLimited):
        admit(owner, 1, "next")
    tiers.failed("running")
    admit(owner, 50, "next")


def test_what_succeeded_can_not_fail_later(owner):
    admit(owner, 50)
    tiers.succeeded("job")
    tiers.failed("job")
    with pytest.raises(RateLimited):
        admit(owner, 1, "next")


def test_people_are_counted_each_for_themselves(owner, teammate):
    admit(owner, 50)
    admit(teammate, 50, "theirs", organization_id=owner.organization_id)


def test_a_larger_plan_makes_room_at_once(owner, on_plan):
    admit(owner, 50)
    on_plan(owner, "premium")
    admit(owner, 50, "more")
    with pytest.raises(RateLimited):
        admit(owner, 1, "too many")


class TestTrial:
    def test_gives_two_in_all_however_long_ago(self, owner, on_plan):
        on_plan(owner, "trial")
        for key in ("first", "second"):
            admit(owner, 1, key)
            tiers.succeeded(key)
            aged(key, timedelta(days=5))
        with pytest.raises(Forbidden) as refused:
            admit(owner, 1, "third")
        assert refused.value.code == "TRIAL_LIMIT"
        assert refused.value.extra["upgrade_url"] == reverse("pricing")
        assert TierUse.objects.count() == 2

    def test_counts_what_succeeded(self, owner, on_plan):
        on_plan(owner, "trial")
        for number in range(5):
            admit(owner, 1, f"failed {number}")
            tiers.failed(f"failed {number}")
        admit(owner, 2, "good")
        tiers.succeeded("good")
        assert tiers.used(owner.id, owner.organization_id)["used_in_all"] == 2

    def test_what_runs_holds_its_place(self, owner, on_plan):
        on_plan(owner, "trial")
        admit(owner, 2, "running")
        with pytest.raises(Forbidden):
            admit(owner, 1, "third")
        tiers.failed("running")
        admit(owner, 1, "third")

    def test_is_not_renewed_by_another_organisation(self, owner, teammate, on_plan):
        on_plan(owner, "trial")
        on_plan(teammate, "trial")
        admit(owner, 2)
        with pytest.raises(Forbidden):
            admit(owner, 1, "elsewhere", organization_id=teammate.organization_id)

    def test_over_what_it_used_does_not_bind_a_plan(self, owner, on_plan):
        on_plan(owner, "trial")
        admit(owner, 2)
        on_plan(owner, "free")
        assert admit(owner, 48, "on free").name == "free"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("name", "before"), [("free", 49), ("trial", 1)])
def test_of_twenty_at_once_on_the_last_place_one_comes_in(owner, on_plan, at_once, name, before):
    on_plan(owner, name)
    admit(owner, before, "before")
    results = at_once([lambda key=f"job {number}": admit(owner, 1, key) for number in range(20)])
    refused = Forbidden if name == "trial" else RateLimited
    assert sum(isinstance(result, refused) for result in results) == 19
    assert sum(isinstance(result, tiers.Tier) for result in results) == 1
    assert TierUse.objects.count() == 2

"""How much a person may generate: the one function that generation asks before it begins, and what it reports after.

The plan of whoever pays sets the limits, the person is counted: `free` 50 in any 24 hours, `premium` 100, `pro` 500,
`unlimited` 2000, `trial` 2 in all. Jobs are counted when they begin (a batch: its items), those of a trial when they
succeed; one that is running may succeed, so it holds its place until then. What failed counts nothing.
"""

import uuid
from datetime import timedelta

from django.db import transaction
from django.db.models import Sum
from django.urls import reverse
from django.utils import timezone

from billing.models import TierUse
from billing.plans import Tier, tier_of
from common.database import fetch_one
from common.errors import Forbidden, RateLimited

DAY = timedelta(days=1)
RUNNING, SUCCEEDED, FAILED = TierUse.Status.RUNNING, TierUse.Status.SUCCEEDED, TierUse.Status.FAILED


@transaction.atomic
def admit(*, user_id: uuid.UUID, organization_id: uuid.UUID, count: int, key: str) -> Tier:
    """Counts `count` generations under `key`, or refuses; a repeat of the key counts once. Call it in the transaction
    that records the work.

    Raises Forbidden `TRIAL_LIMIT` with `upgrade_url`, or RateLimited with when the next is possible.
    """
    tier = tier_of(organization_id)
    # one at a time for a person, so that two at once can't both take the last place
    fetch_one("SELECT pg_advisory_xact_lock(hashtextextended(%(name)s, 0))", {"name": f"tier {user_id}"})
    if TierUse.objects.filter(key=key).exists():
        return tier
    if tier.generations_in_all is not None:
        _require_trial(tier, user_id, count)
    if tier.generations_per_day is not None:
        _require_day(tier, user_id, organization_id, count)
    TierUse.objects.create(
        organization_id=organization_id,
        user_id=user_id,
        key=key,
        count=count,
        on_trial=tier.generations_in_all is not None,
    )
    return tier


def succeeded(key: str) -> None:
    TierUse.objects.filter(key=key, status=RUNNING).update(status=SUCCEEDED, updated_at=timezone.now())


def failed(key: str) -> None:
    """It counts no more."""
    TierUse.objects.filter(key=key, status=RUNNING).update(status=FAILED, updated_at=timezone.now())


def used(user_id: uuid.UUID, organization_id: uuid.UUID) -> dict[str, int | str | None]:
    """`{tier, generations_per_day, generations_in_all, used_today, used_in_all}` for people to see."""
    tier = tier_of(organization_id)
    return {
        "tier": tier.name,
        "generations_per_day": tier.generations_per_day,
        "generations_in_all": tier.generations_in_all,
        "used_today": _today(user_id, organization_id),
        "used_in_all": _on_trial(user_id) if tier.generations_in_all is not None else None,
    }


def _require_trial(tier: Tier, user_id: uuid.UUID, count: int) -> None:
    assert tier.generations_in_all is not None
    if _on_trial(user_id) + count > tier.generations_in_all:
        raise Forbidden(
            "Your trial is used up. A plan, or credits on the free plan, take you further.",
            code="TRIAL_LIMIT",
            upgrade_url=reverse("pricing"),
        )


def _require_day(tier: Tier, user_id: uuid.UUID, organization_id: uuid.UUID, count: int) -> None:
    assert tier.generations_per_day is not None
    used_today = _today(user_id, organization_id)
    if used_today + count > tier.generations_per_day:
        raise RateLimited(
            f"{tier.title} allows {tier.generations_per_day} generations in 24 hours.",
            retry_after=_seconds_until_free(user_id, organization_id),
            bucket=f"tier:{tier.name}",
            current_count=used_today,
            max_allowed=tier.generations_per_day,
        )


def _today(user_id: uuid.UUID, organization_id: uuid.UUID) -> int:
    uses = TierUse.objects.filter(
        user_id=user_id, organization_id=organization_id, created_at__gt=timezone.now() - DAY
    ).exclude(status=FAILED)
    return uses.aggregate(total=Sum("count"))["total"] or 0


def _on_trial(user_id: uuid.UUID) -> int:
    uses = TierUse.objects.filter(user_id=user_id, on_trial=True).exclude(status=FAILED)
    return uses.aggregate(total=Sum("count"))["total"] or 0


def _seconds_until_free(user_id: uuid.UUID, organization_id: uuid.UUID) -> int:
    """Until the oldest of the last 24 hours falls out."""
    uses = TierUse.objects.filter(
        user_id=user_id, organization_id=organization_id, created_at__gt=timezone.now() - DAY
    ).exclude(status=FAILED)
    oldest = uses.order_by("created_at").values_list("created_at", flat=True).first()
    return max(1, int((oldest + DAY - timezone.now()).total_seconds())) if oldest else 1

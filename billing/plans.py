"""Which plan an organisation is on now. Read often, so it is kept for five minutes, and dropped when it changes."""

import contextlib
import uuid
from dataclasses import asdict, dataclass, fields
from typing import Any

import orjson
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts import registry
from billing.models import Plan, Subscription
from common import redis
from common.rendering import to_json

KEPT_SECONDS = 300
FREE = "free"


@dataclass(frozen=True)
class Tier:
    """What a plan allows. A missing limit is no limit."""

    name: str
    title: str
    rank: int
    is_premium: bool
    generations_per_day: int | None
    generations_in_all: int | None
    storage_mb: int | None = None


# a plan nobody knows counts as the smallest
UNKNOWN = Tier("trial", "Trial", 0, False, None, 2, 1024)


def live_subscription(organization_id: uuid.UUID) -> Subscription | None:
    subscription = _latest(organization_id)
    return subscription if subscription and holds(subscription) else None


def _latest(organization_id: uuid.UUID) -> Subscription | None:
    """The one that runs, else the last that did."""
    rows = Subscription.objects.filter(organization_id=organization_id).select_related("plan")
    return rows.order_by(F("ended_at").desc(nulls_first=True), "-id").first()


def holds(subscription: Subscription) -> bool:
    """Whether it still gives its plan, though a sweep may not have ended it yet."""
    if subscription.status not in Subscription.LIVE:
        return False
    now = timezone.now()
    if subscription.status == Subscription.Status.PAST_DUE:
        return subscription.grace_until is None or subscription.grace_until > now
    # what renews is prolonged by its provider, who may take an hour or two over it
    return (subscription.renews and not subscription.cancel_at_period_end) or subscription.current_period_end > now


def subscription_data(organization_id: uuid.UUID) -> dict[str, Any]:
    """As the contract shows it; everyone without one is on `free`."""
    return _kept(organization_id)["subscription"]


def tier_of(organization_id: uuid.UUID) -> Tier:
    return Tier(**_kept(organization_id)["tier"])


def storage_quota(organization_id: uuid.UUID) -> int | None:
    """For `media.registry`: bytes that an organisation may keep by its plan; None is no limit."""
    megabytes = tier_of(organization_id).storage_mb
    return None if megabytes is None else megabytes * 1024 * 1024


def plan_of_person(organization_id: uuid.UUID) -> registry.Plan:
    """For `accounts.registry`: the plan of a person is that of their personal organisation."""
    tier = tier_of(organization_id)
    return registry.Plan(tier.name, tier.is_premium)


def forget(organization_id: uuid.UUID) -> None:
    """After the commit: what is kept is no longer true."""
    transaction.on_commit(lambda: _forget(organization_id))


def forget_all() -> None:
    """After the commit of a change of the catalogue: raises the version under which everything is kept."""
    transaction.on_commit(_forget_all)


def _forget(organization_id: uuid.UUID) -> None:
    # a version rather than a deletion: who has read before the change may write what they read after it
    key = _version_key(organization_id)
    with contextlib.suppress(redis.RedisError):
        redis.ask(("INCR", key), ("EXPIRE", key, 2 * KEPT_SECONDS))


def _forget_all() -> None:
    with contextlib.suppress(redis.RedisError):
        redis.client().incr(VERSION)


VERSION = "plans:version"


def _key(organization_id: uuid.UUID) -> str:
    return f"plan:{organization_id}"


def _version_key(organization_id: uuid.UUID) -> str:
    return f"plan-version:{organization_id}"


def _kept(organization_id: uuid.UUID) -> dict[str, Any]:
    key = _key(organization_id)
    try:
        version, own_version, kept = redis.ask(("MGET", VERSION, _version_key(organization_id), key))[0]
    except redis.RedisError:
        return _loaded(to_json(_read(organization_id)))
    stamp = b"%s.%s\n" % (version or b"0", own_version or b"0")
    if kept and kept.startswith(stamp):
        return _loaded(kept[len(stamp) :])
    read = to_json(_read(organization_id))
    with contextlib.suppress(redis.RedisError):
        redis.client().set(key, stamp + read, ex=KEPT_SECONDS)
    return _loaded(read)


def _loaded(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(body)
    return found


def _read(organization_id: uuid.UUID) -> dict[str, Any]:
    latest = _latest(organization_id)
    running = latest if latest and holds(latest) else None
    plan = running.plan if running else Plan.objects.filter(name=FREE).first()
    tier = UNKNOWN if plan is None else _tier(plan)
    past = latest.status if latest and latest.ended_at else "none"
    return {"subscription": _data(organization_id, running, past), "tier": asdict(tier)}


def _tier(plan: Plan) -> Tier:
    return Tier(**{field.name: getattr(plan, field.name) for field in fields(Tier)})


def _data(organization_id: uuid.UUID, subscription: Subscription | None, past: str) -> dict[str, Any]:
    """`past` is what became of the last one, where none runs."""
    if subscription is None:
        return {
            "plan": FREE,
            "provider": None,
            "status": past,
            "current_period_end": None,
            "cancel_at_period_end": False,
            "organization": str(organization_id),
        }
    return {
        "plan": subscription.plan.name,
        "provider": subscription.provider or None,
        "status": subscription.status,
        "current_period_end": subscription.current_period_end,
        "cancel_at_period_end": subscription.cancel_at_period_end,
        "organization": str(organization_id),
        "id": str(subscription.pk),
        "renews": subscription.renews,
        "billing_period": subscription.billing_period or None,
        "grace_until": subscription.grace_until,
    }

"""What is for sale, as everybody sees it: read from the database at most once a minute, and at once after a change."""

from typing import Any

from django.conf import settings
from django.db.models import Prefetch

from billing import providers
from billing.models import Pack, Plan, Price
from billing.money import money_fields
from billing.providers.base import Provider
from common.rendering import to_json
from common.shared_reads import SharedBody, shared_read

CATALOGUE = "billing_catalogue"


def catalogue_body() -> SharedBody:
    """`catalogue_data` as bytes, shared by all."""
    return shared_read(CATALOGUE, ",".join(providers.names()), lambda: to_json(catalogue_data()))


def catalogue_data() -> dict[str, Any]:
    """`{plans, packs, currencies, providers}`: each price with the providers that take it."""
    members = providers.configured()
    prices = Price.objects.filter(is_active=True).order_by("currency", "billing_period", "-recurring", "id")
    with_prices = Prefetch("prices", prices, to_attr="offers")
    plans = [_plan(plan, members) for plan in Plan.objects.filter(is_active=True).prefetch_related(with_prices)]
    packs = [_pack(pack, members) for pack in Pack.objects.filter(is_active=True).prefetch_related(with_prices)]
    currencies = {price["amount"]["currency"] for item in [*plans, *packs] for price in item["prices"]}
    return {
        "plans": plans,
        "packs": packs,
        "currencies": sorted(currencies),
        "providers": [_provider(member) for member in members],
    }


def _plan(plan: Plan, members: list[Provider]) -> dict[str, Any]:
    return {
        "id": plan.name,
        "title": plan.title,
        "description": plan.description,
        "features": plan.features,
        "rank": plan.rank,
        "is_premium": plan.is_premium,
        "monthly_credits": plan.monthly_credits,
        "carry_over": plan.carry_over,
        "generations_per_day": plan.generations_per_day,
        "generations_in_all": plan.generations_in_all,
        "trial_days": plan.trial_days,
        "storage_mb": plan.storage_mb,
        "prices": _prices(plan, members),
    }


def _pack(pack: Pack, members: list[Provider]) -> dict[str, Any]:
    return {
        "id": pack.name,
        "title": pack.title,
        "description": pack.description,
        "credits": pack.credits,
        "bonus_credits": pack.bonus_credits,
        "prices": _prices(pack, members),
    }


def _prices(item: Any, members: list[Provider]) -> list[dict[str, Any]]:
    """Those that somebody here takes."""
    offers: list[Price] = item.offers
    shown = [(price, _takers(price, offers, members)) for price in offers]
    return [
        {
            "type": "subscription" if price.recurring else "one_time",
            "billing_period": price.billing_period or None,
            "amount": money_fields(price.amount, price.currency),
            "providers": takers,
        }
        for price, takers in shown
        if takers
    ]


def _takers(price: Price, offers: list[Price], members: list[Provider]) -> list[str]:
    own = {
        other.provider
        for other in offers
        if other.provider
        and (other.recurring, other.billing_period, other.currency)
        == (price.recurring, price.billing_period, price.currency)
    }
    return [
        member.name
        for member in members
        if (price.provider == member.name or (not price.provider and member.name not in own))
        and (member.currencies is None or price.currency in member.currencies)
        and (not price.recurring or "subscribe" in member.abilities)
    ]


def _provider(member: Provider) -> dict[str, Any]:
    block = settings.PAYMENT_PROVIDERS[member.name]
    return {
        "id": member.name,
        "title": member.title,
        "subscriptions": "subscribe" in member.abilities,
        "currencies": sorted(member.currencies) if member.currencies else None,
        "public_key": block.get("PUBLISHABLE_KEY") or block.get("CLIENT_KEY") or None,
    }

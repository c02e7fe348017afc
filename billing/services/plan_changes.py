"""What people do with their plan: try, cancel, take that back, go over to another.

Providers are asked first, outside of any transaction; then our rows follow them."""

import contextlib
import uuid
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.selectors import personal_organization_id
from billing import notices, plans, providers
from billing.models import Customer, Plan, Price, Subscription
from billing.money import money_fields
from billing.providers.base import PlanChange, Provider, ProviderError
from billing.selectors.payers import require_payer
from billing.services.checkouts import price_with, prices_of
from billing.services.following import follow_root
from billing.services.subscriptions import credits_of_going_over, end
from common import audit
from common.errors import Conflict, NotFound, ProviderFailed, Unavailable, ValidationProblem
from common.models import AuditEntry

Live = Subscription.Status


@dataclass(frozen=True)
class Change:
    """`checkout_url` leads to where the payer must agree first, if the provider wants that."""

    subscription: Subscription
    checkout_url: str


# --- the trial --------------------------------------------------------------------------------------------------------


@transaction.atomic
def start_trial(*, user: User) -> Subscription:
    """Once a person, for their personal organisation. Raises Conflict, NotFound where the site has no trial."""
    plan = Plan.objects.filter(trial_days__isnull=False, is_active=True).order_by("rank").first()
    if plan is None or plan.trial_days is None:
        raise NotFound
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    organization_id = personal_organization_id(user.pk)
    if Subscription.objects.filter(user=user, plan__trial_days__isnull=False).exists():
        raise Conflict("You have had your trial.")
    now = timezone.now()
    try:
        with transaction.atomic():
            subscription = Subscription.objects.create(
                organization_id=organization_id,
                user=user,
                plan=plan,
                status=Live.TRIALING,
                started_at=now,
                current_period_start=now,
                current_period_end=now + timedelta(days=plan.trial_days),
            )
    except IntegrityError as error:
        raise Conflict("You have a plan already.") from error
    plans.forget(organization_id)
    notices.plan_changed(subscription)
    return subscription


def trial_is_open_to(user: User) -> bool:
    return not Subscription.objects.filter(user=user, plan__trial_days__isnull=False).exists()


# --- cancelling and taking that back ----------------------------------------------------------------------------------


def cancel_subscription(
    *, organization_id: uuid.UUID, actor: User, at_once: bool = False, by_staff: bool = False, reason: str = ""
) -> Subscription:
    """Lets the plan end with its period, or at once. Repeating it is harmless. Never call it in a transaction.

    Raises NotFound without a plan or for a stranger, Forbidden, Unavailable, ProviderFailed.
    """
    subscription = _present(organization_id, actor, by_staff=by_staff)
    if subscription.renews:
        provider = _provider_of(subscription)
        _ask(lambda: provider.cancel_subscription(subscription.provider_subscription_id, at_period_end=not at_once))
    _note(subscription, actor, "subscription.cancel", at_once=at_once, cancel=True, reason=reason)
    return _followed(subscription)


def resume_subscription(*, organization_id: uuid.UUID, actor: User) -> Subscription:
    """Takes a cancellation back, as long as the period lasts. Raises as `cancel_subscription`, and Conflict."""
    subscription = _present(organization_id, actor)
    if not subscription.renews:
        raise Conflict("This plan was bought for a time, and does not renew.")
    if subscription.cancel_at_period_end:
        provider = _provider_of(subscription)
        _ask(lambda: provider.resume_subscription(subscription.provider_subscription_id))
        _note(subscription, actor, "subscription.resume", at_once=False, cancel=False)
    return _followed(subscription)


@transaction.atomic
def _note(
    subscription: Subscription, actor: User, action: str, *, at_once: bool, cancel: bool, reason: str = ""
) -> None:
    """What was decided, for what the provider does not tell: time bought once, and what ends at once."""
    row = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)
    if row.status not in Subscription.LIVE:
        return
    row.cancel_at_period_end = cancel
    if at_once:
        end(row, Live.CANCELLED)
    row.save()
    plans.forget(row.organization_id)
    audit.record(actor=actor, action=action, target=row, reason=reason, data={"at_once": at_once})


# --- another plan -----------------------------------------------------------------------------------------------------


def preview_change(*, organization_id: uuid.UUID, actor: User, plan: str, billing_period: str = "") -> dict[str, Any]:
    """What going over would cost at once, and then. Raises as `change_plan`."""
    subscription = _present(organization_id, actor)
    target, price, provider = _target(subscription, plan, billing_period)
    change = _change(subscription, target, price, key="preview")
    shown = _ask(lambda: provider.preview_change(change))
    return {
        "plan": target.name,
        "billing_period": price.billing_period,
        "due_now": money_fields(shown.due_now, shown.currency),
        "next_amount": money_fields(shown.next_amount, shown.currency),
        "next_at": shown.next_at,
        "credits_now": credits_of_going_over(subscription, target),
        "monthly_credits": target.monthly_credits,
    }


def change_plan(*, organization_id: uuid.UUID, actor: User, plan: str, key: str, billing_period: str = "") -> Change:
    """Goes over to another plan now: the provider charges or credits the difference for what is left of the period.

    The same `key` changes it once. Never call it in a transaction. Raises NotFound, Forbidden, ValidationProblem,
    Conflict (no subscription, this plan already), Unavailable, ProviderFailed.
    """
    subscription = _present(organization_id, actor)
    if _was_done(subscription, plan, key):
        return Change(_followed(subscription), "")
    target, price, provider = _target(subscription, plan, billing_period)
    change = _change(subscription, target, price, key)
    address = _ask(lambda: provider.change_plan(change))
    data = {"from": subscription.plan.name, "to": target.name, "key": key}
    audit.record(actor=actor, action="subscription.change", target=subscription, data=data)
    return Change(_followed(subscription), address)


def _was_done(subscription: Subscription, plan: str, key: str) -> bool:
    done = AuditEntry.objects.filter(target_type=subscription._meta.label_lower, target_id=str(subscription.pk))
    return done.filter(action="subscription.change", data__key=key, data__to=plan).exists()


def _target(subscription: Subscription, plan: str, billing_period: str) -> tuple[Plan, Price, Provider]:
    if not subscription.renews:
        raise Conflict("There is no subscription to change. Buy the plan instead.")
    target = Plan.objects.filter(name=plan, is_active=True).first()
    if target is None:
        raise ValidationProblem(errors={"plan_id": ["There is no such plan for sale."]})
    provider = _provider_of(subscription)
    if "change_plan" not in provider.abilities:
        raise Conflict(
            f"With {provider.title} a plan can't be changed while it runs. Cancel it, and take the other when it ends."
        )
    period = billing_period or subscription.billing_period
    price = price_with(prices_of(target, period, recurring=True), provider, subscription.currency)
    if price is None:
        raise ValidationProblem(errors={"plan_id": ["It is not sold in the currency that you pay in."]})
    if target.pk == subscription.plan_id and period == subscription.billing_period:
        raise Conflict(f"You have {target.title} already.")
    return target, price, provider


def _change(subscription: Subscription, target: Plan, price: Price, key: str) -> PlanChange:
    return PlanChange(
        key=f"{subscription.pk}:{key}",
        subscription_id=subscription.provider_subscription_id,
        description=target.title,
        amount=price.amount,
        currency=price.currency,
        every="year" if price.billing_period == "year" else "month",
        price_ref=price.provider_ref if price.provider == subscription.provider else "",
    )


# --- the provider's own pages -----------------------------------------------------------------------------------------


def portal_url(*, organization_id: uuid.UUID, actor: User, return_url: str) -> str:
    """Where to look after cards and papers at the provider. Raises NotFound where there is no such page."""
    require_payer(actor.pk, organization_id)
    for customer in Customer.objects.filter(organization_id=organization_id).order_by("-id"):
        if customer.provider in providers.names():
            provider = providers.get(customer.provider)
            if "portal" in provider.abilities:
                found = customer.customer_id
                address = return_url or f"{settings.PUBLIC_URL.rstrip('/')}{reverse('wallet')}"
                return _ask(partial(provider.portal_url, found, address))
    raise NotFound


# --- shared -----------------------------------------------------------------------------------------------------------


def _present(organization_id: uuid.UUID, actor: User, *, by_staff: bool = False) -> Subscription:
    if not by_staff:
        require_payer(actor.pk, organization_id)
    subscription = plans.live_subscription(organization_id)
    if subscription is None:
        raise NotFound
    return subscription


def _provider_of(subscription: Subscription) -> Provider:
    return providers.get(subscription.provider)


def _ask(question: Any) -> Any:
    try:
        return question()
    except ProviderError as error:
        if error.permanent:
            raise ProviderFailed(error.public) from error
        raise Unavailable(error.public, code="PROVIDER_UNAVAILABLE", retry_after=5) from error


def _followed(subscription: Subscription) -> Subscription:
    """As it is now; a provider that does not answer any more will be asked by the sweep."""
    subscription.refresh_from_db()
    if subscription.provider_subscription_id:
        with contextlib.suppress(ProviderError, Conflict):
            follow_root(subscription)
        subscription.refresh_from_db()
    return subscription

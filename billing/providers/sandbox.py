"""The sandbox as a member of the family: the shop's side of `billing.sandbox`, where no money moves.

It answers from the sandbox's own tables, so a call here can't be lost on the way; its webhooks travel over HTTP, signed
by Standard Webhooks. Settings: `SECRET_KEY` (the webhooks' key is derived from it), `BASE_URL` (this site).
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, cast
from urllib.parse import urlencode

from django.urls import reverse

from billing.models import SandboxCharge, SandboxCheckout, SandboxSubscription
from billing.providers.base import (
    About,
    Charge,
    Checkout,
    CheckoutState,
    Forged,
    Incoming,
    KeptCharge,
    Limited,
    Notice,
    Order,
    Period,
    PlanChange,
    Proration,
    RefundOrder,
    RefundState,
    SubscriptionState,
)
from billing.sandbox import services, webhooks

OBJECTS = {"checkout", "charge", "subscription"}
SHOWN_CHARGES = 24


class Sandbox(Limited):
    name = "sandbox"
    title = "Sandbox"
    abilities = frozenset({"subscribe", "keep", "portal", "change_plan", "list_charges", "partial_refund"})
    currencies = None

    def __init__(self, block: Mapping[str, Any]) -> None:
        self._secret_key: str = block["SECRET_KEY"]
        self._base_url: str = block["BASE_URL"].rstrip("/")

    def create_checkout(self, order: Order) -> Checkout:
        checkout = services.open_checkout(order)
        path = reverse("sandbox_checkout", args=[checkout.pk])
        return Checkout(str(checkout.pk), f"{self._base_url}{path}", checkout.customer_id)

    def read_checkout(self, session_id: str, reference: str) -> CheckoutState:
        """Raises ProviderError for one that nobody knows."""
        checkout = SandboxCheckout.objects.filter(pk=services.as_id(session_id)).first()
        if checkout is None:
            raise services.refuse("there is no such checkout")
        charge = checkout.charges.order_by("id").last()
        subscription = SandboxSubscription.objects.filter(checkout=checkout).first()
        return CheckoutState(
            status="expired" if services.has_expired(checkout) else checkout.status,  # type: ignore[arg-type]
            charge=_charge(charge) if charge else None,
            subscription=_subscription(subscription) if subscription else None,
        )

    def read_charge(self, intent_id: str) -> Charge | None:
        charge = SandboxCharge.objects.filter(pk=services.as_id(intent_id)).first()
        return _charge(charge) if charge else None

    def refund(self, order: RefundOrder) -> RefundState:
        return RefundState(str(services.refund(order).pk), "succeeded")

    def verify(self, incoming: Incoming) -> Notice:
        """Standard Webhooks: the signature covers id, time (five minutes either way) and body."""
        event_id, content = webhooks.verified(incoming.body, incoming.headers, self._secret_key)
        about = content["data"]
        if about["object"] not in OBJECTS:
            raise Forged("of an unknown kind")
        return Notice(event_id, content["type"], (About(about["object"], about["id"]),))

    def read_subscription(self, subscription_id: str) -> SubscriptionState | None:
        subscription = SandboxSubscription.objects.filter(pk=services.as_id(subscription_id)).first()
        return _subscription(subscription) if subscription else None

    def cancel_subscription(self, subscription_id: str, *, at_period_end: bool) -> None:
        services.cancel(services.as_id(subscription_id), at_period_end=at_period_end)

    def resume_subscription(self, subscription_id: str) -> None:
        services.resume(services.as_id(subscription_id))

    def preview_change(self, change: PlanChange) -> Proration:
        return services.preview_change(change)

    def change_plan(self, change: PlanChange) -> str:
        services.change_plan(change)
        return ""

    def charge_kept(self, order: KeptCharge) -> Charge:
        return _charge(services.charge_kept(order))

    def portal_url(self, customer_id: str, return_url: str) -> str:
        path = reverse("sandbox_stage_door", args=[customer_id])
        return f"{self._base_url}{path}?{urlencode({'back': return_url})}"

    def list_charges(self, day: date) -> Iterable[Charge]:
        start = datetime.combine(day, time(), UTC)
        paid = SandboxCharge.objects.filter(paid_at__gte=start, paid_at__lt=start + timedelta(days=1))
        return [_charge(charge) for charge in paid.order_by("id")]


def _charge(charge: SandboxCharge) -> Charge:
    disputed = charge.dispute in {SandboxCharge.Dispute.OPEN, SandboxCharge.Dispute.LOST}
    return Charge(
        intent_id=str(charge.pk),
        status="paid" if charge.status == SandboxCharge.Status.PAID else "failed",
        amount=charge.amount,
        currency=charge.currency,
        reference=charge.reference,
        session_id=str(charge.checkout_id or ""),
        subscription_id=str(charge.subscription_id or ""),
        refunded=charge.refunded,
        disputed=disputed,
        paid_at=charge.paid_at,
        period_start=charge.period_start,
        period_end=charge.period_end,
        customer_id=charge.customer_id,
        method_id=charge.method_id,
    )


def _subscription(subscription: SandboxSubscription) -> SubscriptionState:
    newest = subscription.charges.order_by("-id")[:SHOWN_CHARGES]
    return SubscriptionState(
        subscription_id=str(subscription.pk),
        status=cast("Any", subscription.status),
        amount=subscription.amount,
        currency=subscription.currency,
        every=cast("Period", subscription.every),
        period_start=subscription.period_start,
        period_end=subscription.period_end,
        cancel_at_period_end=subscription.cancel_at_period_end,
        price_ref=subscription.price_ref,
        reference=subscription.checkout.reference,
        customer_id=subscription.customer_id,
        charges=tuple(_charge(charge) for charge in reversed(newest)),
    )

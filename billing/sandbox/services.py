"""What happens at the sandbox: what the shop asks of it, and what a payer does on its pages.

Every function is a transaction of its own, and tells the shop of each change by a webhook.
"""

import calendar
import uuid
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import IntegrityError, transaction
from django.db.models import Model, QuerySet
from django.utils import timezone

from billing.models import SandboxCharge, SandboxCheckout, SandboxRefund, SandboxSubscription
from billing.providers.base import KeptCharge, Order, PlanChange, Proration, ProviderError, RefundOrder
from billing.sandbox import is_open
from billing.sandbox.webhooks import announce

T = TypeVar("T", bound=Model)
PAST_DUE_FOR = timedelta(days=14)
Status = SandboxCheckout.Status
Renewal = SandboxSubscription.Status
Dispute = SandboxCharge.Dispute


def refuse(message: str) -> ProviderError:
    return ProviderError(f"sandbox: {message}", permanent=True, public=f"The sandbox says: {message}.")


# --- checkouts --------------------------------------------------------------------------------------------------------


def open_checkout(order: Order) -> SandboxCheckout:
    """The same one for the same reference, whatever became of it."""
    checkout, _ = SandboxCheckout.objects.get_or_create(
        reference=order.reference,
        defaults={
            "description": order.description[:200],
            "amount": order.amount,
            "currency": order.currency,
            "customer_id": order.payer.customer_id or f"customer-{uuid.uuid4()}",
            "payer_name": order.payer.name[:200],
            "payer_email": order.payer.email,
            "success_url": order.success_url,
            "cancel_url": order.cancel_url,
            "expires_at": order.expires_at,
            "every": order.every or "",
            "price_ref": order.price_ref,
            "keep_method": order.keep_method,
        },
    )
    return checkout


@transaction.atomic
def pay(checkout_id: uuid.UUID) -> SandboxCheckout:
    """Raises ProviderError where it is not open any more; one that is paid stays paid once."""
    checkout = _locked(SandboxCheckout.objects.all(), checkout_id)
    if checkout.status == Status.PAID:
        return checkout
    _require_open(checkout)
    now = timezone.now()
    subscription = None
    if checkout.every:
        subscription = SandboxSubscription.objects.create(
            checkout=checkout,
            description=checkout.description,
            amount=checkout.amount,
            currency=checkout.currency,
            customer_id=checkout.customer_id,
            every=checkout.every,
            price_ref=checkout.price_ref,
            period_start=now,
            period_end=period_after(now, checkout.every, now.day),
        )
    SandboxCharge.objects.create(
        checkout=checkout,
        subscription=subscription,
        reference=checkout.reference,
        status=SandboxCharge.Status.PAID,
        description=checkout.description,
        amount=checkout.amount,
        currency=checkout.currency,
        customer_id=checkout.customer_id,
        method_id=f"card-{uuid.uuid4()}" if checkout.keep_method or subscription else "",
        paid_at=now,
        period_start=subscription.period_start if subscription else None,
        period_end=subscription.period_end if subscription else None,
    )
    return _end(checkout, Status.PAID)


@transaction.atomic
def decline(checkout_id: uuid.UUID) -> SandboxCheckout:
    """The card is refused, and with it the checkout. Raises ProviderError where it is not open any more."""
    checkout = _locked(SandboxCheckout.objects.all(), checkout_id)
    _require_open(checkout)
    SandboxCharge.objects.create(
        checkout=checkout,
        reference=checkout.reference,
        status=SandboxCharge.Status.FAILED,
        description=checkout.description,
        amount=checkout.amount,
        currency=checkout.currency,
        customer_id=checkout.customer_id,
    )
    return _end(checkout, Status.FAILED)


def expire_old() -> int:
    """Ends the checkouts whose time has run out."""
    late = SandboxCheckout.objects.filter(status=Status.OPEN, expires_at__lte=timezone.now())
    return sum(expire(pk) for pk in late.order_by("id").values_list("pk", flat=True)[:100])


@transaction.atomic
def expire(checkout_id: uuid.UUID) -> bool:
    """True where it was open until now."""
    checkout = _locked(SandboxCheckout.objects.all(), checkout_id)
    if checkout.status != Status.OPEN:
        return False
    _end(checkout, Status.EXPIRED)
    return True


def has_expired(checkout: SandboxCheckout) -> bool:
    """Time alone ends a checkout, before anybody writes it down."""
    return checkout.status == Status.EXPIRED or (
        checkout.status == Status.OPEN and checkout.expires_at <= timezone.now()
    )


def _require_open(checkout: SandboxCheckout) -> None:
    if checkout.status != Status.OPEN or has_expired(checkout):
        raise refuse("this checkout is over")


def _end(checkout: SandboxCheckout, status: SandboxCheckout.Status) -> SandboxCheckout:
    checkout.status = status
    checkout.save()
    announce(f"checkout.{status}", "checkout", checkout.pk)
    return checkout


# --- charges ----------------------------------------------------------------------------------------------------------


def refund(order: RefundOrder) -> SandboxRefund:
    """At most once for `order.key`. Raises ProviderError for more than is left, and while it is disputed."""
    known = SandboxRefund.objects.filter(key=order.key).first()
    if known is None:
        try:
            return refund_charge(as_id(order.intent_id), order.amount, key=order.key)
        except IntegrityError:  # another was quicker with the same key
            known = SandboxRefund.objects.get(key=order.key)
    return known


@transaction.atomic
def refund_charge(charge_id: uuid.UUID, amount: int, *, key: str | None = None) -> SandboxRefund:
    """Raises ProviderError for more than is left, and while it is disputed."""
    charge = _locked(SandboxCharge.objects.all(), charge_id)
    if charge.status != SandboxCharge.Status.PAID or charge.dispute in {Dispute.OPEN, Dispute.LOST}:
        raise refuse("only what was paid and is not disputed can go back")
    if key and (known := charge.refunds.filter(key=key).first()):
        return known
    if not 0 < amount <= charge.amount - charge.refunded:
        raise refuse("that is more than is left")
    charge.refunded += amount
    charge.save()
    announce("charge.refunded", "charge", charge.pk)
    return SandboxRefund.objects.create(charge=charge, key=key, amount=amount)


@transaction.atomic
def dispute(charge_id: uuid.UUID) -> None:
    """The payer's bank takes the money back until somebody decides. Raises ProviderError."""
    charge = _locked(SandboxCharge.objects.all(), charge_id)
    if charge.status != SandboxCharge.Status.PAID or charge.dispute or charge.refunded == charge.amount:
        raise refuse("only what was paid and did not go back can be disputed, and once")
    _set_dispute(charge, Dispute.OPEN)


@transaction.atomic
def settle_dispute(charge_id: uuid.UUID, *, won: bool) -> None:
    """`won` by the shop. Raises ProviderError where nobody disputes it."""
    charge = _locked(SandboxCharge.objects.all(), charge_id)
    if charge.dispute != Dispute.OPEN:
        raise refuse("nobody disputes this charge")
    _set_dispute(charge, Dispute.WON if won else Dispute.LOST)


def _set_dispute(charge: SandboxCharge, dispute: SandboxCharge.Dispute) -> None:
    charge.dispute = dispute
    charge.save()
    announce(f"charge.dispute_{dispute}", "charge", charge.pk)


def charge_kept(order: KeptCharge) -> SandboxCharge:
    """At most once for `order.reference`. Raises ProviderError for a card that was never kept."""
    paid = SandboxCharge.objects.filter(reference=order.reference, status=SandboxCharge.Status.PAID)
    if known := paid.first():
        return known
    kept = SandboxCharge.objects.filter(customer_id=order.customer_id, method_id=order.method_id)
    if not order.method_id or not kept.exists():
        raise refuse("there is no such card")
    try:
        return _charge_kept(order)
    except IntegrityError:  # another was quicker with the same reference
        return paid.get()


@transaction.atomic
def _charge_kept(order: KeptCharge) -> SandboxCharge:
    charge = SandboxCharge.objects.create(
        reference=order.reference,
        status=SandboxCharge.Status.PAID,
        description=order.description[:200],
        amount=order.amount,
        currency=order.currency,
        customer_id=order.customer_id,
        method_id=order.method_id,
        paid_at=timezone.now(),
    )
    announce("charge.paid", "charge", charge.pk)
    return charge


# --- subscriptions ----------------------------------------------------------------------------------------------------


def period_after(start: datetime, every: str, day: int) -> datetime:
    """A month or a year later; `day` is that of the beginning, so that a short month does not shorten the next."""
    months = start.year * 12 + start.month - 1 + (12 if every == "year" else 1)
    year, month = divmod(months, 12)
    return start.replace(year=year, month=month + 1, day=min(day, calendar.monthrange(year, month + 1)[1]))


@transaction.atomic
def renew(subscription_id: uuid.UUID, *, only_if_due: bool = False) -> None:
    """Its period ends: the next one is charged, or it ends. One that is past due is tried again.

    Raises ProviderError for one that has ended.
    """
    subscription = _running(subscription_id)
    if only_if_due and (subscription.status != Renewal.ACTIVE or subscription.period_end > timezone.now()):
        return
    if subscription.cancel_at_period_end:
        _stop(subscription)
        return
    start = subscription.period_end
    end = period_after(start, subscription.every, subscription.created_at.day)
    paid, subscription.next_fails = not subscription.next_fails, False
    _charge_period(subscription, subscription.amount, start, end, paid=paid)
    if paid:
        subscription.status, subscription.period_start, subscription.period_end = Renewal.ACTIVE, start, end
    else:
        subscription.status = Renewal.PAST_DUE
    subscription.save()
    announce("subscription.renewed" if paid else "subscription.past_due", "subscription", subscription.pk)


def renew_due() -> int:
    """Renews what is due, and ends what nobody has paid for two weeks. Returns how many."""
    now = timezone.now()
    due = SandboxSubscription.objects.filter(status=Renewal.ACTIVE, period_end__lte=now)
    late = SandboxSubscription.objects.filter(status=Renewal.PAST_DUE, period_end__lte=now - PAST_DUE_FOR)
    renewed = list(due.order_by("id").values_list("pk", flat=True)[:100])
    ended = list(late.order_by("id").values_list("pk", flat=True)[:100])
    for pk in renewed:
        renew(pk, only_if_due=True)
    for pk in ended:
        cancel(pk, at_period_end=False)
    return len(renewed) + len(ended)


@transaction.atomic
def fail_next(subscription_id: uuid.UUID) -> None:
    """The card will refuse the next renewal."""
    subscription = _running(subscription_id)
    subscription.next_fails = True
    subscription.save()


@transaction.atomic
def cancel(subscription_id: uuid.UUID, *, at_period_end: bool) -> None:
    """Raises ProviderError for one that nobody knows; one that has ended stays so."""
    subscription = _locked(SandboxSubscription.objects.all(), subscription_id)
    if subscription.status == Renewal.CANCELLED or (at_period_end and subscription.cancel_at_period_end):
        return
    if not at_period_end:
        _stop(subscription)
        return
    subscription.cancel_at_period_end = True
    subscription.save()
    announce("subscription.changed", "subscription", subscription.pk)


@transaction.atomic
def resume(subscription_id: uuid.UUID) -> None:
    """Takes back a cancellation at the period's end. Raises ProviderError for one that has ended."""
    subscription = _running(subscription_id)
    if subscription.cancel_at_period_end:
        subscription.cancel_at_period_end = False
        subscription.save()
        announce("subscription.changed", "subscription", subscription.pk)


def preview_change(change: PlanChange) -> Proration:
    """What is left of the present period is paid at the new price, less what was paid for it at the old one.

    A change to a smaller plan costs nothing and gives nothing back: the sandbox keeps no balances.
    """
    subscription = SandboxSubscription.objects.filter(pk=as_id(change.subscription_id)).first()
    if subscription is None or subscription.status == Renewal.CANCELLED:
        raise refuse("there is no such subscription")
    now = timezone.now()
    return Proration(
        due_now=_due_now(subscription, change, now),
        next_amount=change.amount,
        currency=change.currency,
        next_at=_end_after_change(subscription, change, now),
    )


@transaction.atomic
def change_plan(change: PlanChange) -> None:
    """Once for `change.key`. Raises ProviderError for one that has ended or is past due."""
    subscription = _running(as_id(change.subscription_id))
    if change.key in subscription.change_keys:
        return
    if subscription.status != Renewal.ACTIVE or change.currency != subscription.currency:
        raise refuse("only what is paid can change, and within its currency")
    now = timezone.now()
    due, end = _due_now(subscription, change, now), _end_after_change(subscription, change, now)
    if change.every != subscription.every:
        subscription.period_start, subscription.period_end, subscription.every = now, end, change.every
    subscription.amount, subscription.price_ref = change.amount, change.price_ref
    subscription.description = change.description[:200]
    subscription.change_keys = [*subscription.change_keys, change.key]
    subscription.cancel_at_period_end = False
    subscription.save()
    if due:
        _charge_period(subscription, due, now, end, paid=True)
    announce("subscription.changed", "subscription", subscription.pk)


def _due_now(subscription: SandboxSubscription, change: PlanChange, now: datetime) -> int:
    whole = (subscription.period_end - subscription.period_start).total_seconds()
    left = max(0.0, (subscription.period_end - now).total_seconds()) / whole
    new = change.amount * left if change.every == subscription.every else change.amount
    return max(0, round(new - subscription.amount * left))


def _end_after_change(subscription: SandboxSubscription, change: PlanChange, now: datetime) -> datetime:
    if change.every == subscription.every:
        return subscription.period_end
    return period_after(now, change.every, now.day)


def _charge_period(
    subscription: SandboxSubscription, amount: int, start: datetime, end: datetime, *, paid: bool
) -> None:
    SandboxCharge.objects.create(
        subscription=subscription,
        status=SandboxCharge.Status.PAID if paid else SandboxCharge.Status.FAILED,
        description=subscription.description,
        amount=amount,
        currency=subscription.currency,
        customer_id=subscription.customer_id,
        paid_at=timezone.now() if paid else None,
        period_start=start,
        period_end=end,
    )


def _stop(subscription: SandboxSubscription) -> None:
    subscription.status, subscription.cancel_at_period_end = Renewal.CANCELLED, False
    subscription.save()
    announce("subscription.cancelled", "subscription", subscription.pk)


def _running(subscription_id: uuid.UUID) -> SandboxSubscription:
    subscription = _locked(SandboxSubscription.objects.all(), subscription_id)
    if subscription.status == Renewal.CANCELLED:
        raise refuse("this subscription has ended")
    return subscription


# --- rows -------------------------------------------------------------------------------------------------------------


def as_id(text: str) -> uuid.UUID:
    """For what can't be one of ours, an id that nobody has."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return uuid.UUID(int=0)


def _locked(rows: QuerySet[T], row_id: uuid.UUID) -> T:
    """Raises ProviderError where there is none, and where there is no sandbox."""
    row = rows.select_for_update().filter(pk=row_id).first() if is_open() else None
    if row is None:
        raise refuse("there is no such thing")
    return row

"""A charge of a provider and what it does here: credits, plans and papers, once; and the same backwards.

All of it happens under the lock of the charge's root (`billing.services.following`), in one transaction.
"""

from decimal import ROUND_HALF_UP, Decimal

from django.utils import timezone

from billing import notices, registry
from billing.models import (
    CheckoutSession,
    Customer,
    Invoice,
    Kind,
    Payment,
    PaymentType,
    Refund,
    Subscription,
    TopUp,
    UnmatchedCharge,
    Wallet,
)
from billing.providers.base import Charge
from billing.services import credits as ledger
from billing.services import subscriptions
from common.credits import SMALLEST
from common.database import fetch_one
from common.tracking import track

PAID_ONCE = {Payment.Status.PAID, Payment.Status.PARTIALLY_REFUNDED, Payment.Status.REFUNDED, Payment.Status.DISPUTED}


def record_charge(
    charge: Charge, *, session: CheckoutSession | None = None, subscription: Subscription | None = None
) -> Payment | None:
    """Brings our payment in line with the charge. None where it can't be one of ours: then the finance desk sees it."""
    root = subscription or session
    assert root is not None
    known = Payment.objects.filter(provider=root.provider, intent_id=charge.intent_id)
    payment = known.first()
    locked_here = None
    if payment and payment.subscription_id and subscription is None:
        # a sweep may just be giving its plan a month, which changes both rows: the plan's is locked before either
        plan = Subscription.objects.select_for_update(no_key=True)
        subscription = locked_here = plan.get(pk=payment.subscription_id)
        payment = known.get()
    if payment is None or payment.paid_at is None:
        if charge.status == "paid" and (why := _why_unmatched(charge, session, subscription)):
            known.delete()  # it was on its way, and turned out to be nobody's
            record_unmatched(root.provider, charge, why, session)
            return None
        payment = payment or _new_payment(charge, session, subscription)
        _learn(payment, charge, session, subscription)
    _apply(payment, charge, session or payment.session, subscription)
    if locked_here:
        locked_here.save()
    return payment


def _learn(
    payment: Payment, charge: Charge, session: CheckoutSession | None, subscription: Subscription | None
) -> None:
    """What may not have been known while it was on its way: the plan that it began, and what it is for."""
    payment.session, payment.subscription = session or payment.session, subscription or payment.subscription
    payment.amount, payment.currency = charge.amount, charge.currency
    payment.period_end = charge.period_end or payment.period_end


def _why_unmatched(charge: Charge, session: CheckoutSession | None, subscription: Subscription | None) -> str:
    if subscription and subscription.status == Subscription.Status.CANCELLED and subscription.paid_until is None:
        return "It is of a subscription beside another that was running."
    if subscription and subscription.ended_at and (charge.paid_at or timezone.now()) > subscription.ended_at:
        return "It was taken after its plan had ended."
    if session is None or subscription is not None:
        return ""
    if (charge.amount, charge.currency) != (session.amount, session.currency):
        return f"{session.amount} {session.currency} was asked for."
    if Payment.objects.filter(session=session, paid_at__isnull=False).exists():
        return "The same thing was paid before."
    return ""


def record_unmatched(provider: str, charge: Charge, reason: str, session: CheckoutSession | None = None) -> None:
    UnmatchedCharge.objects.get_or_create(
        provider=provider,
        intent_id=charge.intent_id,
        defaults={
            "reference": charge.reference[:200],
            "amount": charge.amount,
            "currency": charge.currency,
            "reason": reason,
            "session": session,
        },
    )


def _new_payment(charge: Charge, session: CheckoutSession | None, subscription: Subscription | None) -> Payment:
    root = subscription or session
    assert root is not None
    description = session.description if session else f"{subscription.plan.title}, renewed"  # type: ignore[union-attr]
    return Payment(
        organization_id=root.organization_id,
        user_id=root.user_id,
        session=session,
        subscription=subscription,
        provider=root.provider,
        type=PaymentType.SUBSCRIPTION if subscription else session.type,  # type: ignore[union-attr]
        intent_id=charge.intent_id,
        description=description,
        amount=charge.amount,
        currency=charge.currency,
        credits=session.credits if session and not subscription else Decimal(0),
        bonus_credits=session.bonus_credits if session and not subscription else Decimal(0),
    )


def _apply(
    payment: Payment, charge: Charge, session: CheckoutSession | None, subscription: Subscription | None
) -> None:
    was = payment.status
    is_new_payment = charge.status == "paid" and payment.paid_at is None
    if is_new_payment:
        payment.paid_at = charge.paid_at or timezone.now()
    payment.refunded_amount = min(charge.refunded, payment.amount)
    payment.disputed = charge.disputed
    payment.status = _status(payment, charge)
    payment.save()
    if is_new_payment:
        _fulfil(payment, charge, session, subscription)
    if payment.paid_at:
        _settle_credits(payment, session, subscription)
        _close_refunds(payment)
    if payment.status == Payment.Status.FAILED and was != payment.status:
        notices.payment_failed(payment)


def _status(payment: Payment, charge: Charge) -> Payment.Status:
    if payment.paid_at is None:
        return Payment.Status.FAILED if charge.status == "failed" else Payment.Status.PENDING
    if payment.disputed:
        return Payment.Status.DISPUTED
    if _is_given_back(payment):
        return Payment.Status.REFUNDED
    return Payment.Status.PARTIALLY_REFUNDED if payment.refunded_amount else Payment.Status.PAID


def _is_given_back(payment: Payment) -> bool:
    return 0 < payment.amount <= payment.refunded_amount


# --- what a payment brings --------------------------------------------------------------------------------------------


def _fulfil(
    payment: Payment, charge: Charge, session: CheckoutSession | None, subscription: Subscription | None
) -> None:
    # before the lock of the invoices, as by all others, so that no two can wait for each other
    Wallet.objects.select_for_update(no_key=True).get(organization_id=payment.organization_id)
    about = {"feature": "purchase", "reference": {"type": "payment", "id": str(payment.pk)}}
    for bucket, amount in (("main", payment.credits), ("bonus", payment.bonus_credits)):
        if amount:
            ledger.grant_credits(
                organization_id=payment.organization_id,
                amount=amount,
                key=f"payment:{payment.pk}:{bucket}",
                bucket=bucket,  # type: ignore[arg-type]
                kind=Kind.PURCHASE if bucket == "main" else Kind.GRANT,
                description=payment.description,
                **about,  # type: ignore[arg-type]
            )
    if subscription:
        subscriptions.record_payment(subscription, payment)
    if session:
        session.status = CheckoutSession.Status.PAID
        session.save(update_fields=["status", "updated_at"])
        if session.plan and not subscription:
            subscriptions.begin_bought_period(session, payment)
        if purchase := registry.purchase_of(session.type):
            purchase.paid(session, payment)
    _write_invoice(payment)
    _keep_customer(payment, charge)
    TopUp.objects.get_or_create(organization_id=payment.organization_id)
    track("payment_received", user_id=payment.user_id, provider=payment.provider, type=payment.type)
    notices.payment_received(payment)


def _write_invoice(payment: Payment) -> None:
    # two statements: the second must see what was committed while the first waited for the lock
    fetch_one("SELECT pg_advisory_xact_lock(hashtextextended('billing invoice', 0))", {})
    year = timezone.now().year
    row = fetch_one("SELECT coalesce(max(serial), 0) + 1 FROM billing_invoice WHERE year = %(year)s", {"year": year})
    assert row
    organization, user = payment.organization, payment.user
    name = user.display_name or user.username if organization.personal and user else organization.name
    Invoice.objects.create(
        payment=payment,
        organization=organization,
        year=year,
        serial=row[0],
        billed_to=f"{name}, {user.email}"[:300] if user else name,
    )


def _keep_customer(payment: Payment, charge: Charge) -> None:
    if not charge.customer_id:
        return
    customer, _ = Customer.objects.get_or_create(
        organization_id=payment.organization_id,
        provider=payment.provider,
        defaults={"customer_id": charge.customer_id, "method_id": charge.method_id},
    )
    kept = (charge.customer_id, charge.method_id)
    if charge.method_id and (customer.customer_id, customer.method_id) != kept:
        # both: a card belongs to its customer, who may be another than before
        customer.customer_id, customer.method_id = kept
        customer.save(update_fields=["customer_id", "method_id", "updated_at"])


# --- and what a refund or a dispute takes back ------------------------------------------------------------------------


def _settle_credits(payment: Payment, session: CheckoutSession | None, subscription: Subscription | None) -> None:
    due = _owed(payment) - payment.taken_back - payment.missing
    if due:
        payment.changes += 1
        _take_back(payment, due) if due > 0 else _give_again(payment, -due)
        payment.save()
    is_back = payment.disputed or _is_given_back(payment)
    if not is_back or payment.gone_back_at:
        return
    payment.gone_back_at = timezone.now()
    payment.save(update_fields=["gone_back_at", "updated_at"])
    subscriptions.end_what_was_paid_back(payment, subscription)
    if session and (purchase := registry.purchase_of(session.type)):
        purchase.taken_back(session, payment)


def _owed(payment: Payment) -> Decimal:
    """The credits that should have gone back by now: in proportion to the money."""
    whole = payment.credits + payment.bonus_credits
    if payment.disputed or _is_given_back(payment):
        return whole
    share = whole * payment.refunded_amount / payment.amount
    return share.quantize(SMALLEST, ROUND_HALF_UP)


def _take_back(payment: Payment, due: Decimal) -> None:
    taken = ledger.take_back(
        organization_id=payment.organization_id,
        amount=due,
        bonus_first=not payment.credits,
        key=f"payment:{payment.pk}:back:{payment.changes}",
        feature="dispute" if payment.disputed else "refund",
        reference={"type": "payment", "id": str(payment.pk)},
        description=payment.description,
    )
    payment.taken_back += taken
    payment.missing += due - taken


def _give_again(payment: Payment, amount: Decimal) -> None:
    """A dispute was won, or a refund failed. What was missing is forgiven first: it was never taken."""
    forgiven = min(amount, payment.missing)
    payment.missing -= forgiven
    if amount == forgiven:
        return
    payment.taken_back -= amount - forgiven
    ledger.grant_credits(
        organization_id=payment.organization_id,
        amount=amount - forgiven,
        key=f"payment:{payment.pk}:again:{payment.changes}",
        kind=Kind.REFUND,
        feature="dispute",
        reference={"type": "payment", "id": str(payment.pk)},
        description=payment.description,
    )


def _close_refunds(payment: Payment) -> None:
    if payment.refunded_amount:
        asked = payment.refunds.filter(status=Refund.Status.PENDING).first()
        done = sum(payment.refunds.filter(status=Refund.Status.SUCCEEDED).values_list("amount", flat=True))
        if asked and payment.refunded_amount >= done + asked.amount:
            asked.status = Refund.Status.SUCCEEDED
            asked.save(update_fields=["status", "updated_at"])

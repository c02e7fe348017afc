"""What people see of what they paid."""

import uuid
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from billing.models import CheckoutSession, Invoice, Payment
from billing.money import money_fields
from common.pagination import Page, bad_cursor, decode_cursor, encode_cursor


def payment_data(payment: Payment) -> dict[str, Any]:
    """A payment as the contract shows it; credits are still Decimals."""
    return {
        "id": payment.pk,
        "provider": payment.provider,
        "type": payment.type,
        "status": payment.status,
        "amount": money_fields(payment.amount, payment.currency),
        "refunded": money_fields(payment.refunded_amount, payment.currency),
        "credits": payment.credits + payment.bonus_credits,
        "description": payment.description,
        "session_id": payment.session_id,
        "intent_id": payment.intent_id,
        "organization": payment.organization_id,
        "paid_at": payment.paid_at,
        "created_at": payment.created_at,
    }


def session_data(session: CheckoutSession) -> dict[str, Any]:
    """A session's status, with its payment as soon as there is one that was received."""
    payment = payments_of_session(session).first()
    return session_status(session) | {"payment": payment_data(payment) if payment else None}


def session_status(session: CheckoutSession) -> dict[str, Any]:
    """What everybody may see of it."""
    return {"session_id": session.pk, "status": session.status}


def payments_of_session(session: CheckoutSession) -> QuerySet[Payment]:
    """The first that was paid goes before those that were not."""
    return Payment.objects.filter(session=session).order_by("paid_at", "id")


def invoice_data(invoice: Invoice) -> dict[str, Any]:
    """`invoice` comes with its payment."""
    payment = invoice.payment
    return {
        "id": invoice.pk,
        "number": invoice.number,
        "payment": payment.pk,
        "description": payment.description,
        "amount": money_fields(payment.amount, payment.currency),
        "status": payment.status,
        "billed_to": invoice.billed_to,
        "url": reverse("invoice", args=[invoice.pk]),
        "created_at": invoice.created_at,
    }


def payments_page(organization_id: uuid.UUID, *, cursor: str | None, limit: int, count: bool = False) -> Page:
    """Raises ValidationProblem for a cursor that is not ours."""
    rows = Payment.objects.filter(organization_id=organization_id)
    return _page(rows, cursor, limit, count, payment_data)


def invoices_page(organization_id: uuid.UUID, *, cursor: str | None, limit: int, count: bool = False) -> Page:
    """Raises ValidationProblem for a cursor that is not ours."""
    rows = Invoice.objects.filter(organization_id=organization_id).select_related("payment")
    return _page(rows, cursor, limit, count, invoice_data)


def _page(rows: QuerySet[Any], cursor: str | None, limit: int, count: bool, read: Any) -> Page:
    total = rows.count() if count else None
    if cursor:
        (before,) = decode_cursor(cursor, 1)
        try:
            rows = rows.filter(pk__lt=uuid.UUID(before))
        except (ValueError, TypeError, AttributeError) as error:
            raise bad_cursor() from error
    found = list(rows.order_by("-pk")[: limit + 1])
    more, found = len(found) > limit, found[:limit]
    return Page([read(row) for row in found], encode_cursor([found[-1].pk]) if more else None, total)

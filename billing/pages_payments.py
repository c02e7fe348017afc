"""What was paid: the list, one payment with its refund, and the papers."""

import uuid
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from billing import selectors, services
from billing.models import Invoice, Payment, Refund
from billing.page_tools import for_payers, money, money_words, page_or_404, person, trying
from billing.pages_pricing import provider_title
from common.errors import NotFound

# in the words of who reads it; the second says how it looks
STATUS_WORDS = {
    "pending": "On its way",
    "paid": "Paid",
    "failed": "Not paid",
    "expired": "Never paid",
    "refunded": "Given back",
    "partially_refunded": "Partly given back",
    "disputed": "Contested",
}
REFUND_WORDS = {"pending": "on its way back", "succeeded": "given back", "failed": "could not be given back"}


class RefundForm(forms.Form):
    reason = forms.CharField(min_length=3, max_length=300)


@require_GET
@login_required
@never_cache
@for_payers
def payments(request: HttpRequest, payer: uuid.UUID) -> HttpResponse:
    """For htmx, a further page of rows alone."""
    page = page_or_404(selectors.payments_page, payer, request)
    items = [_shown(request, item) for item in page.items]
    partial = "cursor" in request.GET and request.headers.get("HX-Request")
    template = "billing/_payments.html" if partial else "billing/payments.html"
    return render(request, template, {"payments": items, "next": page.next})


def _shown(request: HttpRequest, item: dict[str, Any]) -> dict[str, Any]:
    return item | {"price": money_words(request, item["amount"]), "words": STATUS_WORDS[item["status"]]}


@require_GET
@login_required
@never_cache
def payment(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    """One payment, what became of it, and the way to take it back."""
    found = _own(request, payment_id)
    refunds = found.refunds.order_by("-id")
    context = _shown(request, selectors.payment_data(found)) | {
        "payment": found,
        "provider_title": provider_title(found.provider),
        "invoice": Invoice.objects.filter(payment=found).first(),
        "refunds": [_refund(request, found, refund) for refund in refunds],
        "why_not": services.why_not_refundable(found),
        "is_going_back": any(refund.status == Refund.Status.PENDING for refund in refunds),
        "refund_days": settings.REFUND_DAYS,
    }
    return render(request, "billing/payment.html", context)


def _refund(request: HttpRequest, payment: Payment, refund: Refund) -> dict[str, Any]:
    return {
        "price": money(request, refund.amount, payment.currency),
        "words": REFUND_WORDS[refund.status],
        "reason": refund.reason,
        "created_at": refund.created_at,
    }


@require_POST
@login_required
def refund(request: HttpRequest, payment_id: uuid.UUID) -> HttpResponse:
    """Asks for the money back, with a reason."""
    found, form = _own(request, payment_id), RefundForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Say in a few words why. Nothing was changed.")
        return redirect("payment", payment_id)
    reason = form.cleaned_data["reason"]
    asked = trying(request, lambda: services.request_refund(payment_id=found.pk, actor=person(request), reason=reason))
    if asked and asked.status == Refund.Status.FAILED:
        messages.error(request, "The payment service could not give it back. Please write to us.")
    elif asked:
        messages.success(request, f"{money(request, asked.amount, found.currency)} is {REFUND_WORDS[asked.status]}.")
    return redirect("payment", payment_id)


def _own(request: HttpRequest, payment_id: uuid.UUID) -> Payment:
    """Raises NotFound for who may not see what the organisation pays."""
    found = Payment.objects.filter(pk=payment_id).first()
    if found is None or not selectors.may_pay_for(person(request).pk, found.organization_id):
        raise NotFound
    return found


@require_GET
@login_required
@never_cache
@for_payers
def invoices(request: HttpRequest, payer: uuid.UUID) -> HttpResponse:
    """For htmx, a further page of rows alone."""
    page = page_or_404(selectors.invoices_page, payer, request)
    items = [_shown(request, item) for item in page.items]
    partial = "cursor" in request.GET and request.headers.get("HX-Request")
    template = "billing/_invoices.html" if partial else "billing/invoices.html"
    return render(request, template, {"invoices": items, "next": page.next})


@require_GET
@login_required
@never_cache
def invoice(request: HttpRequest, invoice_id: uuid.UUID) -> HttpResponse:
    """The paper of a payment, to be printed."""
    found = Invoice.objects.select_related("payment").filter(pk=invoice_id).first()
    if found is None or not selectors.may_pay_for(person(request).pk, found.organization_id):
        raise NotFound
    paid = found.payment
    context = {
        "invoice": found,
        "payment": paid,
        "price": money(request, paid.amount, paid.currency),
        "refunded": money(request, paid.refunded_amount, paid.currency) if paid.refunded_amount else "",
        "words": STATUS_WORDS[paid.status],
        "provider_title": provider_title(paid.provider),
        "seller": {
            "name": settings.SELLER_NAME,
            "address": settings.SELLER_ADDRESS,
            "tax_id": settings.SELLER_TAX_ID,
        },
    }
    return render(request, "billing/invoice.html", context)

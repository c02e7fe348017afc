"""Coming back from a provider's page: what became of it."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from billing import selectors, services
from billing.models import CheckoutSession, Invoice, Payment
from billing.page_tools import money
from billing.pages_pricing import provider_title, session_or_404

# seconds until the page asks again by itself: eager at first, then patient, and after the last one not any more
PAUSES = (2, 2, 3, 3, 5, 5, 5, 10, 10, 10, 15, 15, 15, 30, 30, 30, 60, 60, 60)


@require_GET
@login_required
@never_cache
def checkout_return(request: HttpRequest) -> HttpResponse:
    """Where a provider sends people back to; for htmx, the news alone."""
    session = services.follow_session(session_or_404(request))
    template = "billing/_checkout_state.html" if request.headers.get("HX-Request") else "billing/checkout_return.html"
    return render(request, template, _context(request, session))


def _context(request: HttpRequest, session: CheckoutSession) -> dict[str, Any]:
    payment = selectors.payments_of_session(session).first()
    asked = _asked(request)
    return {
        "session": session,
        "state": _state(request, session, payment),
        "price": money(request, session.amount, session.currency),
        "provider_title": provider_title(session.provider),
        "payment": payment,
        "invoice": Invoice.objects.filter(payment=payment).first() if payment else None,
        "asked": asked + 1,
        "pause": PAUSES[asked] if asked < len(PAUSES) else None,
    }


def _state(request: HttpRequest, session: CheckoutSession, payment: Payment | None) -> str:
    """`paid`, `failed`, `expired`; of one that is open `waiting`, or `left` by who came back without paying."""
    if session.status != CheckoutSession.Status.OPEN:
        return session.status
    refused = payment is not None and payment.status == Payment.Status.FAILED
    return "left" if request.GET.get("cancelled") or refused else "waiting"


def _asked(request: HttpRequest) -> int:
    text = request.GET.get("asked", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0

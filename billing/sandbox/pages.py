"""The sandbox's own pages: where one "pays", and the stage door, where one plays the bank. Not there in production.

They ask for no sign-in, as a provider's would not: who has the address may use it.
"""

import functools
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing.models import SandboxCharge, SandboxCheckout, SandboxSubscription
from billing.money import from_major, to_major, written
from billing.providers.base import ProviderError
from billing.sandbox import is_open, services
from common.errors import NotFound

Page = Callable[..., HttpResponse]
LISTED = 50


def only_in_rehearsal(page: Page) -> Page:
    @functools.wraps(page)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not is_open():
            raise NotFound
        response = page(request, *args, **kwargs)
        response.headers["Cache-Control"] = "no-store"
        return response

    return guarded


@require_http_methods(["GET", "HEAD", "POST"])
@only_in_rehearsal
def checkout(request: HttpRequest, checkout_id: uuid.UUID) -> HttpResponse:
    """The hosted page to pay on. After paying it is the receipt, with the way back."""
    found = SandboxCheckout.objects.filter(pk=checkout_id).first()
    if found is None:
        raise NotFound
    if request.method == "POST":
        act = {"pay": services.pay, "decline": services.decline}.get(request.POST.get("act", ""))
        if act:
            _try(request, functools.partial(act, found.pk))
        return redirect("sandbox_checkout", found.pk)
    context = {
        "checkout": found,
        "status": "expired" if services.has_expired(found) else found.status,
        "price": written(found.amount, found.currency),
        "on": _web_address(found.success_url),
        "back": _web_address(found.cancel_url),
    }
    return render(request, "sandbox/checkout.html", context)


@require_safe
@only_in_rehearsal
def stage_door(request: HttpRequest, customer_id: str) -> HttpResponse:
    """What one payer has paid here, and the bank's buttons."""
    charges = SandboxCharge.objects.filter(customer_id=customer_id).order_by("-id")[:LISTED]
    subscriptions = SandboxSubscription.objects.filter(customer_id=customer_id).order_by("-id")[:LISTED]
    if not charges and not SandboxCheckout.objects.filter(customer_id=customer_id).exists():
        raise NotFound
    context = {
        "charges": [_shown(charge) for charge in charges],
        "subscriptions": [(one, written(one.amount, one.currency)) for one in subscriptions],
        "back": _web_address(request.GET.get("back", "")),
    }
    return render(request, "sandbox/stage_door.html", context)


@require_POST
@only_in_rehearsal
def charge(request: HttpRequest, charge_id: uuid.UUID) -> HttpResponse:
    """`act`: refund (of `amount`, as one writes it), dispute, shop_wins, payer_wins."""
    found = SandboxCharge.objects.filter(pk=charge_id).first()
    if found is None:
        raise NotFound
    match request.POST.get("act"):
        case "refund":
            _try(request, lambda: services.refund_charge(found.pk, _amount(request, found)))
        case "dispute":
            _try(request, lambda: services.dispute(found.pk))
        case "shop_wins":
            _try(request, lambda: services.settle_dispute(found.pk, won=True))
        case "payer_wins":
            _try(request, lambda: services.settle_dispute(found.pk, won=False))
    return _to_stage_door(request, found.customer_id)


@require_POST
@only_in_rehearsal
def subscription(request: HttpRequest, subscription_id: uuid.UUID) -> HttpResponse:
    """`act`: renew, fail_next, cancel, cancel_now, resume."""
    found = SandboxSubscription.objects.filter(pk=subscription_id).first()
    if found is None:
        raise NotFound
    match request.POST.get("act"):
        case "renew":
            _try(request, lambda: services.renew(found.pk))
        case "fail_next":
            _try(request, lambda: services.fail_next(found.pk))
        case "cancel":
            _try(request, lambda: services.cancel(found.pk, at_period_end=True))
        case "cancel_now":
            _try(request, lambda: services.cancel(found.pk, at_period_end=False))
        case "resume":
            _try(request, lambda: services.resume(found.pk))
    return _to_stage_door(request, found.customer_id)


def _try(request: HttpRequest, act: Callable[[], object]) -> None:
    try:
        act()
    except ProviderError as error:
        messages.error(request, error.public)


def _amount(request: HttpRequest, found: SandboxCharge) -> int:
    """Raises ProviderError for what is no amount."""
    try:
        return from_major(request.POST.get("amount", "").strip(), found.currency)
    except ValueError as error:
        raise services.refuse("that is no amount") from error


def _shown(found: SandboxCharge) -> dict[str, Any]:
    left = found.amount - found.refunded
    is_paid = found.status == SandboxCharge.Status.PAID
    return {
        "charge": found,
        "price": written(found.amount, found.currency),
        "refunded": written(found.refunded, found.currency) if found.refunded else "",
        "left": to_major(left, found.currency),
        "can_refund": is_paid and left > 0 and found.dispute in {"", "won"},
        "can_dispute": is_paid and left > 0 and not found.dispute,
    }


def _to_stage_door(request: HttpRequest, customer_id: str) -> HttpResponse:
    back = _web_address(request.POST.get("back", ""))
    address = reverse("sandbox_stage_door", args=[customer_id])
    return redirect(f"{address}?{urlencode({'back': back})}" if back else address)


def _web_address(address: str) -> str:
    """Nothing but http and https becomes a link."""
    try:
        return address if urlsplit(address).scheme in {"http", "https"} and len(address) <= 2000 else ""
    except ValueError:
        return ""


urlpatterns = [
    path("sandbox/checkout/<uuid:checkout_id>", checkout, name="sandbox_checkout"),
    path("sandbox/stage-door/<slug:customer_id>", stage_door, name="sandbox_stage_door"),
    path("sandbox/charges/<uuid:charge_id>", charge, name="sandbox_charge"),
    path("sandbox/subscriptions/<uuid:subscription_id>", subscription, name="sandbox_subscription"),
]

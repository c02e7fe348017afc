"""The price list, and sending people to pay."""

import hashlib
import uuid
from typing import Any

import orjson
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST, require_safe

from accounts.models import Organization
from accounts.web_sessions import LOCALE, acting_organization
from billing import selectors, services
from billing.models import CheckoutSession, PaymentType
from billing.page_tools import lead_to, money_words, person, trying
from billing.plans import FREE
from common.models import new_id
from common.rendering import to_json

CURRENCY_OF = {"de": "EUR", "fr": "EUR", "es": "EUR", "pt": "EUR", "id": "IDR"}  # by the reader's language
USUAL = "USD"
PERIODS = ("month", "year")
WISHES = ("type", "pack", "plan", "billing_period", "provider", "currency")
SOLD_HERE = (PaymentType.ONE_TIME, PaymentType.SUBSCRIPTION)
LONGEST = 64


@require_safe
@never_cache
def pricing(request: HttpRequest) -> HttpResponse:
    """What there is and what it costs, for everybody; `?period=`, `?currency=` and `?provider=` choose among prices."""
    catalogue = orjson.loads(selectors.catalogue_body().body)
    wish = _wish(request, catalogue)
    reader = _reader(request)
    plans = [_plan(request, plan, wish, reader) for plan in catalogue["plans"] if _is_shown(plan, reader)]
    context = {
        **wish,
        **reader,
        "plans": plans,
        "packs": [pack | {"price": _price(request, pack, wish, "one_time", None)} for pack in catalogue["packs"]],
        "currencies": catalogue["currencies"],
        "providers": catalogue["providers"],
        "key": str(new_id()),
    }
    return render(request, "billing/pricing.html", context)


def _wish(request: HttpRequest, catalogue: dict[str, Any]) -> dict[str, str]:
    """What of the address is among what there is."""
    currencies, providers = catalogue["currencies"], [one["id"] for one in catalogue["providers"]]
    usual = CURRENCY_OF.get((request.session.get(LOCALE) or "")[:2], USUAL)
    fallback = next((one for one in (usual, USUAL, *currencies) if one in currencies), "")
    period, currency, provider = (request.GET.get(name, "") for name in ("period", "currency", "provider"))
    return {
        "period": period if period in PERIODS else PERIODS[0],
        "currency": currency if currency in currencies else fallback,
        "provider": provider if provider in providers else "",
    }


def _reader(request: HttpRequest) -> dict[str, Any]:
    """Who reads, and what they have: `may_pay, team, present, running, tries`."""
    claims = getattr(request, "claims", None)
    if claims is None:
        return {"may_pay": False, "team": "", "present": "", "running": None, "tries": False}
    payer = acting_organization(request)
    running = selectors.subscription_data(payer)
    own = payer == claims.organization_id
    return {
        "may_pay": own or selectors.may_pay_for(claims.user_id, payer),
        "team": "" if own else Organization.objects.get(pk=payer).name,
        "present": running["plan"],
        "running": running if running["status"] in {"trialing", "active", "past_due"} else None,
        "tries": own and running["plan"] == FREE and services.trial_is_open_to(person(request)),
    }


def _is_shown(plan: dict[str, Any], reader: dict[str, Any]) -> bool:
    """A trial is shown to who may still have it: everybody who is not signed in, too."""
    return not plan["trial_days"] or plan["id"] == reader["present"] or reader["tries"] or not reader["present"]


def _plan(request: HttpRequest, plan: dict[str, Any], wish: dict[str, str], reader: dict[str, Any]) -> dict[str, Any]:
    running, present = reader["running"], plan["id"] == reader["present"]
    renewing = bool(running and running.get("renews"))
    bought = bool(running and not renewing and running["status"] == "active")
    return plan | {
        "present": present,
        "renewed": _price(request, plan, wish, "subscription", wish["period"]),
        "once": _price(request, plan, wish, "one_time", wish["period"]),
        "may_subscribe": not renewing and not bought,
        "may_change": renewing and not (present and running["billing_period"] == wish["period"]),
        "may_take_once": not renewing and (not bought or present),
        "follows": bought and not present,
    }


def _price(
    request: HttpRequest, item: dict[str, Any], wish: dict[str, str], kind: str, period: str | None
) -> str | None:
    """What it costs by this wish, in words; None where it is not sold so."""
    for price in item["prices"]:
        sold = (price["type"], price["billing_period"], price["amount"]["currency"])
        takes = not wish["provider"] or wish["provider"] in price["providers"]
        if takes and sold == (kind, period, wish["currency"]):
            return money_words(request, price["amount"])
    return None


@require_POST
@login_required
def buy(request: HttpRequest) -> HttpResponse:
    """Opens a checkout and leads there. The hidden key makes a double click open one."""
    asked = {name: request.POST.get(name, "")[:LONGEST].replace("\x00", "") for name in WISHES}
    key = request.POST.get("key", "")[:LONGEST].replace("\x00", "")
    if not key or asked["type"] not in SOLD_HERE:
        raise Http404
    back = f"{reverse('pricing')}?{_query(request)}"
    payer = acting_organization(request)
    # the page's key and all that is asked for, so that each of its buttons opens one checkout
    key = f"page:{hashlib.sha256(to_json([key, payer, asked])).hexdigest()}"

    def start() -> CheckoutSession:
        return services.start_checkout(user=person(request), organization_id=payer, key=key, **asked)

    session = trying(request, start)
    if session is None:
        return redirect(back)
    if session.status == CheckoutSession.Status.PAID:
        return redirect(f"{reverse('checkout_return')}?session={session.pk}")
    if session.status != CheckoutSession.Status.OPEN:
        messages.warning(request, "That page to pay on is closed. Choose again, and a new one opens.")
        return redirect(back)
    return redirect(f"{reverse('checkout_go')}?session={session.pk}")


def _query(request: HttpRequest) -> str:
    """The choice the reader had made, so that they come back to it."""
    back = request.POST.get("back", "")
    return back if len(back) < 200 and back.isprintable() and "#" not in back else ""


@require_GET
@login_required
@never_cache
def go(request: HttpRequest) -> HttpResponse:
    """On to the provider's page of a checkout."""
    session = session_or_404(request)
    if session.status != CheckoutSession.Status.OPEN or not session.checkout_url:
        return redirect(f"{reverse('checkout_return')}?session={session.pk}")
    return lead_to(request, session.checkout_url, provider_title(session.provider))


def session_or_404(request: HttpRequest) -> CheckoutSession:
    """The checkout that the address names, if the reader may see it."""
    try:
        session_id = uuid.UUID(request.GET.get("session", ""))
    except ValueError as error:
        raise Http404 from error
    return services.session_for(session_id, person(request).pk)


def provider_title(name: str) -> str:
    catalogue = orjson.loads(selectors.catalogue_body().body)
    return next((one["title"] for one in catalogue["providers"] if one["id"] == name), name.title())

"""One's plan: what it allows, what is used of it, and what can be done with it."""

import uuid
from typing import Any

import orjson
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from billing import providers, selectors, services, tiers
from billing.models import BillingPeriod, Customer, Plan, Subscription
from billing.page_tools import for_payers, lead_to, money, money_words, person, trying
from billing.pages_pricing import provider_title
from billing.plans import tier_of
from common.models import new_id


@require_GET
@login_required
@never_cache
@for_payers
def plan(request: HttpRequest, payer: uuid.UUID) -> HttpResponse:
    running = selectors.live_subscription(payer)
    tier = tier_of(payer)
    present = running.plan if running else Plan.objects.filter(name=tier.name).first()
    context = {
        "running": running,
        "plan": present,
        "tier": tier,
        "used": tiers.used(person(request).pk, payer),
        "price": money(request, running.amount, running.currency) if running and running.currency else "",
        "provider_title": provider_title(running.provider) if running and running.provider else "",
        "portal": has_portal(payer),
        "others": _others(request, running),
        "tries": _may_try(request, payer, running),
    }
    return render(request, "billing/plan.html", context)


def _may_try(request: HttpRequest, payer: uuid.UUID, running: Subscription | None) -> bool:
    own = payer == request.claims.organization_id  # type: ignore[attr-defined]
    return own and running is None and services.trial_is_open_to(person(request))


def _others(request: HttpRequest, running: Subscription | None) -> list[dict[str, Any]]:
    """What a subscription can go over to: plans, and its own plan by the other period."""
    if running is None or not running.renews or running.cancel_at_period_end or not _can_change(running):
        return []
    found = []
    for one in orjson.loads(selectors.catalogue_body().body)["plans"]:
        for price in one["prices"]:
            same = one["id"] == running.plan.name and price["billing_period"] == running.billing_period
            sold = price["type"] == "subscription" and running.provider in price["providers"]
            if sold and not same and price["amount"]["currency"] == running.currency:
                found.append(one | {"period": price["billing_period"], "price": money_words(request, price["amount"])})
    return found


def _can_change(running: Subscription) -> bool:
    return running.provider in providers.names() and "change_plan" in providers.get(running.provider).abilities


def has_portal(organization_id: uuid.UUID) -> bool:
    """Whether one of its providers has pages of its own for cards and papers."""
    names = set(Customer.objects.filter(organization_id=organization_id).values_list("provider", flat=True))
    return any(member.name in names and "portal" in member.abilities for member in providers.configured())


@require_GET
@login_required
@never_cache
@for_payers
def change(request: HttpRequest, payer: uuid.UUID) -> HttpResponse:
    """What going over to another plan would cost, before it is confirmed."""
    name, period = _target(request.GET)
    actor = person(request)
    shown = trying(
        request,
        lambda: services.preview_change(organization_id=payer, actor=actor, plan=name, billing_period=period),
    )
    if shown is None:
        return redirect("plan")
    due = shown["due_now"]
    running = selectors.live_subscription(payer)
    context = shown | {
        "running": running,
        "target": Plan.objects.get(name=name),
        "period": shown["billing_period"],
        "due": money(request, abs(due["amount_minor"]), due["currency"]),
        "is_credit": due["amount_minor"] < 0,
        "is_free": due["amount_minor"] == 0,
        "after": money_words(request, shown["next_amount"]),
        "provider_title": provider_title(running.provider) if running else "",
        "key": str(new_id()),
    }
    return render(request, "billing/plan_change.html", context)


@require_POST
@login_required
@for_payers
def confirm_change(request: HttpRequest, payer: uuid.UUID) -> HttpResponse:
    name, period = _target(request.POST)
    key = request.POST.get("key", "")[:64].replace("\x00", "")
    if not key:
        raise Http404
    changed = trying(
        request,
        lambda: services.change_plan(
            organization_id=payer, actor=person(request), plan=name, billing_period=period, key=f"page:{key}"
        ),
    )
    if changed is None:
        return redirect("plan")
    if changed.checkout_url:
        return lead_to(request, changed.checkout_url, provider_title(changed.subscription.provider))
    messages.success(request, f"Your plan is {changed.subscription.plan.title} now.")
    return redirect("plan")


def _target(given: Any) -> tuple[str, str]:
    name, period = given.get("plan", ""), given.get("period", "")
    if period not in {"", *BillingPeriod.values} or not name.isidentifier() or len(name) > 32:
        raise Http404
    return name, period


@require_POST
@login_required
@for_payers
def cancel(request: HttpRequest, payer: uuid.UUID) -> HttpResponse:
    """Lets it end with its period, or with `at_once` now."""
    at_once = request.POST.get("when") == "at_once"
    ended = trying(
        request,
        lambda: services.cancel_subscription(organization_id=payer, actor=person(request), at_once=at_once),
    )
    if ended:
        until = f"It ends on {ended.current_period_end:%-d %B %Y}. Until then it is yours."
        messages.success(request, "It has ended." if at_once else until)
    return redirect("plan")


@require_POST
@login_required
@for_payers
def resume(request: HttpRequest, payer: uuid.UUID) -> HttpResponse:
    actor = person(request)
    if trying(request, lambda: services.resume_subscription(organization_id=payer, actor=actor)):
        messages.success(request, "Good. It goes on as before.")
    return redirect("plan")


@require_POST
@login_required
def trial(request: HttpRequest) -> HttpResponse:
    """For one's own purse, whoever pays just now."""
    if begun := trying(request, lambda: services.start_trial(user=person(request))):
        messages.success(request, f"{begun.plan.title} is yours until {begun.current_period_end:%-d %B %Y}.")
        return redirect("plan")
    return redirect("pricing")


@require_POST
@login_required
@for_payers
def portal(request: HttpRequest, payer: uuid.UUID) -> HttpResponse:
    """The provider's own pages, for cards and papers."""
    back = request.build_absolute_uri(reverse("plan"))
    actor = person(request)
    address = trying(request, lambda: services.portal_url(organization_id=payer, actor=actor, return_url=back))
    return lead_to(request, address, "your payment service") if address else redirect("plan")

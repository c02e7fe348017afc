"""When a wallet fills itself up, and when its people are told that it runs low."""

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.forms import ProblemForm
from billing import services
from billing.models import Pack, Price, TopUp
from billing.money import from_major, to_major
from billing.page_tools import enter_gate, for_payers, money, person
from billing.providers.base import Provider
from billing.selectors.top_ups import top_up_of
from billing.services.top_ups import FAILURES, charged_this_month, keepers
from common.credits import LARGEST, PLACES
from common.errors import Problem
from common.rendering import credits_string

LARGEST_CAP = 10**9  # in major units


def _credits(label: str, help_text: str) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        help_text=help_text,
        min_value=0,
        max_value=LARGEST,
        max_digits=20,
        decimal_places=PLACES,
        widget=forms.TextInput({"inputmode": "decimal", "autocomplete": "off"}),
    )


class TopUpForm(ProblemForm):
    """`offer` is a pack with a price: `pack|provider|currency`."""

    low_balance_at = _credits("Tell me when fewer are left than", "Credits. 0: never.")
    enabled = forms.BooleanField(label="Buy a pack by itself", required=False)
    threshold = _credits("When fewer are left than", "Credits.")
    offer = forms.ChoiceField(label="Which pack", required=False)
    monthly_cap = forms.DecimalField(
        label="At most a month",
        help_text="In the pack's currency, for a month of the calendar (UTC).",
        required=False,
        min_value=0,
        max_value=LARGEST_CAP,
        max_digits=13,
        decimal_places=3,
        widget=forms.TextInput({"inputmode": "decimal", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, offers: list[tuple[str, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["offer"].choices = [("", "Choose a pack"), *offers]  # type: ignore[attr-defined]
        if not offers:
            for name in ("enabled", "threshold", "offer", "monthly_cap"):
                del self.fields[name]

    def add_problem(self, problem: Problem) -> None:
        """The service's names of fields are the API's."""
        if problem.errors:
            names = {"package_id": "offer", "provider": "offer", "currency": "offer"}
            problem.errors = {names.get(name, name): said for name, said in problem.errors.items()}
        super().add_problem(problem)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
@for_payers
def top_up(request: HttpRequest, payer: uuid.UUID) -> HttpResponse:
    row = top_up_of(payer)
    offers = _offers(request, keepers(payer))
    form = TopUpForm(request.POST or None, offers=offers, initial=_initial(row))
    if request.method != "POST" or not form.is_valid():
        return _show(request, row, form, status=400 if request.method == "POST" else 200)
    try:
        enter_gate(request)
        services.set_top_up(organization_id=payer, actor=person(request), **_wish(row, form.cleaned_data))
    except Problem as problem:
        form.add_problem(problem)
        return _show(request, row, form, status=problem.status)
    messages.success(request, "Noted. It holds from now on.")
    return redirect("top_up")


def _show(request: HttpRequest, row: TopUp, form: TopUpForm, status: int) -> HttpResponse:
    spent = charged_this_month(row.organization_id, row.currency) if row.currency else 0
    context = {
        "form": form,
        "row": row,
        "can_buy": "enabled" in form.fields,
        "charged": money(request, spent, row.currency) if row.currency else "",
        "cap": money(request, row.monthly_cap, row.currency) if row.currency else "",
        "has_switched_itself_off": not row.enabled and row.failures >= FAILURES,
    }
    return render(request, "billing/top_up.html", context, status=status)


def _initial(row: TopUp) -> dict[str, Any]:
    cap = to_major(row.monthly_cap, row.currency) if row.currency else None
    return {
        "low_balance_at": credits_string(row.low_balance_at),
        "enabled": row.enabled,
        "threshold": credits_string(row.threshold),
        "offer": f"{row.pack.name}|{row.provider}|{row.currency}" if row.pack else "",
        "monthly_cap": cap,
    }


def _offers(request: HttpRequest, members: list[Provider]) -> list[tuple[str, str]]:
    """Packs as they are sold by the providers that keep a card."""
    if not members:
        return []
    prices = Price.objects.filter(pack__is_active=True, is_active=True).select_related("pack")
    offers = []
    for member in members:
        sold = prices.filter(Q(provider="") | Q(provider=member.name))
        seen: set[tuple[Pack, str]] = set()
        for price in sold.order_by("pack__position", "currency", "-provider"):
            assert price.pack
            takes = member.currencies is None or price.currency in member.currencies
            if takes and (price.pack, price.currency) not in seen:
                seen.add((price.pack, price.currency))
                cost = money(request, price.amount, price.currency)
                words = f"{price.pack.title}: {cost}, with {member.title}"
                offers.append((f"{price.pack.name}|{member.name}|{price.currency}", words))
    return offers


def _wish(row: TopUp, asked: dict[str, Any]) -> dict[str, Any]:
    """For the service. Without a kept card only the notice is asked about, and the rest stays."""
    if "offer" not in asked:
        return {
            "enabled": False,
            "threshold": row.threshold,
            "low_balance_at": asked["low_balance_at"],
            "pack": row.pack.name if row.pack else "",
            "provider": row.provider,
            "monthly_cap": row.monthly_cap,
            "currency": row.currency,
        }
    pack, provider, currency = asked["offer"].split("|") if asked["offer"] else ("", "", "")
    cap = from_major(asked["monthly_cap"] or 0, currency) if currency else 0
    return {
        "enabled": asked["enabled"],
        "threshold": asked["threshold"],
        "low_balance_at": asked["low_balance_at"],
        "pack": pack,
        "provider": provider,
        "monthly_cap": cap,
        "currency": currency,
    }

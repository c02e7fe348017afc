"""Budgets in the web app: what may be spent, what is spent, and when it begins anew."""

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic import View

from accounts.models import ApiKey, Membership, User
from accounts.selectors import place_of
from accounts.selectors.organizations import MANAGERS, members_of
from billing import budgets, services
from billing.budget_forms import BudgetForm, LimitForm, Subjects
from billing.models import Budget
from common.errors import NotFound, Problem
from common.ratelimits import Gate

LISTED = 500  # budgets, and members to choose from
ORDER = [Budget.Scope.ORGANIZATION, Budget.Scope.MEMBER, Budget.Scope.KEY]


@method_decorator(never_cache, name="dispatch")
class BudgetsPage(LoginRequiredMixin, View):
    def get(self, request: HttpRequest, organization_id: uuid.UUID) -> HttpResponse:
        place = place_of(organization_id, _user_id(request))
        return _show(request, place, _form(place))

    def post(self, request: HttpRequest, organization_id: uuid.UUID) -> HttpResponse:
        place = place_of(organization_id, _user_id(request))
        budgets.require_manager(organization_id, _user_id(request))
        form = _form(place, request.POST)
        if not form.is_valid():
            return _show(request, place, form, status=400)
        try:
            _enter_gate(request)
            services.create_budget(organization_id=organization_id, actor=_person(request), **form.fields_for_service())
        except Problem as problem:
            form.add_problem(problem)
            return _show(request, place, form, status=problem.status)
        messages.success(request, "The budget holds from now on.")
        return redirect("organization_budgets", organization_id)


class BudgetAction(LoginRequiredMixin, View):
    """Changes a budget's limit, or with `remove` takes the budget away; then goes back to the page."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, organization_id: uuid.UUID, budget_id: uuid.UUID) -> HttpResponse:
        budget = budgets.budget_to_change(budget_id, _user_id(request))
        if budget.organization_id != organization_id:
            raise NotFound
        try:
            _enter_gate(request)
            self._act(request, budget_id)
        except Problem as problem:
            messages.error(request, problem.detail)
        return redirect("organization_budgets", organization_id)

    def _act(self, request: HttpRequest, budget_id: uuid.UUID) -> None:
        if "remove" in request.POST:
            services.delete_budget(budget_id=budget_id, actor=_person(request))
            messages.success(request, "The budget is gone. Nothing is refused by it any more.")
            return
        form = LimitForm(request.POST)
        if form.is_valid():
            services.change_budget(budget_id=budget_id, limit=form.cleaned_data["limit"], actor=_person(request))
            messages.success(request, "The limit is changed.")
        else:
            messages.error(request, "Give the limit as a number of credits. Nothing was changed.")


def _show(request: HttpRequest, place: Membership, form: BudgetForm, status: int = 200) -> HttpResponse:
    found = budgets.budgets_for(place.organization_id, place.user_id)[:LISTED]
    listed = sorted(found, key=lambda budget: (ORDER.index(Budget.Scope(budget.scope)), budget.pk))
    context: dict[str, Any] = {
        "organization": place.organization,
        "manages": place.role in MANAGERS,
        "budgets": [_shown(budget, _everybody(place)) for budget in listed],
        "form": form,
    }
    return render(request, "billing/budgets.html", context, status=status)


def _shown(budget: Budget, everybody: str) -> dict[str, Any]:
    data = budgets.budget_data(budget)
    words = "this month" if budget.period == Budget.Period.MONTH else "today"
    return data | {"name": _name(data) or everybody, "words": words}


def _name(data: dict[str, Any]) -> str | None:
    if member := data["member"]:
        return str(member["display_name"] or member["username"])
    if key := data["api_key"]:
        return f"Key “{key['name']}”" + (" (revoked)" if key["revoked"] else "")
    return None


def _form(place: Membership, data: Any = None) -> BudgetForm:
    if place.role not in MANAGERS:
        return BudgetForm(members=[], keys=[])
    members: Subjects = []
    if not place.personal:
        people = members_of(place.organization_id).order_by("pk")[:LISTED]
        members = [(one.user_id, one.user.display_name or one.user.username) for one in people]
    keys = ApiKey.objects.filter(organization=place.organization_id, revoked_at=None).order_by("-pk")
    return BudgetForm(
        data,
        members=members,
        keys=[(key.pk, f"{key.name} ({key.prefix}…)") for key in keys],
        everybody=_everybody(place),
    )


def _everybody(place: Membership) -> str:
    return "You and all your keys" if place.personal else "Everybody together"


def _user_id(request: HttpRequest) -> uuid.UUID:
    user_id: uuid.UUID = request.claims.user_id  # type: ignore[attr-defined]
    return user_id


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _enter_gate(request: HttpRequest) -> None:
    """Raises RateLimited."""
    Gate(who=str(_user_id(request)), preset="api", write=True).enter()

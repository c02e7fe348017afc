"""What people see of budgets, and who may change them."""

import uuid
from typing import Any

from django.db.models import Q, QuerySet

from accounts.models import User
from accounts.selectors import place_of, public_user_data
from accounts.selectors.organizations import MANAGERS
from billing.models import Budget
from billing.selectors import budget_fields
from common.errors import Forbidden, NotFound
from common.rendering import credits_string


def budgets_for(organization_id: uuid.UUID, user_id: uuid.UUID) -> QuerySet[Budget]:
    """All of an organisation's for its owners and admins; for a member those that bind them. Raises NotFound."""
    budgets = Budget.objects.filter(organization_id=organization_id).select_related("member", "api_key")
    if place_of(organization_id, user_id).role in MANAGERS:
        return budgets
    return budgets.filter(Q(scope=Budget.Scope.ORGANIZATION) | Q(member=user_id) | Q(api_key__user=user_id))


def require_manager(organization_id: uuid.UUID, user_id: uuid.UUID) -> None:
    """Raises NotFound for a stranger, Forbidden for a plain member."""
    if place_of(organization_id, user_id).role not in MANAGERS:
        raise Forbidden("Only owners and admins set budgets.")


def budget_to_change(budget_id: uuid.UUID, user_id: uuid.UUID) -> Budget:
    """Raises NotFound for who can't see it, Forbidden for whom it only binds."""
    organization_id = Budget.objects.filter(pk=budget_id).values_list("organization_id", flat=True).first()
    if organization_id is None:
        raise NotFound
    budget = budgets_for(organization_id, user_id).filter(pk=budget_id).first()
    if budget is None:
        raise NotFound
    require_manager(organization_id, user_id)
    return budget


def budget_data(budget: Budget) -> dict[str, Any]:
    """A budget as the API shows it."""
    return budget_fields(budget) | {
        "organization": budget.organization_id,
        "member": public_user_data(budget.member) if budget.member else None,
        "api_key": _key_data(budget) if budget.api_key else None,
        "resets_at": budget.resets_at,
        "created_at": budget.created_at,
    }


def _key_data(budget: Budget) -> dict[str, Any]:
    key = budget.api_key
    assert key
    return {"id": key.pk, "name": key.name, "prefix": key.prefix, "revoked": key.revoked_at is not None}


def monthly_budgets_of_keys(key_ids: list[uuid.UUID]) -> dict[uuid.UUID, dict[str, Any]]:
    """`budget, spent` of each key that has a limit for the month."""
    budgets = Budget.objects.filter(api_key__in=key_ids, period=Budget.Period.MONTH)
    return {
        budget.subject_id: {"budget": credits_string(budget.limit), "spent": credits_string(budget.spent_now)}
        for budget in budgets
    }


def export_budgets(user: User) -> list[dict[str, Any]]:
    """The budgets that were set for a person or for keys of theirs."""
    budgets = Budget.objects.filter(Q(member=user) | Q(api_key__user=user)).select_related("member", "api_key")
    return [budget_data(budget) for budget in budgets.order_by("pk")]

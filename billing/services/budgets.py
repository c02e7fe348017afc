"""What may be spent of an organisation's credits by one member, with one key, or by all together.

The ledger's statements count and refuse (`billing.statements`); here budgets are made, changed and removed.
"""

import uuid
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import ApiKey, Membership, User
from billing import statements
from billing.amounts import checked_amount
from billing.models import Budget, Wallet, period_start
from common import audit
from common.errors import Conflict, NotFound, ValidationProblem
from common.rendering import credits_string


@transaction.atomic
def create_budget(
    *,
    organization_id: uuid.UUID,
    scope: str,
    period: str,
    limit: Decimal | int | str,
    actor: User | None,
    member_id: uuid.UUID | None = None,
    api_key_id: uuid.UUID | None = None,
) -> Budget:
    """A limit that holds from now on; what the present day or month has seen already counts.

    Whether the actor (nobody, where the site itself does it) may is the caller's to ask. Raises ValidationProblem,
    NotFound without a wallet, Conflict where this member, key or organisation has a budget for the period.
    """
    limit = checked_amount(limit, zero=True)
    _check_subject(organization_id, scope, member_id, api_key_id)
    budget = Budget(
        organization_id=organization_id,
        scope=scope,
        member_id=member_id,
        api_key_id=api_key_id,
        period=period,
        limit=limit,
    )
    _open(budget)
    _record(budget, actor, "budget.create", data={"scope": scope, "period": period, "limit": credits_string(limit)})
    return budget


def _open(budget: Budget) -> None:
    # This locks the wallet: what was spent before is seen by the count below, what is spent later sees the budget.
    wallets = Wallet.objects.filter(organization_id=budget.organization_id)
    if not wallets.update(budgets_version=F("budgets_version") + 1):
        raise NotFound
    budget.period_start = period_start(budget.period, timezone.now())  # until the database's clock says so below
    try:
        with transaction.atomic():
            budget.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict("There is such a budget already. Change its limit instead.") from error
    row = statements.run(statements.COUNT_BUDGET, {"id": budget.pk})
    assert row
    budget.period_start, budget.spent = row


def _check_subject(
    organization_id: uuid.UUID, scope: str, member_id: uuid.UUID | None, api_key_id: uuid.UUID | None
) -> None:
    """Raises ValidationProblem unless exactly what the scope needs is given, and belongs to the organisation."""
    if member_id and scope != Budget.Scope.MEMBER:
        raise ValidationProblem(errors={"member": ["This goes with the scope member only."]})
    if api_key_id and scope != Budget.Scope.KEY:
        raise ValidationProblem(errors={"api_key": ["This goes with the scope key only."]})
    members = Membership.objects.filter(organization_id=organization_id)
    if scope == Budget.Scope.MEMBER and not (member_id and members.filter(user_id=member_id).exists()):
        raise ValidationProblem(errors={"member": ["Give the id of a person who is a member."]})
    keys = ApiKey.objects.filter(organization_id=organization_id, revoked_at=None)
    if scope == Budget.Scope.KEY and not (api_key_id and keys.filter(pk=api_key_id).exists()):
        raise ValidationProblem(errors={"api_key": ["Give the id of a key of this organisation."]})


@transaction.atomic
def change_budget(*, budget_id: uuid.UUID, limit: Decimal | int | str, actor: User, reason: str = "") -> Budget:
    """Sets another limit; below what is spent already it refuses until the period is over. Raises NotFound."""
    limit = checked_amount(limit, zero=True)
    budget = Budget.objects.select_for_update(no_key=True).filter(pk=budget_id).first()
    if budget is None:
        raise NotFound
    before, budget.limit = budget.limit, limit
    budget.save(update_fields=["limit", "updated_at"])
    _record(budget, actor, "budget.change", reason, {"before": credits_string(before), "after": credits_string(limit)})
    return budget


@transaction.atomic
def delete_budget(*, budget_id: uuid.UUID, actor: User, reason: str = "") -> None:
    """Nothing is counted or refused by it any more. Raises NotFound."""
    budget = Budget.objects.select_for_update().filter(pk=budget_id).first()
    if budget is None:
        raise NotFound
    _record(budget, actor, "budget.delete", reason, {"scope": budget.scope, "limit": credits_string(budget.limit)})
    budget.delete()


def _record(
    budget: Budget, actor: User | None, action: str, reason: str = "", data: dict[str, str] | None = None
) -> None:
    about = {"organization": str(budget.organization_id)}
    audit.record(actor=actor, action=action, target=budget, reason=reason, data=about | (data or {}))


def budget_of_key(api_key: ApiKey, limit: Decimal | None) -> None:
    """What a new key may spend a month, where whoever made it said so."""
    if limit is not None:
        create_budget(
            organization_id=api_key.organization_id,
            scope=Budget.Scope.KEY,
            period=Budget.Period.MONTH,
            limit=limit,
            actor=api_key.user,
            api_key_id=api_key.pk,
        )

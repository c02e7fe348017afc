"""Credits in, and credits out at once."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from django.db import transaction
from django.db.models import F

from billing import statements
from billing.amounts import checked_amount
from billing.announcements import announce
from billing.models import Budget, Entry, Kind, Wallet
from billing.selectors import budget_fields, entry_data, entry_fields
from common.errors import Conflict, Forbidden, NoCredits, NotFound
from common.models import new_id

Bucket = Literal["main", "bonus"]
Reference = Mapping[str, str]

# A statement that changed nothing is looked into and tried again where the reason has gone meanwhile: credits came in.
TRIES = 5


@dataclass(frozen=True, slots=True)
class SpendResult:
    """The entry as the contract shows it, and what both buckets had together after it."""

    entry: dict[str, Any]
    remaining: Decimal


def open_wallet(organization_id: uuid.UUID) -> None:
    """Gives the organisation its empty wallet, unless it has one."""
    Wallet.objects.bulk_create([Wallet(organization_id=organization_id)], ignore_conflicts=True)


def grant_free_messages(*, organization_id: uuid.UUID, count: int) -> None:
    """Adds free messages. Not repeatable: call it in the transaction that records why."""
    Wallet.objects.filter(organization_id=organization_id).update(
        free_messages=F("free_messages") + count, free_messages_granted=F("free_messages_granted") + count
    )


def grant_credits(
    *,
    organization_id: uuid.UUID,
    amount: Decimal | int | str,
    key: str,
    bucket: Bucket = "main",
    kind: str = Kind.GRANT,
    feature: str = "",
    reference: Reference | None = None,
    description: str = "",
) -> dict[str, Any]:
    """Puts `amount` into a bucket and returns the entry; a repeat of `key` returns the first one.

    Raises NotFound without a wallet, Conflict where the key stands for something else, ValidationProblem.
    """
    return _post(organization_id, checked_amount(amount), bucket, kind, key, feature, reference, description)


def adjust_credits(
    *, organization_id: uuid.UUID, amount: Decimal | int | str, key: str, description: str, bucket: Bucket = "main"
) -> dict[str, Any]:
    """Sets a bucket right by a signed `amount`. Raises as `grant_credits`, and NoCredits rather than go below zero."""
    checked = checked_amount(amount, signed=True)
    return _post(organization_id, checked, bucket, Kind.ADJUSTMENT, key, "", None, description)


def spend(
    *,
    organization_id: uuid.UUID,
    amount: Decimal | int | str,
    feature: str,
    reference: Reference | None = None,
    key: str | None = None,
    description: str = "",
    member_id: uuid.UUID | None = None,
    api_key_id: uuid.UUID | None = None,
) -> SpendResult:
    """Takes `amount` at once, bonus first; a repeat of `key` returns the first result.

    It counts to the budgets of the organisation, of the member who spends, and of the key they use. Raises NoCredits,
    Forbidden `BUDGET_EXCEEDED`, NotFound without a wallet, Conflict where the key stands for something else,
    ValidationProblem.
    """
    amount, entry_id = checked_amount(amount), new_id()
    about = _about(feature, reference, description)
    spender = {"member_id": member_id, "api_key_id": api_key_id}
    params = {
        "id": entry_id,
        "organization_id": organization_id,
        "amount": amount,
        "kind": Kind.SPEND.value,
        "key": key or f"spend:{entry_id}",
        **about,
        **spender,
    }
    for _ in range(TRIES):
        if row := statements.run_of(statements.TAKE, organization_id, params):
            announce(organization_id, row)
            return SpendResult(_entry_of(params, row), row[0] + row[1])
        if key and (first := _first(key, organization_id, Kind.SPEND, -amount)):
            return SpendResult(entry_data(first), first.balance_after)
        require_credits(organization_id, amount)
        require_budgets(organization_id, amount, **spender)
    raise too_busy()


@transaction.atomic
def take_back(
    *,
    organization_id: uuid.UUID,
    amount: Decimal,
    key: str,
    bonus_first: bool = False,
    feature: str = "",
    reference: Reference | None = None,
    description: str = "",
) -> Decimal:
    """Takes what is left of `amount`, at most that, by an adjustment of each bucket; returns how much it was.

    Call it once for a key, in the transaction that records why. Raises NotFound without a wallet.
    """
    wallet = Wallet.objects.select_for_update(no_key=True).filter(organization_id=organization_id).first()
    if wallet is None:
        raise NotFound
    left: list[tuple[Bucket, Decimal]] = [("main", wallet.balance), ("bonus", wallet.bonus_balance)]
    taken = Decimal(0)
    for bucket, has in reversed(left) if bonus_first else left:
        part = min(has, amount - taken)
        if part:
            _post(organization_id, -part, bucket, Kind.ADJUSTMENT, f"{key}:{bucket}", feature, reference, description)
            taken += part
    return taken


def expire(*, organization_id: uuid.UUID, amount: Decimal, key: str, feature: str, description: str) -> None:
    """Takes `amount` out of the bonus bucket: its time is over. Raises NoCredits, NotFound."""
    _post(organization_id, -amount, "bonus", Kind.EXPIRY, key, feature, None, description)


@transaction.atomic
def write_off(*, organization_id: uuid.UUID, feature: str, description: str) -> None:
    """Takes out whatever is left in both buckets, by an `expiry` entry each. An empty wallet stays as it is.

    Raises NotFound without a wallet.
    """
    wallet = Wallet.objects.select_for_update(no_key=True).filter(organization_id=organization_id).first()
    if wallet is None:
        raise NotFound
    left: dict[Bucket, Decimal] = {"main": wallet.balance, "bonus": wallet.bonus_balance}
    for bucket, amount in left.items():
        if amount:
            key = f"write-off:{wallet.pk}:{wallet.last_number}:{bucket}"
            _post(organization_id, -amount, bucket, Kind.EXPIRY, key, feature, None, description)


def require_credits(organization_id: uuid.UUID, amount: Decimal) -> None:
    """Raises NoCredits where the wallet has less, NotFound where there is none."""
    wallet = Wallet.objects.filter(organization_id=organization_id).first()
    if wallet is None:
        raise NotFound
    if wallet.budgets_version:
        statements.remember_budgets(organization_id)
    if wallet.total < amount:
        raise NoCredits(remaining_credits=wallet.total, required_credits=amount)


def require_budgets(
    organization_id: uuid.UUID, amount: Decimal, *, member_id: uuid.UUID | None, api_key_id: uuid.UUID | None
) -> None:
    """Raises Forbidden `BUDGET_EXCEEDED` for the first budget that has less left."""
    subjects = [subject for subject in (organization_id, member_id, api_key_id) if subject]
    for budget in Budget.objects.filter(organization_id=organization_id, subject_id__in=subjects).order_by("id"):
        if budget.spent_now + amount > budget.limit:
            raise Forbidden(
                "This would go over a budget. Nothing was charged.",
                code="BUDGET_EXCEEDED",
                budget=budget_fields(budget),
                resets_at=budget.resets_at,
            )


def too_busy() -> Conflict:
    return Conflict("This wallet is busy. Please try again.", retry_after=1)


def _post(
    organization_id: uuid.UUID,
    amount: Decimal,
    bucket: Bucket,
    kind: str,
    key: str,
    feature: str,
    reference: Reference | None,
    description: str,
) -> dict[str, Any]:
    params = {
        "id": new_id(),
        "organization_id": organization_id,
        "main": amount if bucket == "main" else Decimal(0),
        "bonus": amount if bucket == "bonus" else Decimal(0),
        "kind": str(kind),
        "key": key,
        **_about(feature, reference, description),
    }
    for _ in range(TRIES):
        if row := statements.run(statements.POST, params):
            announce(organization_id, row)
            return _entry_of(params, row)
        if first := _first(key, organization_id, kind, amount):
            return entry_data(first)
        _require_bucket(organization_id, bucket, -amount)
    raise too_busy()


def _require_bucket(organization_id: uuid.UUID, bucket: Bucket, amount: Decimal) -> None:
    wallet = Wallet.objects.filter(organization_id=organization_id).first()
    if wallet is None:
        raise NotFound
    has = wallet.balance if bucket == "main" else wallet.bonus_balance
    if has < amount:
        raise NoCredits(remaining_credits=has, required_credits=amount)


def _first(key: str, organization_id: uuid.UUID, kind: str, amount: Decimal) -> Entry | None:
    """The entry that `key` has made, if any. Raises Conflict where it is not this movement."""
    entry = Entry.objects.select_related("wallet").filter(key=key).first()
    if entry and (entry.wallet.organization_id, entry.kind, entry.amount) != (organization_id, kind, amount):
        raise Conflict("This key was used for something else.")
    return entry


def _about(feature: str, reference: Reference | None, description: str) -> dict[str, str]:
    return {"feature": feature, "description": description, **reference_fields(reference)}


def reference_fields(reference: Reference | None) -> dict[str, str]:
    if reference is None:
        return {"reference_type": "", "reference_id": ""}
    return {"reference_type": reference["type"], "reference_id": str(reference["id"])}


def _entry_of(params: Mapping[str, Any], row: tuple[Any, ...]) -> dict[str, Any]:
    balance, bonus_balance, _, _, _, main, bonus, created_at = row
    return entry_fields(
        params["id"],
        kind=params["kind"],
        main=main,
        bonus=bonus,
        balance_after=balance + bonus_balance,
        feature=params["feature"],
        reference=(params["reference_type"], params["reference_id"]),
        description=params["description"],
        created_at=created_at,
    )

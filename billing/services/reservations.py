"""Taking credits out before work starts."""

import uuid
from datetime import timedelta
from decimal import Decimal

from billing import statements
from billing.amounts import checked_amount
from billing.announcements import announce
from billing.models import Reservation, Status
from billing.services.credits import TRIES, Reference, reference_fields, require_budgets, require_credits, too_busy
from common.errors import Conflict
from common.models import new_id

MAX_DESCRIPTION = 500


def reserve(
    *,
    organization_id: uuid.UUID,
    amount: Decimal | int | str,
    feature: str,
    key: str,
    expires_in: timedelta,
    reference: Reference | None = None,
    free_message: bool = False,
    description: str = "",
    member_id: uuid.UUID | None = None,
    api_key_id: uuid.UUID | None = None,
) -> Reservation:
    """Takes `amount` out of the wallet, bonus first; with `free_message` one free message instead, if any is left.

    `description` stands on the entry, in words for whoever pays; what is over 500 characters is cut off. A repeat of
    `key` returns the reservation as it is by then. Unless it is captured or released within `expires_in`,
    a sweep gives everything back. Credits, not free messages, count to the budgets of the organisation, of the member
    who asks, and of the key they use; what goes back leaves them again while their period is the same. Raises
    NoCredits, Forbidden `BUDGET_EXCEEDED`, NotFound without a wallet, Conflict where the key stands for something else,
    ValidationProblem.
    """
    amount, reservation_id = checked_amount(amount), new_id()
    spender = {"member_id": member_id, "api_key_id": api_key_id}
    params = {
        "id": reservation_id,
        "organization_id": organization_id,
        "amount": amount,
        "free_message": free_message,
        "feature": feature,
        **reference_fields(reference),
        "description": description[:MAX_DESCRIPTION],
        "key": key,
        "expires_in": expires_in,
        "entry_id": new_id(),
        "entry_key": f"reserve:{reservation_id}",
        **spender,
    }
    for _ in range(TRIES):
        if row := statements.run_of(statements.RESERVE, organization_id, params):
            announce(organization_id, row)
            return _made(params, row)
        if first := _first(key, organization_id, amount):
            return first
        require_credits(organization_id, amount)
        require_budgets(organization_id, amount, **spender)
    raise too_busy()


def _first(key: str, organization_id: uuid.UUID, amount: Decimal) -> Reservation | None:
    reservation = Reservation.objects.select_related("wallet").filter(key=key).first()
    if reservation and (reservation.wallet.organization_id, reservation.amount) != (organization_id, amount):
        raise Conflict("This key was used for something else.")
    return reservation


def _made(params: dict, row: tuple) -> Reservation:
    wallet_id, main, bonus, free_messages, expires_at, created_at = row[5:]
    reservation = Reservation(
        id=params["id"],
        wallet_id=wallet_id,
        status=Status.HELD,
        amount=params["amount"],
        main=main,
        bonus=bonus,
        free_messages=free_messages,
        feature=params["feature"],
        reference_type=params["reference_type"],
        reference_id=params["reference_id"],
        key=params["key"],
        expires_at=expires_at,
        member_id=params["member_id"],
        api_key_id=params["api_key_id"],
        created_at=created_at,
        updated_at=created_at,
    )
    reservation._state.adding = False  # noqa: SLF001  # the row is there
    return reservation

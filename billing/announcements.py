"""`wallet.updated`: whoever may see a wallet hears of its change, once it is committed."""

import time
import uuid
from decimal import Decimal
from typing import Any

from accounts.models import Membership
from common.realtime import announce_on_commit

REMEMBERED_SECONDS = 15
REMEMBERED_AT_MOST = 10_000

_members: dict[uuid.UUID, tuple[float, list[uuid.UUID]]] = {}


def wallet_fields(
    organization_id: uuid.UUID, balance: Decimal, bonus_balance: Decimal, reserved: Decimal, free_messages: int
) -> dict[str, Any]:
    """A wallet as the contract shows it; credits are still Decimals."""
    return {
        "organization": organization_id,
        "balance": balance,
        "bonus_balance": bonus_balance,
        "reserved": reserved,
        "total": balance + bonus_balance,
        "free_messages": free_messages,
    }


def announce(organization_id: uuid.UUID, row: tuple[Any, ...]) -> None:
    """`row` begins with balance, bonus balance, reserved and free messages, as the ledger's statements return them."""
    data = wallet_fields(organization_id, *row[:4])
    for user_id in members_of(organization_id):
        announce_on_commit(f"user:{user_id}", "wallet.updated", data)


def members_of(organization_id: uuid.UUID) -> list[uuid.UUID]:
    """The organisation's people, remembered for a short while, so that a spend does not cost a query for them."""
    now = time.monotonic()
    known = _members.get(organization_id)
    if known and known[0] > now:
        return known[1]
    people = list(Membership.objects.filter(organization_id=organization_id).values_list("user_id", flat=True))
    if len(_members) >= REMEMBERED_AT_MOST:
        _members.clear()
    _members[organization_id] = (now + REMEMBERED_SECONDS, people)
    return people

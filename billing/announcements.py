"""`wallet.updated`: whoever may see a wallet hears of its change, once it is committed."""

import uuid
from decimal import Decimal
from typing import Any

from common.realtime import announce_on_commit


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
    """`row` begins as `statements.CHANGED` says: the wallet's four numbers, and its organisation's people."""
    data = wallet_fields(organization_id, *row[:4])
    for user_id in row[4]:
        announce_on_commit(f"user:{user_id}", "wallet.updated", data)

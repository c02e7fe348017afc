"""A person's own copy of their wallet, and what becomes of it when they leave for good."""

from collections.abc import Iterator
from typing import Any

from accounts import registry
from accounts.models import User
from accounts.registry import ExportFile, LongList
from accounts.selectors import personal_organization_id
from billing.models import Entry, Wallet
from billing.selectors import entry_data, wallet_data
from billing.services import write_off

AT_ONCE = 200


def register() -> None:
    registry.add_export_part(
        "wallet", read, size=size, says="Your credits, and every entry that moved them, the oldest first."
    )
    registry.on_account_anonymised(empty_wallet)


def size(user: User) -> int:
    return _wallet(user).last_number + 1


def read(user: User) -> Iterator[ExportFile]:
    wallet = _wallet(user)
    yield "wallet.json", wallet_data(wallet.organization_id)
    yield "entries.json", LongList({}, "entries", _entries(wallet))


def _wallet(user: User) -> Wallet:
    return Wallet.objects.get(organization_id=personal_organization_id(user.pk))


def _entries(wallet: Wallet) -> Iterator[dict[str, Any]]:
    number = 0
    while page := list(Entry.objects.filter(wallet=wallet, number__gt=number).order_by("number")[:AT_ONCE]):
        yield from (entry_data(entry) for entry in page)
        number = page[-1].number


def empty_wallet(user: User) -> None:
    """What is left is nobody's any more. It leaves the books by entries of its own, so they go on adding up."""
    write_off(
        organization_id=personal_organization_id(user.pk),
        feature="account_deleted",
        description="What was left in the wallet of a deleted account.",
    )

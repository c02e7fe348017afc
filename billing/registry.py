"""What higher floors sell through billing's checkout. They register in their `AppConfig.ready()`."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from billing.models import CheckoutSession, Payment


@dataclass(frozen=True)
class Quote:
    """What one thing costs, in minor units, and how it is called on the bill."""

    description: str
    amount: int
    currency: str


@dataclass(frozen=True)
class Purchase:
    """`quote` raises the problems of whoever may not buy it. `paid` and `taken_back` are called in the transaction that
    records the payment, or the whole of its refund or dispute; an error in them undoes it."""

    quote: Callable[[uuid.UUID, uuid.UUID, str], Quote]  # person's id, paying organisation's, the thing's
    paid: Callable[["CheckoutSession", "Payment"], None]
    taken_back: Callable[["CheckoutSession", "Payment"], None]


_purchases: dict[str, Purchase] = {}


def register_purchase(payment_type: str, purchase: Purchase) -> None:
    """`payment_type` is one of the contract's, such as `event_sponsorship`."""
    _purchases[payment_type] = purchase


def purchase_of(payment_type: str) -> Purchase | None:
    return _purchases.get(payment_type)


# --- what the ledger's lines lead to ----------------------------------------------------------------------------------

# (ids, reader's id) -> the address of each that the reader may see
ReferenceLinks = Callable[[list[str], uuid.UUID], dict[str, str]]
_reference_links: dict[str, ReferenceLinks] = {}


def register_reference(reference_type: str, links: ReferenceLinks) -> None:
    """Lines of the ledger that refer to this type (`entry.reference`) lead to where `links` says, by one query."""
    _reference_links[reference_type] = links


def reference_links(reference_type: str, ids: list[str], viewer_id: uuid.UUID) -> dict[str, str]:
    links = _reference_links.get(reference_type)
    return links(ids, viewer_id) if links else {}

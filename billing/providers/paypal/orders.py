"""Orders v2: what we send of one, and what we read in it and in its captures."""

import re
from typing import Any

from billing.providers.base import Charge, Order, Payer
from billing.providers.paypal.amounts import minor, moment, money

LONGEST_TEXT = 127  # spec
A_LOCALE = re.compile(r"[a-z]{2}(-[A-Z][a-z]{3})?(-[A-Z]{2})?")
PAID = {"COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"}


def body_of(order: Order) -> dict[str, Any]:
    """Our reference is `custom_id`, which comes back, and `invoice_id`: an account may forbid to pay one twice."""
    unit = {
        "reference_id": order.reference,
        "custom_id": order.reference,
        "invoice_id": order.reference,
        "description": order.description[:LONGEST_TEXT],
        "amount": money(order.amount, order.currency),
    }
    context = {
        "user_action": "PAY_NOW",
        "shipping_preference": "NO_SHIPPING",
        "return_url": order.success_url,
        "cancel_url": order.cancel_url,
        **locale_of(order.payer),
    }
    return {
        "intent": "CAPTURE",
        "purchase_units": [unit],
        "payment_source": {"paypal": {"experience_context": context}},
    }


def locale_of(payer: Payer) -> dict[str, str]:
    return {"locale": payer.locale} if A_LOCALE.fullmatch(payer.locale) else {}


def capture_of(order: dict[str, Any]) -> dict[str, Any] | None:
    """An order to capture has one at most (spec: "only one capture per order is allowed")."""
    captures = _payments(order).get("captures") or []
    return next((one for one in captures if one["status"] in PAID), captures[-1] if captures else None)


def order_id_of(capture: dict[str, Any]) -> str:
    """Named in `supplementary_data`, or by the link `up`."""
    named = ((capture.get("supplementary_data") or {}).get("related_ids") or {}).get("order_id")
    return str(named or linked_id(capture, "/checkout/orders/"))


def linked_id(thing: dict[str, Any], folder: str) -> str:
    """The id in the link `up` of a capture or a refund."""
    for link in thing.get("links") or ():
        address = str(link.get("href", ""))
        if link.get("rel") == "up" and folder in address:
            return address.rsplit("/", 1)[-1]
    return ""


def refunded_of(capture: dict[str, Any], order: dict[str, Any] | None) -> int:
    """What went back for good. The capture says whether something did, its order how much."""
    amount, _ = minor(capture["amount"])
    if capture["status"] == "REFUNDED":
        return amount
    refunds = _payments(order or {}).get("refunds") or []
    done = sum(minor(refund["amount"])[0] for refund in refunds if refund.get("status") == "COMPLETED")
    return min(done, amount)


def charge_of(capture: dict[str, Any], *, order_id: str, refunded: int, disputed: bool) -> Charge:
    """A capture that is PENDING is no money yet, though its order is COMPLETED (spec)."""
    amount, currency = minor(capture["amount"])
    is_paid = capture["status"] in PAID
    return Charge(
        intent_id=capture["id"],
        status="paid" if is_paid else "pending" if capture["status"] == "PENDING" else "failed",
        amount=amount,
        currency=currency,
        reference=capture.get("custom_id") or capture.get("invoice_id") or "",
        session_id=order_id,
        refunded=refunded,
        disputed=disputed,
        paid_at=moment(capture.get("create_time")) if is_paid else None,
    )


def _payments(order: dict[str, Any]) -> dict[str, Any]:
    units = order.get("purchase_units") or [{}]
    return units[0].get("payments") or {}

"""What a notification of PayPal concerns. Names of events and their resources: docs, "Webhook event names"."""

import re
from typing import Any

from billing.providers.base import About, Forged, Notice
from billing.providers.paypal.orders import linked_id

AN_ID = re.compile(r"[A-Z0-9-]{3,50}")


def notice_of(event: dict[str, Any]) -> Notice:
    """`event` is signed as a whole. Raises Forged for one without an id or a type: PayPal sends none such."""
    event_id, kind = event.get("id"), event.get("event_type")
    if not isinstance(event_id, str) or not 0 < len(event_id) <= 255 or not isinstance(kind, str) or not kind:
        raise Forged("it has no id or no type")
    resource = event.get("resource")
    about = _about(kind, resource) if isinstance(resource, dict) else ()
    return Notice(event_id, kind[:120], about)


def _about(kind: str, resource: dict[str, Any]) -> tuple[About, ...]:
    if kind.startswith("CHECKOUT.ORDER."):
        return _one("checkout", resource.get("id"))
    if kind.startswith("BILLING.SUBSCRIPTION."):
        return _one("subscription", resource.get("id"))
    if kind.startswith("CUSTOMER.DISPUTE."):
        disputed = resource.get("disputed_transactions")
        found = [one for one in disputed if isinstance(one, dict)] if isinstance(disputed, list) else []
        return tuple(about for one in found[:20] for about in _one("charge", one.get("seller_transaction_id")))
    if kind in {"PAYMENT.CAPTURE.REFUNDED", "PAYMENT.CAPTURE.REVERSED"}:
        # the resource is the refund: it names its capture in a link, and carries what the capture carries
        return _one("charge", linked_id(resource, "/payments/captures/")) or _one_reference(resource.get("custom_id"))
    if kind.startswith("PAYMENT.CAPTURE."):
        return _one("charge", resource.get("id"))
    if kind in {"PAYMENT.SALE.REFUNDED", "PAYMENT.SALE.REVERSED"}:
        return _one("charge", resource.get("sale_id") or resource.get("id"))
    if kind.startswith("PAYMENT.SALE."):
        return _one("subscription", resource.get("billing_agreement_id")) or _one("charge", resource.get("id"))
    return ()


def _one(what: Any, found: Any) -> tuple[About, ...]:
    return (About(what, found),) if isinstance(found, str) and AN_ID.fullmatch(found) else ()


def _one_reference(found: Any) -> tuple[About, ...]:
    return (About("reference", found),) if isinstance(found, str) and 0 < len(found) <= 36 else ()

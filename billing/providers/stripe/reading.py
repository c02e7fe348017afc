"""How Stripe's objects (plain dicts, shapes of 2026-05-27.dahlia) are read in the family's words."""

from datetime import UTC, datetime
from typing import Any, Literal, cast

from billing.providers.base import Charge, Period, PlanChange, Proration, SubscriptionState
from billing.providers.stripe.amounts import from_stripe

# those in which money is held back or gone; a `warning_…` is a question only, and holds nothing back
CONTESTED = frozenset({"needs_response", "under_review", "lost"})

SubscriptionStatus = Literal["incomplete", "trialing", "active", "past_due", "cancelled", "expired"]
# unpaid and paused can come to life again, as past due can: the days of grace end them here
SUBSCRIPTION_STATUS: dict[str, SubscriptionStatus] = {
    "incomplete": "incomplete",
    "incomplete_expired": "expired",
    "trialing": "trialing",
    "active": "active",
    "past_due": "past_due",
    "unpaid": "past_due",
    "paused": "past_due",
    "canceled": "cancelled",
}


def id_of(field: Any) -> str:
    """Of something that may be expanded: an id, an object, or nothing."""
    return str((field.get("id") if isinstance(field, dict) else field) or "")


def moment(seconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def checkout_status(session: dict[str, Any]) -> Literal["open", "paid", "failed", "expired"]:
    """A session is complete before a slow payment (a bank's debit) has come in or failed: docs on `payment_status`."""
    if session["status"] != "complete":
        return "expired" if session["status"] == "expired" else "open"
    if session["payment_status"] in ("paid", "no_payment_required"):
        return "paid"
    intent = session.get("payment_intent")
    return "failed" if isinstance(intent, dict) and charge_status(intent) == "failed" else "open"


def charge_status(intent: dict[str, Any]) -> Literal["pending", "paid", "failed"]:
    """An intent whose card was declined goes back to `requires_payment_method` and waits for another."""
    if intent["status"] == "succeeded":
        return "paid"
    declined = intent["status"] == "requires_payment_method" and intent["last_payment_error"]
    return "failed" if declined or intent["status"] == "canceled" else "pending"


def charge(intent: dict[str, Any], disputed: bool) -> Charge:
    """`intent` has its `latest_charge` expanded. Only a card that may be charged again has a `method_id`."""
    taken = intent.get("latest_charge") or {}
    status = charge_status(intent)
    currency = intent["currency"]
    return Charge(
        intent_id=intent["id"],
        status=status,
        amount=from_stripe(intent["amount_received"] if status == "paid" else intent["amount"], currency),
        currency=currency.upper(),
        reference=intent["metadata"].get("reference", ""),
        refunded=from_stripe(taken.get("amount_refunded", 0), currency),
        disputed=disputed,
        paid_at=moment(taken.get("created")) if status == "paid" else None,
        customer_id=id_of(intent["customer"]),
        method_id=id_of(intent["payment_method"]) if intent["setup_future_usage"] == "off_session" else "",
    )


def charge_of_invoice(intent: dict[str, Any], invoice: dict[str, Any], disputed: bool) -> Charge:
    """The reference is that of the order which began the subscription, and stands on its first charge alone."""
    plain = charge(intent, disputed)
    details = subscription_details(invoice)
    start, end = _period(invoice)
    first = invoice["billing_reason"] == "subscription_create"
    return Charge(
        intent_id=plain.intent_id,
        status=plain.status,
        amount=plain.amount,
        currency=plain.currency,
        reference=(details.get("metadata") or {}).get("reference", "") if first else "",
        subscription_id=id_of(details.get("subscription")),
        refunded=plain.refunded,
        disputed=plain.disputed,
        paid_at=plain.paid_at,
        period_start=start,
        period_end=end,
        customer_id=plain.customer_id,
        method_id=id_of(intent["payment_method"]) if details else plain.method_id,
    )


def charge_without_intent(taken: dict[str, Any], disputed: bool) -> Charge:
    paid = taken["status"] == "succeeded"
    return Charge(
        intent_id=taken["id"],
        status="paid" if paid else "failed" if taken["status"] == "failed" else "pending",
        amount=from_stripe(taken["amount"], taken["currency"]),
        currency=taken["currency"].upper(),
        reference=taken["metadata"].get("reference", ""),
        refunded=from_stripe(taken["amount_refunded"], taken["currency"]),
        disputed=disputed,
        paid_at=moment(taken["created"]) if paid else None,
        customer_id=id_of(taken["customer"]),
    )


def subscription_details(invoice: dict[str, Any]) -> dict[str, Any]:
    """Where an invoice says which subscription it is of, since 2025-03-31.basil."""
    parent = invoice.get("parent")
    details = parent.get("subscription_details") if isinstance(parent, dict) else None
    return details if isinstance(details, dict) else {}


def intent_of_invoice(invoice: dict[str, Any]) -> str:
    """The intent that paid it, or is to; an empty string where there was nothing to pay."""
    payments = [row for row in invoice["payments"]["data"] if row["payment"].get("payment_intent")]
    paid = [row for row in payments if row["status"] == "paid"]
    default = [row for row in payments if row["is_default"]]
    chosen = next(iter(paid or default or payments), None)
    return id_of(chosen["payment"]["payment_intent"]) if chosen else ""


def _period(invoice: dict[str, Any]) -> tuple[datetime | None, datetime | None]:
    """What was paid for. The invoice's own period is that of the usage before it; its lines tell the time ahead."""
    lines = [line["period"] for line in invoice["lines"]["data"]]
    last = max(lines, key=lambda period: int(period["end"]), default=None)
    return (moment(last["start"]), moment(last["end"])) if last else (None, None)


def paid_until(invoices: list[dict[str, Any]]) -> datetime | None:
    """By what was bought on paid invoices. One that the payer's balance covers is paid without any intent."""
    lines = [line for invoice in invoices if invoice["status"] == "paid" for line in invoice["lines"]["data"]]
    return moment(max((line["period"]["end"] for line in lines if line["amount"] > 0), default=None))


def subscription(
    found: dict[str, Any], charges: tuple[Charge, ...], paid_until: datetime | None = None
) -> SubscriptionState:
    """Its period stands on its items, since 2025-03-31.basil."""
    item = found["items"]["data"][0]
    price = item["price"]
    return SubscriptionState(
        subscription_id=found["id"],
        status=SUBSCRIPTION_STATUS.get(found["status"], "expired"),
        amount=from_stripe((price["unit_amount"] or 0) * (item["quantity"] or 1), price["currency"]),
        currency=price["currency"].upper(),
        every=cast("Period", price["recurring"]["interval"]),
        period_start=datetime.fromtimestamp(item["current_period_start"], UTC),
        period_end=datetime.fromtimestamp(item["current_period_end"], UTC),
        cancel_at_period_end=bool(found["cancel_at_period_end"] or found["cancel_at"]),
        price_ref=price["id"],
        reference=found["metadata"].get("reference", ""),
        customer_id=id_of(found["customer"]),
        charges=charges,
        paid_until=paid_until,
    )


def runs_on(found: dict[str, Any], change: PlanChange) -> bool:
    """Whether the change was made already."""
    now = subscription(found, ())
    if change.price_ref:
        return now.price_ref == change.price_ref
    return (now.amount, now.currency, now.every) == (change.amount, change.currency, change.every)


def proration(invoice: dict[str, Any], found: dict[str, Any], change: PlanChange) -> Proration:
    """A total below zero goes to the payer's balance at Stripe; what stands there lowers what is due."""
    currency = invoice["currency"]
    due = invoice["total"] if invoice["total"] < 0 else invoice["amount_due"]
    _, until = _period(invoice)
    return Proration(
        due_now=from_stripe(due, currency),
        next_amount=change.amount,
        currency=currency.upper(),
        next_at=until or subscription(found, ()).period_end,
    )

"""PayPal as the family asks it. Facts are from PayPal's OpenAPI files ("spec") and developer.paypal.com ("docs").

A charge's `intent_id` is a capture's id, or of a subscription's payment the transaction's (PayPal calls it a sale).
"""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import structlog

from billing.providers.base import (
    Charge,
    Checkout,
    CheckoutState,
    Incoming,
    Limited,
    Notice,
    Order,
    ProviderError,
    RefundOrder,
    RefundState,
    SubscriptionState,
)
from billing.providers.paypal import orders
from billing.providers.paypal.amounts import CURRENCIES, minor, moment, money, value
from billing.providers.paypal.api import Api, approval_url, in_path, issue_of, object_of
from billing.providers.paypal.books import Books, initiated_at
from billing.providers.paypal.events import notice_of
from billing.providers.paypal.signature import Signatures
from billing.providers.paypal.subscriptions import Subscriptions

log = structlog.get_logger(__name__)

AN_ID = re.compile(r"[A-Z0-9]{1,40}")
A_SUBSCRIPTION = "I-"
# spec: the payer may agree once more, with another card, at the same address
STILL_OPEN = {"ORDER_NOT_APPROVED", "INSTRUMENT_DECLINED", "PAYER_ACTION_REQUIRED"}
CAPTURED = {"ORDER_ALREADY_CAPTURED", "ORDER_COMPLETED_OR_VOIDED"}
PAYMENT_CODES = {"T0002", "T0006"}  # docs, "Transaction event codes": subscriptions, and PayPal Checkout


class PayPal(Limited):
    name = "paypal"
    title = "PayPal"
    abilities = frozenset({"subscribe", "list_charges", "partial_refund"})
    currencies = CURRENCIES

    def __init__(self, block: dict[str, Any]) -> None:
        self._api = Api(block)
        self._books = Books(self._api)
        self._subscriptions = Subscriptions(self._api, self._books, f"{block['BASE_URL']}|{block['CLIENT_ID']}")
        self._signatures = Signatures(block)

    # --- checkouts and charges ---

    def create_checkout(self, order: Order) -> Checkout:
        """No money moves before our capture, so of two orders of one reference at most that one is paid which our
        checkout names. The key makes a repeat the same order for six hours (spec)."""
        if order.every:
            return self._subscriptions.begin(order)
        body = orders.body_of(order)
        answer = self._api.json("POST", "/v2/checkout/orders", key=f"order-{order.reference}", json=body)
        return Checkout(answer["id"], approval_url(answer))

    def read_checkout(self, session_id: str, reference: str) -> CheckoutState:
        """Captures an order that its payer has approved."""
        if session_id.startswith(A_SUBSCRIPTION):
            return self._subscriptions.read_checkout(session_id)
        order = self._order(session_id)
        if order and order["status"] == "APPROVED":
            order, issue = self._capture(session_id)
            if issue:
                return CheckoutState("open" if issue in STILL_OPEN else "failed")
        if order is None or order["status"] == "VOIDED":
            return CheckoutState("expired")
        capture = orders.capture_of(order)
        if capture is None:
            return CheckoutState("open")
        charge = self._charge(capture, session_id, order)
        return CheckoutState("open" if charge.status == "pending" else charge.status, charge)

    def _order(self, order_id: str) -> dict[str, Any] | None:
        """None: never made, or over (docs: one that nobody approves is forgotten after some hours)."""
        return self._api.get(f"/v2/checkout/orders/{in_path(order_id)}") if AN_ID.fullmatch(order_id) else None

    def _capture(self, order_id: str) -> tuple[dict[str, Any] | None, str]:
        """The order afterwards, and why it was refused if it was. An order is captured once at most (spec)."""
        path = f"/v2/checkout/orders/{in_path(order_id)}/capture"
        response = self._api.call("POST", path, key=f"capture-{order_id}", json={}, expect=(422,))
        if response.status_code != 422:
            return object_of(response), ""
        issue = issue_of(response) or "UNKNOWN"
        if issue in CAPTURED:
            return self._order(order_id), ""
        log.warning("paypal did not capture", order=order_id, issue=issue)
        return None, issue

    def read_charge(self, intent_id: str) -> Charge | None:
        if not AN_ID.fullmatch(intent_id):
            return None
        capture = self._api.get(f"/v2/payments/captures/{in_path(intent_id)}")
        if capture is None:
            return self._sale(intent_id)
        return self._charge(capture, orders.order_id_of(capture), None)

    def _charge(self, capture: dict[str, Any], order_id: str, order: dict[str, Any] | None) -> Charge:
        """Raises ProviderError where a part went back and PayPal does not say how much."""
        if capture["status"] == "PARTIALLY_REFUNDED" and order is None:
            order = self._order(order_id)
            if order is None:
                raise ProviderError(f"paypal shows no order of {capture['id']}", permanent=False)
        return orders.charge_of(
            capture,
            order_id=order_id,
            refunded=orders.refunded_of(capture, order),
            disputed=capture["status"] in orders.PAID and self._books.is_disputed(capture["id"]),
        )

    def _sale(self, sale_id: str) -> Charge | None:
        """A subscription's payment, which v2 may not know (people report so); spec: `GET /v1/payments/sale/{id}`."""
        sale = self._api.get(f"/v1/payments/sale/{in_path(sale_id)}")
        if sale is None:
            return None
        amount, currency = minor(sale["amount"])
        state, at = sale["state"], moment(sale.get("create_time")) or datetime.now(UTC)
        is_paid = state in {"completed", "partially_refunded", "refunded"}
        return Charge(
            intent_id=sale["id"],
            status="paid" if is_paid else "pending" if state == "pending" else "failed",
            amount=amount,
            currency=currency,
            subscription_id=sale.get("billing_agreement_id", ""),
            refunded=self._subscriptions.refunded(state, amount, sale["id"], at),
            disputed=is_paid and self._books.is_disputed(sale["id"]),
            paid_at=at if is_paid else None,
        )

    # --- refunds ---

    def refund(self, order: RefundOrder) -> RefundState:
        """The key makes a repeat the same refund for 45 days, of a sale for 30 (spec)."""
        path = f"/v2/payments/captures/{in_path(order.intent_id)}/refund"
        body = {"amount": money(order.amount, order.currency)}
        response = self._api.call("POST", path, key=order.key, json=body, expect=(404,))
        if response.status_code == 404:
            total = {"total": value(order.amount, order.currency), "currency": order.currency}
            path = f"/v1/payments/sale/{in_path(order.intent_id)}/refund"
            response = self._api.call("POST", path, key=order.key, json={"amount": total})
        refund = object_of(response)
        said = str(refund.get("status") or refund.get("state")).upper()
        if said == "COMPLETED":
            return RefundState(refund["id"], "succeeded")
        return RefundState(refund["id"], "pending" if said == "PENDING" else "failed")

    # --- notifications ---

    def verify(self, incoming: Incoming) -> Notice:
        return notice_of(self._signatures.checked(incoming))

    # --- subscriptions ---

    def read_subscription(self, subscription_id: str) -> SubscriptionState | None:
        return self._subscriptions.read(subscription_id)

    def cancel_subscription(self, subscription_id: str, *, at_period_end: bool) -> None:
        self._subscriptions.cancel(subscription_id, at_period_end=at_period_end)

    def resume_subscription(self, subscription_id: str) -> None:
        self._subscriptions.resume(subscription_id)

    # --- the list of a day ---

    def list_charges(self, day: date) -> Iterable[Charge]:
        """From the account's list of transactions, up to three hours late (spec)."""
        since = datetime.combine(day, time.min, UTC)
        for info in self._books.transactions(since, since + timedelta(days=1, seconds=-1)):
            if info.get("transaction_event_code") in PAYMENT_CODES and minor(info["transaction_amount"])[0] > 0:
                yield _listed(info)


def _listed(info: dict[str, Any]) -> Charge:
    """Spec: `S` succeeded, `P` pending, `D` denied, `V` succeeded and went back as a whole."""
    amount, currency = minor(info["transaction_amount"])
    said = info.get("transaction_status")
    is_paid = said in {"S", "V"}
    of_subscription = info.get("paypal_reference_id_type") == "SUB"
    return Charge(
        intent_id=info["transaction_id"],
        status="paid" if is_paid else "pending" if said == "P" else "failed",
        amount=amount,
        currency=currency,
        reference=info.get("custom_field") or info.get("invoice_id") or "",
        subscription_id=info.get("paypal_reference_id", "") if of_subscription else "",
        refunded=amount if said == "V" else 0,
        paid_at=initiated_at(info) if is_paid else None,
    )

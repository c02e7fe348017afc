"""PayPal's subscriptions, for its stand-in. A subscription's payments are sales of the older API, as with the real one.

The next period begins when a test says so: what it brings bears a time to come.
"""

import copy
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from dateutil.relativedelta import relativedelta

from tests.standins.payments import Answer, Asked, Route

UNITS = {"MONTH": relativedelta(months=1), "YEAR": relativedelta(years=1)}


class Plans:
    """The part of `PayPalServer` that knows of plans."""

    base_url: str
    lock: Any
    check_money: Any
    check_context: Any
    note: Any
    tell: Any
    refuse: Any

    def __init__(self) -> None:
        self.products: dict[str, dict[str, Any]] = {}
        self.plans: dict[str, dict[str, Any]] = {}
        self.subscriptions: dict[str, dict[str, Any]] = {}
        self.sales: dict[str, dict[str, Any]] = {}
        super().__init__()

    def plan_routes(self, once: Callable[..., Any]) -> list[Route]:
        one = "/v1/billing/subscriptions/([A-Z0-9-]+)"
        return [
            ("POST", "/v1/catalogs/products", once(self._product)),
            ("POST", "/v1/billing/plans", once(self._plan)),
            ("POST", "/v1/billing/subscriptions", once(self._subscription)),
            ("GET", one, self._read_subscription),
            ("GET", f"{one}/transactions", self._transactions),
            ("POST", f"{one}/cancel", once(self._acts("CANCELLED", {"ACTIVE", "SUSPENDED"}))),
            ("POST", f"{one}/suspend", once(self._acts("SUSPENDED", {"ACTIVE"}))),
            ("POST", f"{one}/activate", once(self._acts("ACTIVE", {"SUSPENDED"}))),
            ("GET", "/v1/payments/sale/([A-Z0-9]+)", self._sale),
            ("POST", "/v1/payments/sale/([A-Z0-9]+)/refund", once(self._refund_sale)),
        ]

    # --- the API ---

    def _product(self, body: dict[str, Any]) -> dict[str, Any]:
        product_id = body.get("id") or f"PROD-{_name(17)}"
        if not 6 <= len(product_id) <= 50 or not 0 < len(body.get("name", "")) <= 127:
            raise self.refuse(400, "INVALID_STRING_LENGTH")
        if body.get("type") not in {"PHYSICAL", "DIGITAL", "SERVICE"}:
            raise self.refuse(400, "INVALID_PARAMETER_VALUE")
        if product_id in self.products:
            raise self.refuse(422, "DUPLICATE_RESOURCE_IDENTIFIER")
        self.products[product_id] = {"id": product_id, **body}
        return self.products[product_id]

    def _plan(self, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("product_id") not in self.products:
            raise self.refuse(404, "INVALID_RESOURCE_ID")
        if not 0 < len(body.get("name", "")) <= 127 or "payment_preferences" not in body:
            raise self.refuse(400, "MISSING_REQUIRED_PARAMETER")
        (cycle,) = body["billing_cycles"]
        if cycle["frequency"]["interval_unit"] not in UNITS or cycle["sequence"] != 1:
            raise self.refuse(400, "INVALID_PARAMETER_VALUE")
        self.check_money(cycle["pricing_scheme"]["fixed_price"])
        plan = {"id": f"P-{_name(24)}", **body}
        self.plans[plan["id"]] = plan
        return plan

    def _subscription(self, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("plan_id") not in self.plans:
            raise self.refuse(404, "INVALID_RESOURCE_ID")
        if not re.fullmatch(r"[\x20-\x7E]{1,127}", body.get("custom_id", "")):
            raise self.refuse(400, "INVALID_PARAMETER_SYNTAX")
        if "@" not in body["subscriber"]["email_address"]:
            raise self.refuse(400, "INVALID_PARAMETER_SYNTAX")
        self.check_context(body.get("application_context") or {}, "SUBSCRIBE_NOW")
        subscription_id = f"I-{_name(12)}"
        link = f"{self.base_url}/webapps/billing/subscriptions?ba_token={subscription_id}"
        self.subscriptions[subscription_id] = {
            "id": subscription_id,
            "plan_id": body["plan_id"],
            "custom_id": body["custom_id"],
            "status": "APPROVAL_PENDING",
            "start_time": _stamp(),
            "links": [{"href": link, "rel": "approve", "method": "GET"}],
            "transactions": [],
        }
        return self._shown(subscription_id)

    def _shown(self, subscription_id: str) -> dict[str, Any]:
        found = copy.deepcopy(self.subscriptions[subscription_id])
        del found["transactions"]
        return found

    def _read_subscription(self, asked: Asked, subscription_id: str) -> Any:
        if subscription_id not in self.subscriptions:
            return _missing()
        found = self._shown(subscription_id)
        if "plan" in asked.query.get("fields", ""):
            found["plan"] = copy.deepcopy(self.plans[found["plan_id"]])
        return found

    def _transactions(self, asked: Asked, subscription_id: str) -> Any:
        if subscription_id not in self.subscriptions:
            return _missing()
        try:
            since, until = (datetime.fromisoformat(asked.query[name]) for name in ("start_time", "end_time"))
        except (KeyError, ValueError):
            return Answer(400, {"name": "INVALID_REQUEST", "details": [{"issue": "MISSING_REQUIRED_PARAMETER"}]})
        found = [one for one in self.subscriptions[subscription_id]["transactions"] if since <= _moment(one["time"])]
        return {"transactions": copy.deepcopy(found) if until >= datetime.now(UTC) else []}

    def _acts(self, status: str, of: set[str]) -> Callable[..., None]:
        def act(body: dict[str, Any], subscription_id: str) -> None:
            if subscription_id not in self.subscriptions:
                raise self.refuse(404, "INVALID_RESOURCE_ID")
            if not 0 < len(body.get("reason", "")) <= 128:
                raise self.refuse(400, "MISSING_REQUIRED_PARAMETER")
            subscription = self.subscriptions[subscription_id]
            if subscription["status"] not in of:
                raise self.refuse(422, "SUBSCRIPTION_STATUS_INVALID")
            self._becomes(subscription_id, status, body["reason"])

        return act

    def _becomes(self, subscription_id: str, status: str, note: str = "") -> None:
        subscription = self.subscriptions[subscription_id]
        subscription |= {"status": status, "status_update_time": _stamp()}
        subscription.pop("status_change_note", None)
        if note:
            subscription["status_change_note"] = note
        kind = "ACTIVATED" if status == "ACTIVE" else status
        self.tell(f"BILLING.SUBSCRIPTION.{kind}", "subscription", self._shown(subscription_id))

    def _sale(self, asked: Asked, sale_id: str) -> Any:
        return copy.deepcopy(self.sales[sale_id]) if sale_id in self.sales else _missing()

    def _refund_sale(self, body: dict[str, Any], sale_id: str) -> dict[str, Any]:
        sale = self.sales.get(sale_id)
        if sale is None:
            raise self.refuse(404, "INVALID_RESOURCE_ID")
        left = Decimal(sale["amount"]["total"]) - Decimal(sale["refunded"])
        amount = body.get("amount") or {"total": str(left), "currency": sale["amount"]["currency"]}
        if amount["currency"] != sale["amount"]["currency"] or not 0 < Decimal(amount["total"]) <= left:
            raise self.refuse(400, "TRANSACTION_REFUSED")
        sale["refunded"] = str(Decimal(sale["refunded"]) + Decimal(amount["total"]))
        whole = Decimal(sale["refunded"]) == Decimal(sale["amount"]["total"])
        sale["state"] = "refunded" if whole else "partially_refunded"
        transactions = self.subscriptions[sale["billing_agreement_id"]]["transactions"]
        next(one for one in transactions if one["id"] == sale_id)["status"] = sale["state"].upper()
        refund = {"id": _name(17), "sale_id": sale_id, "state": "completed", "amount": amount}
        money = {"currency_code": amount["currency"], "value": f"-{amount['total']}"}
        self.note("T1107", refund["id"], money, paypal_reference_id=sale_id, paypal_reference_id_type="TXN")
        self.tell("PAYMENT.SALE.REFUNDED", "refund", refund)
        return refund

    # --- the payer's side ---

    def payable_plans(self, reference: str) -> int:
        mine = [one for one in self.subscriptions.values() if one["custom_id"] == reference]
        return sum(1 for one in mine if one["status"] == "APPROVAL_PENDING")

    def subscribe(self, subscription_id: str) -> None:
        if self.subscriptions[subscription_id]["status"] == "APPROVAL_PENDING":
            self.subscriptions[subscription_id]["billing_info"] = {"failed_payments_count": 0}
            self._becomes(subscription_id, "ACTIVE")
            self._charge(subscription_id)

    def agree_without_paying(self, subscription_id: str) -> None:
        """ACTIVE, and its first payment is still on its way."""
        with self.lock:
            self._becomes(subscription_id, "ACTIVE")

    def renew(self, subscription_id: str, paid: bool = True) -> None:
        with self.lock:
            self._charge(subscription_id, paid=paid)

    def fail_renewal(self, subscription_id: str) -> None:
        self.renew(subscription_id, paid=False)

    def cancel(self, subscription_id: str) -> None:
        """The payer ends it at PayPal."""
        with self.lock:
            self._becomes(subscription_id, "CANCELLED")

    def age(self, subscription_id: str, by: timedelta) -> None:
        """Everything about it happened longer ago."""
        subscription = self.subscriptions[subscription_id]
        subscription["start_time"] = _stamp(_moment(subscription["start_time"]) - by)
        for transaction in subscription["transactions"]:
            transaction["time"] = _stamp(_moment(transaction["time"]) - by)

    def refund_sale_there(self, sale_id: str, amount: int | None) -> None:
        currency = self.sales[sale_id]["amount"]["currency"]
        total = None if amount is None else f"{Decimal(amount) / 100:.2f}"
        self._refund_sale({"amount": {"total": total, "currency": currency}} if total else {}, sale_id)

    def _charge(self, subscription_id: str, *, paid: bool = True) -> None:
        subscription = self.subscriptions[subscription_id]
        cycle = self.plans[subscription["plan_id"]]["billing_cycles"][0]
        price = cycle["pricing_scheme"]["fixed_price"]
        done = sum(1 for one in subscription["transactions"] if one["status"] != "DECLINED")
        due = _moment(subscription["start_time"]) + UNITS[cycle["frequency"]["interval_unit"]] * done
        at = _stamp(due + timedelta(seconds=40))
        transaction = {
            "id": _name(17),
            "status": "COMPLETED" if paid else "DECLINED",
            "amount_with_breakdown": {"gross_amount": price},
            "time": at,
        }
        subscription["transactions"].append(transaction)
        info = subscription.setdefault("billing_info", {"failed_payments_count": 0})
        if not paid:
            info["failed_payments_count"] += 1
            self.tell("BILLING.SUBSCRIPTION.PAYMENT.FAILED", "subscription", self._shown(subscription_id))
            return
        info["failed_payments_count"] = 0
        sale = {
            "id": transaction["id"],
            "state": "completed",
            "amount": {"total": price["value"], "currency": price["currency_code"]},
            "billing_agreement_id": subscription_id,
            "custom": subscription["custom_id"],
            "create_time": at,
            "refunded": "0",
        }
        self.sales[sale["id"]] = sale
        self.note("T0002", sale["id"], price, paypal_reference_id=subscription_id, paypal_reference_id_type="SUB")
        self.tell("PAYMENT.SALE.COMPLETED", "sale", sale)


def _missing() -> Answer:
    return Answer(404, {"name": "RESOURCE_NOT_FOUND", "details": [{"issue": "INVALID_RESOURCE_ID"}]})


def _name(length: int) -> str:
    return "".join(secrets.choice("ABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(length))


def _stamp(at: datetime | None = None) -> str:
    return (at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)

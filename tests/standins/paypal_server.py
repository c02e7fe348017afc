"""A stand-in of PayPal: token, orders and captures, refunds, disputes, the account's list, and signed notifications.

Subscriptions are in `paypal_plans`. As with the real one, money moves by our capture and not by the payer's consent;
POSTs are told apart by `PayPal-Request-Id`, and a repeat is answered as the first was.
"""

import base64
import copy
import json
import re
import secrets
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from billing.providers.base import Forged, ProviderError
from tests.standins.payments import Answer, Asked, PaymentServer, Route
from tests.standins.paypal_plans import Plans
from tests.standins.paypal_signing import Signing, authority, certificate

WHOLE = {"HUF", "JPY", "TWD"}
LONGEST = {"reference_id": 256, "custom_id": 127, "invoice_id": 127, "description": 127}


class Refused(Exception):  # noqa: N818
    def __init__(self, status: int, issue: str) -> None:
        super().__init__(issue)
        self.status = status


class PayPalServer(Plans, PaymentServer):
    name = "paypal"
    client_id, client_secret = "AQclient-TESTKEY", "EBsecret-TESTKEYxxxx"
    webhook_id = "5GP028458E2496506"

    def __init__(self) -> None:
        self.tokens: set[str] = set()
        self.lifetime = 32_400  # seconds of a token
        self.orders: dict[str, dict[str, Any]] = {}
        self.captures: dict[str, dict[str, Any]] = {}
        self.disputes_of: dict[str, dict[str, Any]] = {}  # by transaction
        self.listed: list[dict[str, Any]] = []  # what the account's list shows
        self.declines: set[str] = set()  # orders whose payer's card is refused at the capture
        self.holds: set[str] = set()  # orders whose capture is PENDING
        self.certificate = certificate()
        self.certificate_is_out_of_reach = False
        self.fetched: list[str] = []
        self.lets_see_disputes = True
        self._replays: dict[tuple[str, str], tuple[bytes, Answer]] = {}
        self.signing = Signing(
            self.webhook_id, f"https://api.paypal.com/v1/notifications/certs/CERT-{uuid.uuid4().hex[:16]}-cert-rsa"
        )
        super().__init__()

    @property
    def block(self) -> dict[str, Any]:
        return {
            "CLIENT_ID": self.client_id,
            "CLIENT_SECRET": self.client_secret,
            "WEBHOOK_ID": self.webhook_id,
            "BASE_URL": self.base_url,
            "FETCH_CERTIFICATE": self.fetch_certificate,
            "TRUST": [authority()],
        }

    def fetch_certificate(self, address: str) -> bytes:
        self.fetched.append(address)
        if self.certificate_is_out_of_reach:
            raise ProviderError("paypal's certificate can't be fetched", permanent=False)
        if address != self.signing.address:
            raise Forged("no such certificate")
        return self.certificate

    def routes(self) -> list[Route]:
        return [
            ("POST", "/v1/oauth2/token", self._token),
            ("POST", "/v2/checkout/orders", self._once(self._create)),
            ("GET", "/v2/checkout/orders/([A-Z0-9]+)", self._read(self.orders)),
            ("POST", "/v2/checkout/orders/([A-Z0-9]+)/capture", self._once(self._capture)),
            ("GET", "/v2/payments/captures/([A-Z0-9]+)", self._read(self.captures)),
            ("POST", "/v2/payments/captures/([A-Z0-9]+)/refund", self._once(self._refund)),
            ("GET", "/v1/customer/disputes", self._disputes),
            ("GET", "/v1/customer/disputes/([A-Z0-9-]+)", self._dispute),
            ("GET", "/v1/reporting/transactions", self._list),
            *self.plan_routes(self._once),
        ]

    def unknown(self, asked: Asked) -> Answer:
        return refusal(404, "INVALID_RESOURCE_ID")

    # --- who asks ---

    def authenticate(self, asked: Asked) -> Answer | None:
        given = asked.headers.get("authorization", "")
        if asked.path == "/v1/oauth2/token":
            pair = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
            return None if given == f"Basic {pair}" else Answer(401, {"error": "invalid_client"})
        if given.removeprefix("Bearer ") in self.tokens:
            return None
        return Answer(401, {"error": "invalid_token", "error_description": "Token signature verification failed"})

    def _token(self, asked: Asked) -> Any:
        if asked.form != {"grant_type": "client_credentials"}:
            return Answer(400, {"error": "unsupported_grant_type"})
        token = f"A21AA{self.new_id()}"
        self.tokens.add(token)
        return {"access_token": token, "token_type": "Bearer", "expires_in": self.lifetime, "scope": "…"}

    def _once(self, handle: Callable[..., Any], made: int = 201) -> Callable[..., Answer]:
        """Carries a POST out once for its key; refusals are not kept (whether PayPal keeps them is not confirmed)."""

        def answer(asked: Asked, *parts: str) -> Answer:
            if asked.headers.get("content-type") != "application/json":
                return refusal(415, "MEDIA_TYPE")
            key = (asked.path, asked.headers.get("paypal-request-id", ""))
            if key[1] and key in self._replays:
                body, first = self._replays[key]
                return Answer(200, first.body) if body == asked.body else refusal(422, "DUPLICATE_REQUEST_ID")
            if len(key[1]) > 108:
                return refusal(400, "INVALID_STRING_LENGTH")
            try:
                body = copy.deepcopy(handle(asked.json, *parts))
            except Refused as error:
                return refusal(error.status, str(error))
            if body is not None and "return=representation" not in asked.headers.get("prefer", ""):
                body = {name: body[name] for name in ("id", "status", "links") if name in body}
            first = Answer(made if body is not None else 204, body)
            self._replays[key] = (asked.body, first)
            return first

        return answer

    @staticmethod
    def refuse(status: int, issue: str) -> Refused:
        return Refused(status, issue)

    @staticmethod
    def _read(things: dict[str, dict[str, Any]]) -> Callable[..., Any]:
        def read(asked: Asked, thing_id: str) -> Any:
            return copy.deepcopy(things[thing_id]) if thing_id in things else refusal(404, "INVALID_RESOURCE_ID")

        return read

    @staticmethod
    def check_money(money: Any) -> None:
        """Docs: a string, with two decimals or none, as the currency has them."""
        shape = r"\d+" if money.get("currency_code") in WHOLE else r"\d+\.\d\d"
        if set(money) != {"currency_code", "value"} or not re.fullmatch(r"[A-Z]{3}", money["currency_code"]):
            raise Refused(400, "INVALID_CURRENCY_CODE")
        if not isinstance(money["value"], str) or not re.fullmatch(shape, money["value"]):
            raise Refused(422, "DECIMAL_PRECISION")
        if Decimal(money["value"]) <= 0:
            raise Refused(422, "CANNOT_BE_ZERO_OR_NEGATIVE")

    @staticmethod
    def check_context(context: dict[str, Any], action: str) -> None:
        for name in ("return_url", "cancel_url"):
            if urlsplit(context.get(name, "")).scheme not in {"http", "https"}:
                raise Refused(400, f"MISSING_REQUIRED_PARAMETER {name}")
        if context.get("user_action") != action:
            raise Refused(400, "INVALID_PARAMETER_VALUE user_action")
        locale = context.get("locale", "en")
        if not re.fullmatch(r"[a-z]{2}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}))?", locale):
            raise Refused(400, "INVALID_PARAMETER_SYNTAX locale")

    # --- orders ---

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("intent") != "CAPTURE" or len(body.get("purchase_units") or []) != 1:
            raise Refused(400, "MISSING_REQUIRED_PARAMETER")
        (unit,) = body["purchase_units"]
        for name, longest in LONGEST.items():
            if not isinstance(unit.get(name), str) or not 0 < len(unit[name]) <= longest:
                raise Refused(400, f"INVALID_STRING_LENGTH {name}")
        self.check_money(unit.get("amount") or {})
        self.check_context(body.get("payment_source", {}).get("paypal", {}).get("experience_context") or {}, "PAY_NOW")
        order_id = a_name(17)
        link = {"href": f"{self.base_url}/checkoutnow?token={order_id}", "rel": "payer-action", "method": "GET"}
        order = {
            "id": order_id,
            "intent": "CAPTURE",
            "status": "PAYER_ACTION_REQUIRED",
            "create_time": stamp(),
            "purchase_units": [unit],
            "links": [link],
        }
        self.orders[order_id] = order
        return order

    def _capture(self, body: Any, order_id: str) -> dict[str, Any]:
        order = self.orders.get(order_id)
        if order is None:
            raise Refused(404, "INVALID_RESOURCE_ID")
        if order["status"] == "COMPLETED":
            raise Refused(422, "ORDER_ALREADY_CAPTURED")
        if order["status"] != "APPROVED":
            raise Refused(422, "ORDER_NOT_APPROVED")
        if order_id in self.declines:
            self.declines.discard(order_id)
            order["status"] = "PAYER_ACTION_REQUIRED"
            raise Refused(422, "INSTRUMENT_DECLINED")
        unit = order["purchase_units"][0]
        held = order_id in self.holds
        capture = {
            "id": a_name(17),
            "status": "PENDING" if held else "COMPLETED",
            **({"status_details": {"reason": "ECHECK"}} if held else {}),
            "amount": unit["amount"],
            "invoice_id": unit["invoice_id"],
            "custom_id": unit["custom_id"],
            "final_capture": True,
            "supplementary_data": {"related_ids": {"order_id": order_id}},
            "create_time": stamp(),
            "links": [{"href": f"{self.base_url}/v2/checkout/orders/{order_id}", "rel": "up", "method": "GET"}],
        }
        self.captures[capture["id"]] = capture
        unit["payments"] = {"captures": [capture]}
        order["status"] = "COMPLETED"
        self.note("T0006", capture["id"], unit["amount"], status="P" if held else "S", custom_field=unit["custom_id"])
        self.tell(f"PAYMENT.CAPTURE.{capture['status']}", "capture", capture)
        return order

    def _refund(self, body: dict[str, Any], capture_id: str) -> dict[str, Any]:
        capture = self.captures.get(capture_id)
        if capture is None:
            raise Refused(404, "INVALID_RESOURCE_ID")
        if body:
            self.check_money(body["amount"])
        order = self.orders[capture["supplementary_data"]["related_ids"]["order_id"]]
        refunds = order["purchase_units"][0]["payments"].setdefault("refunds", [])
        whole = Decimal(capture["amount"]["value"])
        left = whole - sum(Decimal(refund["amount"]["value"]) for refund in refunds)
        amount = body.get("amount") or capture["amount"] | {"value": str(left)}
        if capture["status"] not in {"COMPLETED", "PARTIALLY_REFUNDED"} or not left:
            raise Refused(422, "CAPTURE_FULLY_REFUNDED")
        if Decimal(amount["value"]) > left:
            raise Refused(422, "REFUND_AMOUNT_EXCEEDED")
        refund = {
            "id": a_name(17),
            "status": "COMPLETED",
            "amount": amount,
            "custom_id": capture["custom_id"],
            "create_time": stamp(),
            "links": [{"href": f"{self.base_url}/v2/payments/captures/{capture_id}", "rel": "up", "method": "GET"}],
        }
        refunds.append(refund)
        capture["status"] = "REFUNDED" if Decimal(amount["value"]) == left else "PARTIALLY_REFUNDED"
        negative = amount | {"value": f"-{amount['value']}"}
        self.note("T1107", refund["id"], negative, paypal_reference_id=capture_id, paypal_reference_id_type="TXN")
        self.tell("PAYMENT.CAPTURE.REFUNDED", "refund", refund)
        return refund

    # --- disputes and the list ---

    def _disputes(self, asked: Asked) -> Any:
        if not self.lets_see_disputes:
            return refusal(403, "PERMISSION_DENIED")
        transaction = asked.query.get("disputed_transaction_id", "")
        if not re.fullmatch(r"[0-9A-Z_]+", transaction) or not 1 <= int(asked.query.get("page_size", 10)) <= 50:
            return refusal(400, "INVALID_PARAMETER_VALUE")
        dispute = self.disputes_of.get(transaction)
        names = ("dispute_id", "status", "reason", "create_time")
        return {"items": [{name: dispute[name] for name in names}] if dispute else []}

    def _dispute(self, asked: Asked, dispute_id: str) -> Any:
        found = [dispute for dispute in self.disputes_of.values() if dispute["dispute_id"] == dispute_id]
        return copy.deepcopy(found[0]) if found else refusal(404, "INVALID_RESOURCE_ID")

    def note(self, code: str, transaction_id: str, amount: dict[str, str], *, status: str = "S", **more: str) -> None:
        self.listed.append(
            {
                "transaction_id": transaction_id,
                "transaction_event_code": code,
                "transaction_initiation_date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000"),
                "transaction_amount": amount,
                "transaction_status": status,
                **more,
            }
        )

    def _list(self, asked: Asked) -> Any:
        try:
            since, until = (datetime.fromisoformat(asked.query[name]) for name in ("start_date", "end_date"))
        except (KeyError, ValueError):
            return refusal(400, "INVALID_REQUEST")
        if not timedelta(0) < until - since <= timedelta(days=31):
            return refusal(400, "INVALID_DATE_RANGE")
        size, page = int(asked.query.get("page_size", 100)), int(asked.query.get("page", 1))
        if not 1 <= size <= 500 or page < 1:
            return refusal(400, "INVALID_PAGE_SIZE")
        code = asked.query.get("transaction_type")
        found = [
            info
            for info in self.listed
            if since <= datetime.fromisoformat(info["transaction_initiation_date"]) <= until
            and code in {None, info["transaction_event_code"]}
        ]
        part = found[(page - 1) * size : page * size]
        return {
            "transaction_details": [{"transaction_info": copy.deepcopy(info)} for info in part],
            "page": page,
            "total_items": len(found),
            "total_pages": -(-len(found) // size),
        }

    # --- the payer's side ---

    def payable(self, reference: str) -> int:
        waiting = {"PAYER_ACTION_REQUIRED", "APPROVED"}
        orders = [one for one in self.orders.values() if one["purchase_units"][0]["custom_id"] == reference]
        return sum(1 for one in orders if one["status"] in waiting) + self.payable_plans(reference)

    def pay(self, session_id: str) -> None:
        """The payer agrees; of an order the money comes with our capture."""
        with self.lock:
            if session_id in self.subscriptions:
                self.subscribe(session_id)
                return
            order = self.orders[session_id]
            if order["status"] == "PAYER_ACTION_REQUIRED":
                order["status"] = "APPROVED"
                self.tell("CHECKOUT.ORDER.APPROVED", "checkout-order", order)

    def hold(self, session_id: str) -> None:
        """The payer pays by eCheck: the capture is PENDING."""
        self.holds.add(session_id)
        self.pay(session_id)

    def clear(self, capture_id: str, status: str = "COMPLETED") -> None:
        """A pending capture comes to its end."""
        with self.lock:
            capture = self.captures[capture_id]
            capture["status"] = status
            self.tell(f"PAYMENT.CAPTURE.{'COMPLETED' if status == 'COMPLETED' else 'DENIED'}", "capture", capture)

    def decline(self, session_id: str) -> None:
        if session_id in self.orders:
            self.declines.add(session_id)
            self.pay(session_id)

    def expire(self, session_id: str) -> None:
        with self.lock:
            self.orders.pop(session_id, None)
            self.subscriptions.pop(session_id, None)

    def refund(self, intent_id: str, amount: int | None = None) -> None:
        with self.lock:
            if intent_id in self.sales:
                self.refund_sale_there(intent_id, amount)
                return
            currency = self.captures[intent_id]["amount"]["currency_code"]
            value = None if amount is None else str(Decimal(amount) if currency in WHOLE else Decimal(amount) / 100)
            body = {} if value is None else {"amount": {"currency_code": currency, "value": value}}
            if body and currency not in WHOLE:
                body["amount"]["value"] = f"{Decimal(value or 0):.2f}"
            self._refund(body, intent_id)

    def dispute(self, intent_id: str) -> None:
        with self.lock:
            dispute = {
                "dispute_id": f"PP-D-{secrets.randbelow(90_000) + 10_000}",
                "create_time": stamp(),
                "disputed_transactions": [{"seller_transaction_id": intent_id, "buyer_transaction_id": a_name(17)}],
                "reason": "UNAUTHORISED",
                "status": "WAITING_FOR_SELLER_RESPONSE",
            }
            self.disputes_of[intent_id] = dispute
            self.tell("CUSTOMER.DISPUTE.CREATED", "dispute", dispute)

    def win_dispute(self, intent_id: str, outcome: str = "RESOLVED_SELLER_FAVOUR") -> None:
        with self.lock:
            dispute = self.disputes_of[intent_id]
            dispute |= {"status": "RESOLVED", "dispute_outcome": {"outcome_code": outcome}}
            self.tell("CUSTOMER.DISPUTE.RESOLVED", "dispute", dispute)

    def lose_dispute(self, intent_id: str) -> None:
        self.win_dispute(intent_id, "RESOLVED_BUYER_FAVOUR")

    def tell(self, kind: str, resource_type: str, resource: dict[str, Any]) -> None:
        event = {
            "id": f"WH-{a_name(17)}-{a_name(17)}",
            "event_version": "1.0",
            "create_time": stamp(),
            "resource_type": resource_type,
            "event_type": kind,
            "summary": kind.replace(".", " ").lower(),
            "resource": resource,
            "links": [],
        }
        body = json.dumps(event).encode()
        self.send(body, self.signing.headers(body, transmission=str(uuid.uuid4())))


def a_name(length: int) -> str:
    return "".join(secrets.choice("ABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(length))


def stamp(at: datetime | None = None) -> str:
    return (at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


def refusal(status: int, issue: str) -> Answer:
    names = {400: "INVALID_REQUEST", 403: "NOT_AUTHORIZED", 404: "RESOURCE_NOT_FOUND", 422: "UNPROCESSABLE_ENTITY"}
    details = [{"issue": issue, "description": issue}]
    return Answer(status, {"name": names.get(status, "ERROR"), "details": details, "debug_id": "b1d1f06c7246c"})

"""A stand-in of Midtrans: Snap pages and the Core API on one host, and notifications signed by SHA512.

As with the real one, an order has no transaction until the payer has chosen how to pay, a new page for an order ends
the one before, and what the Core API refuses it says in the body's `status_code`.
"""

import base64
import hashlib
import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit

from tests.standins.payments import Answer, Asked, PaymentServer, Route

JAKARTA = timezone(timedelta(hours=7))
CODES = {"pending": "201", "deny": "202", "expire": "407", "authorize": "201"}


class MidtransServer(PaymentServer):
    name = "midtrans"
    key = "SB-Mid-server-TESTKEYxxxxx"

    def __init__(self) -> None:
        super().__init__()
        self.http_codes = False  # whether an unknown order is 404 by HTTP too
        self.pages: dict[str, dict[str, Any]] = {}  # of an order: the latest alone is valid
        self.transactions: dict[str, dict[str, Any]] = {}

    @property
    def block(self) -> dict[str, Any]:
        hosts = {"SNAP_URL": self.base_url, "CORE_URL": self.base_url}
        return {"SERVER_KEY": self.key, "CLIENT_KEY": "SB-Mid-client-TESTKEY"} | hosts

    def routes(self) -> list[Route]:
        return [
            ("POST", "/snap/v1/transactions", self._create),
            ("GET", "/v2/([^/]+)/status", self._status),
            ("POST", "/v2/([^/]+)/refund", self._refund),
            ("POST", "/v2/([^/]+)/cancel", self._cancel),
        ]

    def authenticate(self, asked: Asked) -> Answer | None:
        expected = f"Basic {base64.b64encode(f'{self.key}:'.encode()).decode()}"
        if asked.headers.get("authorization") == expected:
            return None
        return Answer(
            401, {"status_code": "401", "status_message": "Access denied", "error_messages": ["Access denied"]}
        )

    # --- Snap ---

    def _create(self, asked: Asked) -> Any:
        body = asked.json
        details, items = body.get("transaction_details", {}), body.get("item_details", [])
        order_id, amount = details.get("order_id", ""), details.get("gross_amount")
        customer, expiry = body.get("customer_details", {}), body.get("expiry", {})
        wrong = [
            name
            for name, right in {
                "order_id": re.fullmatch(r"[A-Za-z0-9\-_~.]{1,50}", order_id),
                "gross_amount": type(amount) is int and amount >= 1,
                "item_details": sum(item["price"] * item["quantity"] for item in items) == amount,
                "item_details.name": all(0 < len(item["name"]) <= 50 for item in items),
                "customer_details": all(0 < len(text) <= 255 for text in customer.values()),
                "callbacks": urlsplit(body.get("callbacks", {}).get("finish", "")).scheme in {"http", "https"},
                "expiry": type(expiry.get("duration")) is int
                and expiry["duration"] > 0
                and expiry.get("unit") in {"minute", "hour", "day"},
            }.items()
            if not right
        ]
        if wrong:
            return Answer(400, {"error_messages": [f"transaction_details.{name} is not valid" for name in wrong]})
        if self._said(order_id) not in {"", "deny", "cancel", "expire"}:
            return Answer(400, {"error_messages": ["transaction_details.order_id sudah digunakan"]})
        token = self.new_id()
        self.pages[order_id] = {"token": token, "amount": amount, "open": True}
        return Answer(201, {"token": token, "redirect_url": f"{self.base_url}/snap/v2/vtweb/{token}"})

    # --- the Core API ---

    def _said(self, order_id: str) -> str:
        return str(self.transactions.get(order_id, {}).get("transaction_status", ""))

    def _status(self, asked: Asked, order_id: str) -> Any:
        return self.transactions.get(order_id) or self._unknown_order()

    def _unknown_order(self) -> Answer:
        body = {"status_code": "404", "status_message": "Transaction doesn't exist.", "id": self.new_id()}
        return Answer(404 if self.http_codes else 200, body)

    def _refund(self, asked: Asked, order_id: str) -> Any:
        transaction, body = self.transactions.get(order_id), asked.json
        if transaction is None:
            return self._unknown_order()
        if not isinstance(body.get("refund_key"), str) or type(body.get("amount")) is not int or body["amount"] < 1:
            return _refusal("400", "Validation error")
        for refund in transaction.get("refunds", []):
            if refund["refund_key"] == body["refund_key"]:
                return transaction | {"refund_key": body["refund_key"]}
        if transaction["transaction_status"] not in {"settlement", "partial_refund"}:
            return _refusal("412", "Transaction status cannot be updated.")
        left = float(transaction["gross_amount"]) - float(transaction.get("refund_amount", 0))
        if body["amount"] > left:
            return _refusal("414", "Refund request is rejected: the amount is larger than what is left.")
        return self._give_back(transaction, body["amount"], body["refund_key"])

    def _give_back(self, transaction: dict[str, Any], amount: int, key: str) -> dict[str, Any]:
        refund = {
            "refund_chargeback_id": len(self.transactions),
            "refund_amount": f"{amount}.00",
            "refund_key": key,
            "refund_method": "online",
            "created_at": _now(),
        }
        total = float(transaction.get("refund_amount", 0)) + amount
        transaction["refunds"] = [*transaction.get("refunds", []), refund]
        transaction["refund_amount"] = f"{total:.2f}"
        self._become(transaction, "refund" if total == float(transaction["gross_amount"]) else "partial_refund")
        return transaction | {"refund_key": key}

    def _cancel(self, asked: Asked, order_id: str) -> Any:
        transaction = self.transactions.get(order_id)
        if transaction is None:
            return self._unknown_order()
        if transaction["transaction_status"] not in {"pending", "capture", "authorize"}:
            return _refusal("412", "Transaction status cannot be updated.")
        self.pages[order_id]["open"] = False
        self._become(transaction, "cancel")
        return transaction

    def _become(self, transaction: dict[str, Any], status: str) -> None:
        transaction |= {"transaction_status": status, "status_code": CODES.get(status, "200")}
        if status == "settlement":
            transaction.setdefault("settlement_time", _now())
        self._tell(transaction)

    def _tell(self, transaction: dict[str, Any]) -> None:
        signed = f"{transaction['order_id']}{transaction['status_code']}{transaction['gross_amount']}{self.key}"
        body = transaction | {
            "status_message": "midtrans payment notification",
            "signature_key": hashlib.sha512(signed.encode()).hexdigest(),
        }
        self.send(json.dumps(body).encode(), {"Content-Type": "application/json"})

    # --- the payer's side ---

    def payable(self, order_id: str) -> int:
        page = self.pages.get(order_id)
        return int(bool(page and page["open"]))

    def choose(self, order_id: str, method: str = "gopay") -> dict[str, Any]:
        """The payer picks a way to pay: from now on there is a transaction, another at every try."""
        with self.lock:
            page = self.pages[order_id]
            assert page["open"], "nobody can pay this"
            transaction = {
                "transaction_id": self.new_id(),
                "order_id": order_id,
                "gross_amount": f"{page['amount']}.00",
                "currency": "IDR",
                "payment_type": method,
                "transaction_time": _now(),
                "fraud_status": "accept",
                "merchant_id": "G141532850",
            }
            self.transactions[order_id] = transaction
            self._become(transaction, "pending")
            return transaction

    def pay(self, order_id: str, method: str = "gopay") -> None:
        """A card is captured at first and settled a day later, everything else is settled at once."""
        with self.lock:
            transaction = self.choose(order_id, method)
            self.pages[order_id]["open"] = False
            self._become(transaction, "capture" if method == "credit_card" else "settlement")

    def settle(self, order_id: str) -> None:
        self._become(self.transactions[order_id], "settlement")

    def challenge(self, order_id: str) -> None:
        """Captured, but somebody has to look whether it is fraud."""
        with self.lock:
            transaction = self.choose(order_id, "credit_card")
            transaction["fraud_status"] = "challenge"
            self._become(transaction, "capture")

    def decline(self, order_id: str) -> None:
        """The page stays: the payer may try another card."""
        self._become(self.choose(order_id, "credit_card"), "deny")

    def expire(self, order_id: str) -> None:
        with self.lock:
            transaction = self.choose(order_id)
            self.pages[order_id]["open"] = False
            self._become(transaction, "expire")

    def reverse(self, order_id: str, *, says_when: bool = True) -> None:
        """A settlement that did not hold; whether it still says when it was settled is not known."""
        transaction = self.transactions[order_id]
        assert transaction["transaction_status"] == "settlement"
        if not says_when:
            del transaction["settlement_time"]
        self._become(transaction, "deny")

    def refund(self, order_id: str, amount: int | None = None) -> None:
        """`amount` in hundredths of a rupiah, as ours are."""
        transaction = self.transactions[order_id]
        rupiah = int(float(transaction["gross_amount"])) if amount is None else amount // 100
        self._give_back(transaction, rupiah, self.new_id("dashboard-"))

    def dispute(self, order_id: str) -> None:
        self._become(self.transactions[order_id], "chargeback")

    def win_dispute(self, order_id: str) -> None:
        """Without a notification: what Midtrans tells of it is not known."""
        self.transactions[order_id] |= {"transaction_status": "settlement", "status_code": "200"}


def _now() -> str:
    return datetime.now(JAKARTA).strftime("%Y-%m-%d %H:%M:%S")


def _refusal(code: str, message: str) -> Answer:
    return Answer(200, {"status_code": code, "status_message": message})

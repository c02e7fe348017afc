"""A stand-in of TrustPay's Acceptance API: OAuth2 tokens, payments, refunds, and notifications it signs by its own
reading of the rule. It knows no idempotency: every payment asked for is another page."""

import base64
import hashlib
import hmac
import itertools
import json
import time
from typing import Any
from urllib.parse import urlsplit

from tests.standins.payments import Answer, Asked, PaymentServer, Route

DONE, INVALID, INVALID_STATE, NOT_FOUND = 1001000, 1132000, 1112008, 1132005


class TrustPayServer(PaymentServer):
    name = "trustpay"
    project = "4107111111"
    secret = "tp-secret-N4bQgYhMfWWaL"

    def __init__(self) -> None:
        super().__init__()
        self.token_seconds = 1800
        self.payments: dict[int, dict[str, Any]] = {}
        self._tokens: dict[str, float] = {}
        self._numbers = itertools.count(1_000_001)

    @property
    def block(self) -> dict[str, Any]:
        return {"PROJECT_ID": self.project, "SECRET_KEY": self.secret, "BASE_URL": self.base_url}

    def routes(self) -> list[Route]:
        return [
            ("POST", "/api/oauth2/token", self._token),
            ("POST", "/api/Payments/Payment", self._create),
            ("GET", "/api/Payments/Payment/([^/]+)", self._read),
            ("POST", "/api/Payments/Payment/([^/]+)/Refund", self._refund),
        ]

    def authenticate(self, asked: Asked) -> Answer | None:
        given = asked.headers.get("authorization", "")
        if asked.path == "/api/oauth2/token":
            expected = base64.b64encode(f"{self.project}:{self.secret}".encode()).decode()
            return None if given == f"Basic {expected}" else _result(401, 1133000)
        valid = time.monotonic() < self._tokens.get(given.removeprefix("Bearer "), 0)
        return None if valid else _result(401, 1133000)

    def _answer(self, asked: Asked) -> Answer | None:
        """Marks the pages whose address was sent: one that nobody was told of can't be paid."""
        answer = super()._answer(asked)
        if answer and isinstance(answer.body, dict) and "GatewayUrl" in answer.body:
            self.payments[answer.body["PaymentRequestId"]]["known"] = True
        return answer

    # --- the API ---

    def _token(self, asked: Asked) -> Any:
        if asked.form != {"grant_type": "client_credentials"}:
            return _result(400, INVALID)
        token = self.new_id("token")
        self._tokens[token] = time.monotonic() + self.token_seconds
        return {"access_token": token, "token_type": "bearer", "expires_in": self.token_seconds}

    def _create(self, asked: Asked) -> Any:
        body = asked.json
        information, urls = body.get("PaymentInformation", {}), body.get("CallbackUrls", {})
        reference = information.get("References", {}).get("MerchantReference")
        right = (
            set(body) == {"PaymentMethod", "MerchantIdentification", "PaymentInformation", "CallbackUrls"}
            and body["PaymentMethod"] == "Card"
            and body["MerchantIdentification"] == {"ProjectId": self.project}
            and self._is_amount(information.get("Amount"))
            and information.get("IsRedirect") is True
            and information.get("CardTransaction") == {"PaymentType": "Purchase"}
            and len(information.get("Localization", "")) == 2
            and isinstance(reference, str)
            and 0 < len(reference) <= 50
            and set(urls) == {"Success", "Cancel", "Error", "Notification"}
            and all(urlsplit(url).scheme in {"http", "https"} for url in urls.values())
        )
        if not right:
            return _result(400, INVALID)
        number = next(self._numbers)
        self.payments[number] = {
            "reference": reference,
            "amount": information["Amount"]["Amount"],
            "currency": information["Amount"]["Currency"],
            "status": "Pending",
            "payment_id": "",
            "known": False,
            "urls": urls,
        }
        return {"PaymentRequestId": number, "GatewayUrl": f"{self.base_url}/gateway/{number}"}

    @staticmethod
    def _is_amount(amount: Any) -> bool:
        if (
            not isinstance(amount, dict)
            or set(amount) != {"Amount", "Currency"}
            or not isinstance(amount["Amount"], str)
        ):
            return False
        whole, point, cents = amount["Amount"].partition(".")
        return bool(whole.isdecimal() and point and cents.isdecimal() and len(cents) == 2)

    def _payment(self, name: str) -> tuple[int, dict[str, Any] | None]:
        number = int(name) if name.isdecimal() else 0
        return number, self.payments.get(number)

    def _read(self, asked: Asked, name: str) -> Any:
        number, payment = self._payment(name)
        return {"PaymentInformation": self._information(number, payment)} if payment else _result(404, NOT_FOUND)

    def _refund(self, asked: Asked, name: str) -> Any:
        number, payment = self._payment(name)
        if payment is None:
            return _result(404, NOT_FOUND)
        information = asked.json.get("PaymentInformation", {})
        amount = information.get("Amount")
        if asked.json.get("MerchantIdentification") != {"ProjectId": self.project} or not self._is_amount(amount):
            return _result(400, INVALID)
        if payment["status"] != "Paid" or amount["Currency"] != payment["currency"]:
            return _result(400, INVALID_STATE)
        refund = self._give_back(number, amount["Amount"], information["References"]["MerchantReference"])
        return {"PaymentRequestId": refund, "ResultInfo": {"ResultCode": DONE}}

    def _information(self, number: int, payment: dict[str, Any], indicator: str = "CRDT") -> dict[str, Any]:
        references = {
            "MerchantReference": payment["reference"],
            "PaymentRequestId": str(number),
            "PaymentId": payment["payment_id"] or None,
        }
        return {
            "CreditDebitIndicator": indicator,
            "Status": payment["status"],
            "References": references,
            "Amount": {"Amount": float(payment["amount"]), "Currency": payment["currency"]},
            "StatusReasonInformation": {"Reason": {"Code": None, "RejectReason": ""}},
            "CardTransaction": {"Card": {"MaskedPan": "420000******0000", "ExpiryDate": "1230"}},
        }

    # --- notifications ---

    def _tell(self, information: dict[str, Any]) -> None:
        body: dict[str, Any] = {
            "PaymentMethod": "Card",
            "MerchantIdentification": {"ProjectId": self.project},
            "PaymentInformation": information,
        }
        body["Signature"] = self._sign("/".join(sorted(_leaves(body))))
        self.send(json.dumps(body).encode(), {"Content-Type": "application/json"})

    def tell_by_query(self, reference: str, **fields: str) -> None:
        """A notification of the older API, of a wire: a GET whose fields are signed in a fixed order."""
        query = {
            "AccountId": self.project,
            "Amount": "12.50",
            "Currency": "EUR",
            "Type": "0",
            "ResultCode": "0",
            "OrderId": "9001",
            "PaymentId": "7001",
            "Reference": reference,
        } | fields
        signed = [query[name] for name in query if query[name]]
        self.send(b"", {}, query | {"Signature": self._sign("/".join(signed))}, method="GET")

    def _sign(self, text: str) -> str:
        return hmac.digest(self.secret.encode(), text.encode(), hashlib.sha256).hex().upper()

    # --- a test's hand ---

    def revoke_tokens(self) -> None:
        self._tokens.clear()

    def payable(self, reference: str) -> int:
        payments = [payment for payment in self.payments.values() if payment["reference"] == reference]
        return sum(1 for payment in payments if payment["known"] and payment["status"] == "Pending")

    def pay(self, session_id: str) -> None:
        self._move(session_id, "Pending", "Paid")

    def decline(self, session_id: str) -> None:
        self._move(session_id, "Pending", "Rejected")

    def expire(self, session_id: str) -> None:
        self._move(session_id, "Pending", "Rejected")

    def _move(self, session_id: str, before: str, after: str) -> None:
        with self.lock:
            number, payment = self._payment(session_id)
            assert payment
            assert payment["status"] == before, "nobody can do that now"
            payment |= {"status": after, "payment_id": str(next(self._numbers))}
            self._tell(self._information(number, payment))

    def refund(self, intent_id: str, amount: int | None = None) -> None:
        """All of it: what TrustPay tells of a part is not known."""
        with self.lock:
            number, payment = self._payment(intent_id)
            assert payment
            self._give_back(number, payment["amount"], payment["reference"])

    def _give_back(self, number: int, amount: str, reference: str) -> int:
        """A refund is a payment of its own, whose notification is a debit."""
        payment, refund = self.payments[number], next(self._numbers)
        if amount == payment["amount"]:
            payment["status"] = "Refunded"
        debit = payment | {"reference": reference, "amount": amount, "status": "Paid", "payment_id": str(refund)}
        self._tell(self._information(refund, debit, "DBIT"))
        return refund

    def dispute(self, intent_id: str) -> None:
        with self.lock:
            number, payment = self._payment(intent_id)
            assert payment
            payment["status"] = "Chargebacked"
            self._tell(self._information(number, payment, "DBIT"))

    def win_dispute(self, intent_id: str) -> None:
        """Without a notification: what TrustPay tells of it is not known."""
        _, payment = self._payment(intent_id)
        assert payment
        payment["status"] = "Paid"


def _leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in _leaves(part)]
    if isinstance(value, float):
        return [format(value, ".2f")]
    return [value] if value else []


def _result(status: int, code: int) -> Answer:
    return Answer(status, {"ResultInfo": {"ResultCode": code, "CorrelationId": "c0ffee", "AdditionalInfo": None}})

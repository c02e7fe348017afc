"""A stand-in of Xendit: payment sessions, what was paid on their pages, refunds, and notifications with a fixed token.

Every POST to `/sessions` makes another session, as nothing says that the real one knows repeats.
"""

import base64
import copy
import json
import re
import secrets
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from tests.standins.payments import Answer, Asked, PaymentServer, Route

COUNTRIES = {"ID": "IDR", "PH": "PHP", "VN": "VND", "TH": "THB", "MY": "MYR"}
REASONS = {"FRAUDULENT", "DUPLICATE", "REQUESTED_BY_CUSTOMER", "CANCELLATION", "OTHERS"}
VERSION = "2024-11-11"


class XenditServer(PaymentServer):
    name = "xendit"
    key = "xnd_development_TESTKEYxxxxxxxx"
    token = "callback-token-of-tests-0123456789"

    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}
        self.requests: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.told: set[str] = set()  # sessions whose answer went out
        self.slow_refunds = False  # whether they are PENDING at first
        self._replays: dict[str, tuple[bytes, Any]] = {}
        super().__init__()

    @property
    def block(self) -> dict[str, Any]:
        return {"SECRET_KEY": self.key, "CALLBACK_TOKEN": self.token, "BASE_URL": self.base_url}

    def routes(self) -> list[Route]:
        return [
            ("POST", "/sessions", self._create),
            ("GET", "/sessions/([^/]+)", self._session),
            ("GET", "/v3/payment_requests/([^/]+)", self._request),
            ("GET", "/v3/payments/([^/]+)", self._payment),
            ("POST", "/refunds", self._refund),
            ("GET", "/refunds", self._list),
        ]

    def authenticate(self, asked: Asked) -> Answer | None:
        if asked.headers.get("authorization") == f"Basic {base64.b64encode(f'{self.key}:'.encode()).decode()}":
            return None
        return _error(401, "INVALID_API_KEY")

    def unknown(self, asked: Asked) -> Answer:
        return _error(404, "DATA_NOT_FOUND")

    def _answer(self, asked: Asked) -> Answer | None:
        answer = super()._answer(asked)
        if answer and answer.status == 201 and asked.path == "/sessions":
            self.told.add(answer.body["payment_session_id"])
        return answer

    # --- the API ---

    def _create(self, asked: Asked) -> Answer:
        body = asked.json
        customer, amount = body.get("customer") or {}, body.get("amount")
        wrong = [
            name
            for name, right in {
                "reference_id": 0 < len(body.get("reference_id", "")) <= 64
                and all(one["reference_id"] != body["reference_id"] for one in self.sessions.values()),
                "session_type": body.get("session_type") == "PAY",
                "mode": body.get("mode") == "PAYMENT_LINK",
                "amount": type(amount) in {int, float} and amount > 0,
                "currency": COUNTRIES.get(body.get("country", "")) == body.get("currency"),
                "customer": customer.get("type") == "INDIVIDUAL"
                and "@" in customer.get("email", "")
                and 0 < len(customer.get("individual_detail", {}).get("given_names", "")) <= 50,
                "description": 0 < len(body.get("description", "")) <= 1000,
                "success_return_url": urlsplit(body.get("success_return_url", "")).scheme in {"http", "https"},
                "cancel_return_url": urlsplit(body.get("cancel_return_url", "")).scheme in {"http", "https"},
            }.items()
            if not right
        ]
        if wrong:
            return _error(400, f"API_VALIDATION_ERROR {wrong}")
        session_id = f"ps-{secrets.token_hex(12)}"
        self.sessions[session_id] = {
            "payment_session_id": session_id,
            "created": _stamp(),
            **{name: body[name] for name in ("reference_id", "session_type", "mode", "amount", "currency", "country")},
            "status": "ACTIVE",
            "expires_at": _stamp(timedelta(minutes=30)),
            "payment_link_url": f"{self.base_url}/pay/{session_id}",
            "payment_token_id": None,
            "payment_request_id": None,
        }
        return Answer(201, copy.deepcopy(self.sessions[session_id]))

    def _session(self, asked: Asked, session_id: str) -> Any:
        return copy.deepcopy(self.sessions.get(session_id)) or _error(404, "DATA_NOT_FOUND")

    def _request(self, asked: Asked, request_id: str) -> Any:
        if asked.headers.get("api-version") != VERSION:
            return _error(400, "UNSUPPORTED_API_VERSION")
        return copy.deepcopy(self.requests.get(request_id)) or _error(404, "DATA_NOT_FOUND")

    def _payment(self, asked: Asked, payment_id: str) -> Any:
        found = [one for one in self.requests.values() if one["latest_payment_id"] == payment_id]
        if not found:
            return _error(404, "DATA_NOT_FOUND")
        names = ("payment_request_id", "status", "request_amount", "currency", "reference_id")
        return {"payment_id": payment_id, **{name: found[0][name] for name in names}}

    def _refund(self, asked: Asked) -> Answer:
        key = asked.headers.get("idempotency-key", "")
        if key in self._replays:
            body, first = self._replays[key]
            return Answer(200, first) if body == asked.body else _error(409, "DUPLICATE_ERROR")
        body = asked.json
        request = self.requests.get(body.get("payment_request_id", ""))
        if request is None:
            return _error(404, "DATA_NOT_FOUND")
        if body.get("reason") not in REASONS or type(body.get("amount")) not in {int, float} or body["amount"] <= 0:
            return _error(400, "API_VALIDATION_ERROR")
        if request["status"] != "SUCCEEDED" or body.get("currency") != request["currency"]:
            return _error(400, "INELIGIBLE_TRANSACTION")
        gone = sum(one["amount"] for one in self._of(request["payment_request_id"]) if one["status"] != "FAILED")
        if round(gone + body["amount"], 2) > request["request_amount"]:
            return _error(400, "MAXIMUM_REFUND_AMOUNT_REACHED")
        refund = {
            "id": f"rfd-{uuid.uuid4()}",
            "payment_id": request["latest_payment_id"],
            "status": "PENDING" if self.slow_refunds else "SUCCEEDED",
            "created": _stamp(),
            **{name: body.get(name) for name in ("payment_request_id", "reference_id", "amount", "currency", "reason")},
            "metadata": body.get("metadata"),
        }
        self.refunds[refund["id"]] = refund
        if key:
            self._replays[key] = (asked.body, copy.deepcopy(refund))
        if not self.slow_refunds:
            self._tell_refund(refund)
        return Answer(200, copy.deepcopy(refund))

    def _of(self, request_id: str) -> list[dict[str, Any]]:
        return [one for one in self.refunds.values() if one["payment_request_id"] == request_id]

    def _list(self, asked: Asked) -> Any:
        """Heeds no filter, as the SDK sends none, and shows few at a time."""
        refunds = list(reversed(self.refunds.values()))
        if after := asked.query.get("after_id"):
            refunds = refunds[[one["id"] for one in refunds].index(after) + 1 :]
        return {"data": copy.deepcopy(refunds[:10]), "has_more": len(refunds) > 10}

    # --- the payer's side ---

    def payable(self, reference: str) -> int:
        """A page whose address nobody got can't be paid."""
        mine = [one for one in self.sessions.values() if one["reference_id"].startswith(reference)]
        return sum(1 for one in mine if one["status"] == "ACTIVE" and one["payment_session_id"] in self.told)

    def pay(self, session_id: str) -> None:
        with self.lock:
            session = self.sessions[session_id]
            if session["status"] != "ACTIVE":
                return
            request = self._ask_bank(session, "SUCCEEDED")
            session |= {"status": "COMPLETED", "payment_request_id": request["payment_request_id"]}
            self._tell_payment("payment.capture", request)
            told = session | {"payment_id": request["latest_payment_id"]}
            self.tell("payment_session.completed", told)

    def decline(self, session_id: str) -> None:
        """The bank refuses; the page stays, and another try may succeed."""
        with self.lock:
            self._tell_payment("payment.failure", self._ask_bank(self.sessions[session_id], "FAILED"))

    def expire(self, session_id: str) -> None:
        with self.lock:
            session = self.sessions[session_id]
            if session["status"] == "ACTIVE":
                session["status"] = "EXPIRED"
                self.tell("payment_session.expired", session)

    def wait_for_bank(self, session_id: str) -> str:
        """Paid at a shop's till, say: it has been asked for and is not there yet. Gives the payment request's id."""
        with self.lock:
            request = self._ask_bank(self.sessions[session_id], "ACCEPTING_PAYMENTS")
            self.sessions[session_id] |= {"status": "PENDING", "payment_request_id": request["payment_request_id"]}
            return str(request["payment_request_id"])

    def refund(self, intent_id: str, amount: int | None = None) -> None:
        """Somebody refunds at Xendit's dashboard; `amount` is in minor units."""
        request = self.requests[intent_id]
        places = 1 if request["currency"] == "VND" else 100
        whole = request["request_amount"]
        refund = {
            "id": f"rfd-{uuid.uuid4()}",
            "payment_request_id": intent_id,
            "payment_id": request["latest_payment_id"],
            "reference_id": None,
            "status": "SUCCEEDED",
            "amount": whole if amount is None else amount / places,
            "currency": request["currency"],
            "metadata": None,
        }
        with self.lock:
            self.refunds[refund["id"]] = refund
            self._tell_refund(refund)

    def settle(self, refund_id: str, status: str = "SUCCEEDED") -> None:
        with self.lock:
            self.refunds[refund_id]["status"] = status
            self._tell_refund(self.refunds[refund_id])

    def _ask_bank(self, session: dict[str, Any], status: str) -> dict[str, Any]:
        request = {
            "payment_request_id": f"pr-{uuid.uuid4()}",
            "latest_payment_id": f"py-{uuid.uuid4()}",
            "reference_id": session["reference_id"],
            "status": status,
            "request_amount": session["amount"],
            "currency": session["currency"],
            "country": session["country"],
            "created": _stamp(),
        }
        self.requests[request["payment_request_id"]] = request
        return request

    def _tell_payment(self, event: str, request: dict[str, Any]) -> None:
        told = {name: value for name, value in request.items() if name != "latest_payment_id"}
        self.tell(event, told | {"payment_id": request["latest_payment_id"]})

    def _tell_refund(self, refund: dict[str, Any]) -> None:
        """Docs show it wrapped twice, with the payment's id and not the request's."""
        told = {name: value for name, value in refund.items() if name != "payment_request_id"}
        self.tell(f"refund.{refund['status'].lower()}", {"event": "refund", "data": told})

    def tell(self, event: str, data: dict[str, Any]) -> None:
        body = json.dumps(
            {"event": event, "business_id": "6094fa76c2fd53701b8e079c", "created": _stamp(), "data": data}
        )
        self.send(body.encode(), {"Content-Type": "application/json", "x-callback-token": self.token})


def _stamp(after: timedelta = timedelta(0)) -> str:
    return re.sub(r"\+00:00$", "Z", (datetime.now(UTC) + after).isoformat(timespec="milliseconds"))


def _error(status: int, code: str) -> Answer:
    return Answer(status, {"error_code": code, "message": code})

"""A stand-in of Shift4: charges by redirect methods, refunds, disputes, and events that are not signed but read back.

It tells what happened as the real one does: strictly in order, again and again until somebody answers 200.
"""

import base64
import copy
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from tests.standins.payments import Answer, Asked, Delivery, PaymentServer, Route

METHODS = {"ideal", "blik", "bancontact", "p24", "eps", "giropay", "multibanco", "paysera", "skrill", "trustly"}
CHARGE_FIELDS = {"amount", "currency", "description", "paymentMethod", "flow", "metadata", "customerId", "captured"}


class Refused(Exception):  # noqa: N818
    """Answered as an error of 400."""


class Shift4Server(PaymentServer):
    name = "shift4"
    key = "sk_test_6NyzKbVHhKaEpRWQ"
    neighbour = "sk_test_6NyzKbVHhKtseuqe"  # another merchant's, who sees nothing of ours

    def __init__(self) -> None:
        super().__init__()
        self.charges: dict[str, dict[str, Any]] = {}
        self.events: dict[str, dict[str, Any]] = {}
        self._replays: dict[tuple[str, str], tuple[bytes, Answer]] = {}

    @property
    def block(self) -> dict[str, Any]:
        return {"API_KEY": self.key, "BASE_URL": self.base_url, "PAYMENT_METHOD": "ideal"}

    def routes(self) -> list[Route]:
        return [
            ("POST", "/charges", self._once(self._create)),
            ("GET", "/charges", self._list),
            ("GET", "/charges/([^/]+)", self._read),
            ("POST", "/refunds", self._once(self._refund)),
            ("GET", "/events/([^/]+)", self._event),
        ]

    def authenticate(self, asked: Asked) -> Answer | None:
        allowed = {f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}" for key in (self.key, self.neighbour)}
        if asked.headers.get("authorization") in allowed:
            return None
        return _error(401, "Provided API key is invalid")

    def _is_ours(self, asked: Asked) -> bool:
        return base64.b64decode(asked.headers["authorization"].split()[1]).decode() == f"{self.key}:"

    # --- the API ---

    def _once(self, handle: Callable[[Asked], dict[str, Any]]) -> Callable[[Asked], Answer]:
        """The same Idempotency-Key gives the first answer again; with another body it is an error."""

        def answer(asked: Asked) -> Answer:
            key = (asked.path, asked.headers.get("idempotency-key", ""))
            if key[1] and key in self._replays:
                body, first = self._replays[key]
                return first if body == asked.body else _error(400, "Idempotency-Key was used for another request")
            if asked.headers.get("content-type") != "application/json":
                return _error(400, "Content-Type must be application/json")
            try:
                made = Answer(200, copy.deepcopy(handle(asked)))
            except Refused as error:
                return _error(400, str(error))
            self._replays[key] = (asked.body, made)
            return made

        return answer

    def _create(self, asked: Asked) -> dict[str, Any]:
        body = asked.json
        method, flow = body.get("paymentMethod") or {}, body.get("flow") or {}
        _require(set(body) <= CHARGE_FIELDS, f"unknown fields: {sorted(set(body) - CHARGE_FIELDS)}")
        _require(type(body.get("amount")) is int and body["amount"] > 0, "amount")
        _require(isinstance(body.get("currency"), str) and len(body["currency"]) == 3, "currency")
        _require(method.get("type") in METHODS, "paymentMethod.type")
        _require(all(isinstance(text, str) and text for text in (method.get("billing") or {}).values()), "billing")
        _require(urlsplit(flow.get("returnUrl", "")).scheme in {"http", "https"}, "flow.returnUrl")
        _require(all(isinstance(value, str) for value in (body.get("metadata") or {}).values()), "metadata")
        charge_id = self.new_id("char_")
        charge = {
            "id": charge_id,
            "created": int(time.time()),
            "objectType": "charge",
            "amount": body["amount"],
            "amountRefunded": 0,
            "currency": body["currency"],
            "description": body.get("description", ""),
            "status": "pending",
            "captured": False,
            "refunded": False,
            "refunds": [],
            "disputed": False,
            "paymentMethod": method,
            "flow": {
                "nextAction": "redirect",
                "redirect": {"redirectUrl": f"{self.base_url}/pay/{charge_id}"},
                "returnUrl": flow["returnUrl"],
            },
            "metadata": body.get("metadata") or {},
        }
        self.charges[charge_id] = charge
        self._tell("CHARGE_PENDING", charge)
        return charge

    def _read(self, asked: Asked, charge_id: str) -> Any:
        charge = self.charges.get(charge_id) if self._is_ours(asked) else None
        return copy.deepcopy(charge) if charge else _error(404, "Charge does not exist")

    def _list(self, asked: Asked) -> Any:
        since, until = int(asked.query.get("created[gte]", 0)), int(asked.query.get("created[lt]", 1 << 62))
        limit = int(asked.query.get("limit", 10))
        if not 1 <= limit <= 100:
            return _error(400, "limit")
        found = [charge for charge in reversed(self.charges.values()) if since <= charge["created"] < until]
        if after := asked.query.get("startingAfterId"):
            ids = [charge["id"] for charge in found]
            found = found[ids.index(after) + 1 :]
        return {"list": copy.deepcopy(found[:limit]), "hasMore": len(found) > limit}

    def _refund(self, asked: Asked) -> dict[str, Any]:
        body = asked.json
        _require(set(body) <= {"chargeId", "amount", "reason"}, "unknown fields")
        _require(body.get("chargeId") in self.charges, "Charge does not exist")
        _require(type(body.get("amount")) is int and body["amount"] > 0, "amount")
        _require(body.get("reason", "fraudulent") == "fraudulent", "reason")
        return self._give_back(self.charges[body["chargeId"]], body["amount"])

    def _give_back(self, charge: dict[str, Any], amount: int) -> dict[str, Any]:
        _require(charge["status"] == "successful", "Charge was not successful")
        _require(charge["amountRefunded"] + amount <= charge["amount"], "Refund amount is too large")
        refund = {
            "id": self.new_id("re_"),
            "created": int(time.time()),
            "objectType": "refund",
            "amount": amount,
            "currency": charge["currency"],
            "charge": charge["id"],
            "status": "successful",
        }
        charge["refunds"].append(refund)
        charge["amountRefunded"] += amount
        charge["refunded"] = True
        self._tell("CHARGE_REFUNDED", charge)
        self._tell("REFUND_UPDATED", refund)
        return refund

    def _event(self, asked: Asked, event_id: str) -> Any:
        event = self.events.get(event_id) if self._is_ours(asked) else None
        return event or _error(404, "Event does not exist")

    def _tell(self, kind: str, data: dict[str, Any]) -> None:
        event = {
            "id": self.new_id("event_"),
            "created": int(time.time()),
            "objectType": "event",
            "type": kind,
            "data": copy.deepcopy(data),
            "log": self.new_id("log_"),
        }
        self.events[event["id"]] = event
        self.send(json.dumps(event).encode(), {"Content-Type": "application/json"})

    # --- the payer's side ---

    def payable(self, reference: str) -> int:
        charges = [charge for charge in self.charges.values() if charge["metadata"].get("reference") == reference]
        return sum(1 for charge in charges if charge["status"] == "pending")

    def pay(self, charge_id: str) -> None:
        with self.lock:
            charge = self._open(charge_id)
            charge |= {"status": "successful", "captured": True}
            charge["flow"]["nextAction"] = "none"
            self._tell("CHARGE_SUCCEEDED", charge)

    def decline(self, charge_id: str, code: str = "card_declined") -> None:
        with self.lock:
            charge = self._open(charge_id)
            charge |= {"status": "failed", "failureCode": code, "failureMessage": "The payment was declined."}
            self._tell("CHARGE_FAILED", charge)

    def expire(self, charge_id: str) -> None:
        self.decline(charge_id, "processing_error")

    def _open(self, charge_id: str) -> dict[str, Any]:
        charge = self.charges[charge_id]
        assert charge["status"] == "pending", "nobody can pay this"
        return charge

    def refund(self, charge_id: str, amount: int | None = None) -> None:
        with self.lock:
            charge = self.charges[charge_id]
            self._give_back(charge, amount or charge["amount"] - charge["amountRefunded"])

    def dispute(self, charge_id: str) -> None:
        with self.lock:
            charge = self.charges[charge_id]
            charge["disputed"] = True
            charge["dispute"] = {"id": self.new_id("disp_"), "amount": charge["amount"], "status": "chargeback_new"}
            self._tell_of_dispute("CHARGE_DISPUTE_CREATED", charge)

    def win_dispute(self, charge_id: str) -> None:
        with self.lock:
            charge = self.charges[charge_id]
            charge["dispute"]["status"] = "chargeback_represented_successfully"
            self._tell_of_dispute("CHARGE_DISPUTE_WON", charge)

    def _tell_of_dispute(self, kind: str, charge: dict[str, Any]) -> None:
        self._tell(kind, charge["dispute"] | {"objectType": "dispute", "charge": {"id": charge["id"]}})

    def deliver(self, post: Callable[[Delivery], int]) -> int:
        """Posts what waits in its order and stops at the first that is not answered with exactly 200; how many were
        taken."""
        taken = 0
        while self.outbox and post(self.outbox[0]) == 200:
            self.outbox.pop(0)
            taken += 1
        return taken


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise Refused(message)


def _error(status: int, message: str) -> Answer:
    return Answer(status, {"error": {"type": "invalid_request", "message": message}})

"""Xendit (Indonesia, the Philippines, Vietnam, Thailand, Malaysia): one purchase, paid on the page of a session.

Facts are from docs.xendit.co ("docs") and the SDK xendit-python 7 ("sdk"). A charge's `intent_id` is the payment
request's id (`pr-…`): it is there before the payment (`py-…`), and refunds are asked of it. A notification bears a
fixed token and no signature, so nothing of it is believed but where to look.
"""

import hmac
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
import structlog

from billing.money import from_major, to_major
from billing.providers.base import (
    About,
    Charge,
    Checkout,
    CheckoutState,
    Forged,
    Incoming,
    Limited,
    Notice,
    NotOffered,
    Order,
    ProviderError,
    RefundOrder,
    RefundState,
)
from billing.providers.bodies import json_object
from billing.providers.http import Caller
from billing.providers.pages import one_page

log = structlog.get_logger(__name__)

COUNTRIES = {"IDR": "ID", "MYR": "MY", "PHP": "PH", "THB": "TH", "VND": "VN"}
VERSION = {"api-version": "2024-11-11"}  # docs: of payments and payment requests
OVER = {"EXPIRED", "CANCELED"}
FAILED = {"FAILED", "CANCELED", "EXPIRED"}
LONGEST_NAME = 50
REFERENCE = 36  # characters of ours; what follows tells one try from another
PAGES = 20  # of a list of refunds
AN_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
AN_EVENT = re.compile(r"[a-z_]{1,40}(\.[a-z_]{1,40}){1,3}")


class Xendit(Limited):
    name = "xendit"
    title = "Xendit"
    abilities = frozenset({"partial_refund"})
    currencies = frozenset(COUNTRIES)

    def __init__(self, block: dict[str, Any]) -> None:
        self._auth = httpx.BasicAuth(block["SECRET_KEY"], "")
        self._token: str = block["CALLBACK_TOKEN"]
        self._caller = Caller(self.name, block["BASE_URL"], key_header="idempotency-key")

    # --- checkouts ---

    def create_checkout(self, order: Order) -> Checkout:
        """A session's page. Whether `/sessions` knows repeats is not confirmed, so a lost answer is not asked for again
        by itself, every try has a `reference_id` of its own ("to uniquely identify the Payment Session", docs), and of
        the pages of an order one alone is handed out until it ends: the page of a lost answer nobody knows."""
        if order.every:
            raise NotOffered(self.name, "subscriptions")
        body = self._session(order)
        return one_page(self.name, order, lambda: self._open(body), is_open=self._is_open)

    def _open(self, body: dict[str, Any]) -> Checkout:
        answer = self._caller.json("POST", "/sessions", auth=self._auth, json=body)
        return Checkout(answer["payment_session_id"], answer["payment_link_url"])

    def _is_open(self, page: Checkout) -> bool:
        """A session may end before our order does: after half an hour in the docs' example."""
        session = self._get(f"/sessions/{quote(page.session_id, safe='')}")
        return session is not None and session["status"] not in OVER

    def _session(self, order: Order) -> dict[str, Any]:
        if order.currency not in COUNTRIES:
            raise ProviderError(
                f"{self.name} takes no {order.currency}", permanent=True, public="Xendit does not take this currency."
            )
        reference = f"{order.reference}_{secrets.token_hex(4)}"
        name = (order.payer.name or order.payer.email.split("@")[0])[:LONGEST_NAME]
        return {
            "reference_id": reference,
            "session_type": "PAY",
            "mode": "PAYMENT_LINK",
            "amount": _number(order.amount, order.currency),
            "currency": order.currency,
            "country": COUNTRIES[order.currency],
            "customer": {
                "reference_id": reference,
                "type": "INDIVIDUAL",
                "email": order.payer.email,
                "individual_detail": {"given_names": name},
            },
            "description": order.description,
            "success_return_url": order.success_url,
            "cancel_return_url": order.cancel_url,
        }

    def read_checkout(self, session_id: str, reference: str) -> CheckoutState:
        """A payer whose payment failed may try again on the same page: it is open until it is paid or over (docs:
        "Supports multiple payment attempts")."""
        session = self._get(f"/sessions/{quote(session_id, safe='')}")
        if session is None:
            return CheckoutState("expired")
        request_id = session.get("payment_request_id")
        charge = self._charge_of(request_id, reference, session_id) if request_id else None
        if charge and charge.status == "paid":
            return CheckoutState("paid", charge)
        if session["status"] in OVER:
            return CheckoutState("expired", charge)
        return CheckoutState("open", charge)

    # --- charges ---

    def read_charge(self, intent_id: str) -> Charge | None:
        """Takes a payment's id (`py-…`) too, which is what a notification of a refund names."""
        if not AN_ID.fullmatch(intent_id):
            return None
        if intent_id.startswith("py-"):
            payment = self._get(f"/v3/payments/{intent_id}")
            intent_id = str((payment or {}).get("payment_request_id") or "")
        return self._charge_of(intent_id) if intent_id else None

    def _charge_of(self, request_id: str, reference: str = "", session_id: str = "") -> Charge | None:
        request = self._get(f"/v3/payment_requests/{quote(request_id, safe='')}")
        if request is None:
            return None
        said, currency = request["status"], request["currency"]
        amount = from_major(request["request_amount"], currency)
        is_paid = said == "SUCCEEDED"
        return Charge(
            intent_id=request_id,
            status="paid" if is_paid else "failed" if said in FAILED else "pending",
            amount=amount,
            currency=currency,
            reference=reference or str(request.get("reference_id") or "")[:REFERENCE],
            session_id=session_id,
            refunded=min(self._refunded(request_id, currency), amount) if is_paid else 0,
            # docs name no time of payment here; a page is paid within minutes of the request
            paid_at=_time(request.get("created")) if is_paid else None,
        )

    # --- refunds ---

    def refund(self, order: RefundOrder) -> RefundState:
        """The key makes a repeat the same refund (sdk: header `idempotency-key`). For how long is not confirmed, so one
        that bears it already is found first. Many channels do not refund; they refuse for good."""
        for refund in self._refunds(order.intent_id):
            if refund.get("reference_id") == order.key:
                return _refund_state(refund)
        body = {
            "payment_request_id": order.intent_id,
            "reference_id": order.key,
            "amount": _number(order.amount, order.currency),
            "currency": order.currency,
            "reason": "REQUESTED_BY_CUSTOMER",
            "metadata": {"payment_request_id": order.intent_id},
        }
        return _refund_state(self._caller.json("POST", "/refunds", auth=self._auth, key=order.key, json=body))

    def _refunded(self, request_id: str, currency: str) -> int:
        refunds = self._refunds(request_id)
        return sum(from_major(refund["amount"], currency) for refund in refunds if refund.get("status") == "SUCCEEDED")

    def _refunds(self, request_id: str) -> Iterator[dict[str, Any]]:
        """Sdk: `GET /refunds` lists them. That it heeds `payment_request_id` is not confirmed, so others are left out
        here too."""
        params = {"payment_request_id": request_id, "limit": "100"}
        for _ in range(PAGES):
            answer = self._caller.json("GET", "/refunds", auth=self._auth, params=params)
            refunds = answer.get("data") or []
            yield from (refund for refund in refunds if refund.get("payment_request_id") == request_id)
            if not answer.get("has_more") or not refunds:
                return
            params["after_id"] = refunds[-1]["id"]
        log.warning("xendit lists more refunds than were looked at", request=request_id)

    # --- notifications ---

    def verify(self, incoming: Incoming) -> Notice:
        """Docs: `x-callback-token` is the account's. It says nothing of the body, so ids alone are taken from it."""
        given = incoming.headers.get("x-callback-token", "")
        if not hmac.compare_digest(given.encode(errors="replace"), self._token.encode()):
            raise Forged("its token is not ours")
        body = json_object(incoming.body)
        event, data = body.get("event"), body.get("data")
        if not isinstance(event, str) or not AN_EVENT.fullmatch(event) or not isinstance(data, dict):
            raise Forged("it is no event")
        if isinstance(data.get("data"), dict):  # docs show a refund's wrapped twice
            data = data["data"]
        about = _about(event, data)
        names = ("payment_session_id",) if event.startswith("payment_session.") else ("id", "refund_id", "payment_id")
        thing = _id(data, *names, "payment_request_id")
        if not thing:
            raise Forged("it concerns nothing")
        return Notice(f"{event}:{thing}", event, about)

    # --- calling ---

    def _get(self, path: str) -> dict[str, Any] | None:
        """None: Xendit knows of none."""
        response = self._caller.call("GET", path, auth=self._auth, headers=VERSION, expect=(404,))
        return None if response.status_code == 404 else response.json()


def _about(event: str, data: dict[str, Any]) -> tuple[About, ...]:
    if event.startswith("payment_session."):
        session_id = _id(data, "payment_session_id")
        return (About("checkout", session_id),) if session_id else ()
    if event.startswith("refund."):
        noted = data.get("metadata")
        request_id = _id(data, "payment_request_id") or (_id(noted, "payment_request_id") if noted else "")
        charge_id = request_id or _id(data, "payment_id")
        return (About("charge", charge_id),) if charge_id else ()
    if event.startswith("payment."):
        # whether a payment bears its session's reference is not confirmed; where it does not, the session's own
        # notification tells the same
        reference = _id(data, "reference_id")[:REFERENCE]
        return (About("reference", reference),) if reference else ()
    return ()


def _id(data: Any, *names: str) -> str:
    """The first of `names` in `data` that is an id."""
    found = [data.get(name) for name in names] if isinstance(data, dict) else []
    return next((one for one in found if isinstance(one, str) and AN_ID.fullmatch(one)), "")


def _refund_state(refund: dict[str, Any]) -> RefundState:
    said = refund["status"]
    if said == "SUCCEEDED":
        return RefundState(refund["id"], "succeeded")
    return RefundState(refund["id"], "failed" if said in {"FAILED", "CANCELLED"} else "pending")


def _number(amount: int, currency: str) -> int | float:
    """Docs: a JSON number in major units."""
    major = to_major(amount, currency)
    return int(major) if major == int(major) else float(major)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None

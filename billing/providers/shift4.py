"""Shift4 (api.shift4.com, formerly SecurionPay): one charge for each purchase, paid on the page of a redirect method.

Facts are from dev.shift4.com ("docs") and the official Java library 3.4 ("SDK"). Cards are not offered: Shift4 takes
them in a pop-up that needs its script in our pages, which our content security policy does not allow.
"""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from urllib.parse import quote

import httpx

from billing.money import places
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

PAGE = 100
AN_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
CHARGED: dict[str, Literal["pending", "paid", "failed"]] = {
    "successful": "paid",
    "pending": "pending",
    "failed": "failed",
}
REFUNDED: dict[str, Literal["pending", "succeeded", "failed"]] = {
    "successful": "succeeded",
    "pending": "pending",
    "failed": "failed",
}
CHECKED_OUT: dict[str, Literal["open", "paid", "failed"]] = {"pending": "open", "paid": "paid", "failed": "failed"}
WON = "chargeback_represented_successfully"  # SDK: DisputeStatus


class Shift4(Limited):
    name = "shift4"
    title = "Shift4"
    abilities = frozenset({"list_charges", "partial_refund"})

    def __init__(self, block: dict[str, Any]) -> None:
        self._method = block["PAYMENT_METHOD"]
        self._auth = httpx.BasicAuth(block["API_KEY"], "")
        self._caller = Caller(self.name, block["BASE_URL"])

    # --- checkouts and charges ---

    def create_checkout(self, order: Order) -> Checkout:
        """A charge by a redirect method; its id is both session and intent. A repeat of the key gives the same one."""
        if order.every:
            raise NotOffered(self.name, "subscriptions")
        if places(order.currency) != 2:
            # not confirmed: whether it counts yen in yen or in hundredths
            raise ProviderError(
                f"{self.name} is not asked for {order.currency}",
                permanent=True,
                public=f"{self.title} can't be paid in {order.currency} here.",
            )
        body = {
            "amount": order.amount,
            "currency": order.currency,
            "description": order.description,
            "paymentMethod": {"type": self._method, "billing": _billing(order)},
            "flow": {"returnUrl": order.success_url},
            "metadata": {"reference": order.reference},
        }
        charge = self._caller.json("POST", "/charges", key=order.reference, auth=self._auth, json=body)
        url = ((charge.get("flow") or {}).get("redirect") or {}).get("redirectUrl")
        if not url:
            raise ProviderError(f"{self.name} has no page for {self._method}", permanent=True)
        return Checkout(session_id=charge["id"], url=url)

    def read_checkout(self, session_id: str, reference: str) -> CheckoutState:
        charge = self.read_charge(session_id)
        return CheckoutState(CHECKED_OUT[charge.status], charge) if charge else CheckoutState("open")

    def read_charge(self, intent_id: str) -> Charge | None:
        path = f"/charges/{quote(intent_id, safe='')}"
        response = self._caller.call("GET", path, auth=self._auth, expect=(404,))
        return None if response.status_code == 404 else _charge(response.json())

    def list_charges(self, day: date) -> Iterable[Charge]:
        """By the time they were made at, newest first (SDK: ChargeListRequest, CreatedFilter)."""
        start = datetime.combine(day, time.min, UTC)
        params: dict[str, Any] = {
            "limit": PAGE,
            "created[gte]": int(start.timestamp()),
            "created[lt]": int((start + timedelta(days=1)).timestamp()),
        }
        while True:
            page = self._caller.json("GET", "/charges", auth=self._auth, params=params)
            yield from (_charge(charge) for charge in page["list"])
            if not page.get("hasMore") or not page["list"]:
                return
            params["startingAfterId"] = page["list"][-1]["id"]

    # --- refunds ---

    def refund(self, order: RefundOrder) -> RefundState:
        """The reason stays with us: theirs is a fixed list with nothing in it but `fraudulent` (SDK: RefundReason)."""
        body = {"chargeId": order.intent_id, "amount": order.amount}
        answer = self._caller.json("POST", "/refunds", key=order.key, auth=self._auth, json=body)
        return RefundState(answer["id"], REFUNDED[answer["status"]])

    # --- notifications ---

    def verify(self, incoming: Incoming) -> Notice:
        """Reads the event back with our key: Shift4 signs nothing, and the docs say to take only its id from the body.

        Raises ProviderError where Shift4 can't be asked: it sends again what was not answered with 200.
        """
        event_id = json_object(incoming.body).get("id")
        if not isinstance(event_id, str) or not AN_ID.fullmatch(event_id):
            raise Forged("it has no event's id")
        response = self._caller.call("GET", f"/events/{event_id}", auth=self._auth, expect=(400, 404))
        if not response.is_success:
            raise Forged("Shift4 knows no such event")
        event = response.json()
        return Notice(event["id"], event["type"][:120], _about(event))


def _billing(order: Order) -> dict[str, str]:
    return {name: value for name, value in (("name", order.payer.name), ("email", order.payer.email)) if value}


def _charge(charge: dict[str, Any]) -> Charge:
    dispute = charge.get("dispute") or {}
    return Charge(
        intent_id=charge["id"],
        status=CHARGED[charge["status"]],
        amount=charge["amount"],
        currency=charge["currency"],
        reference=(charge.get("metadata") or {}).get("reference", ""),
        session_id=charge["id"],
        refunded=_refunded(charge),
        disputed=bool(charge.get("disputed")) and dispute.get("status") != WON,
        paid_at=datetime.fromtimestamp(charge["created"], UTC) if charge["status"] == "successful" else None,
    )


def _refunded(charge: dict[str, Any]) -> int:
    """What has gone back for good: a refund may be pending, and fail (SDK: RefundStatus)."""
    refunds = charge.get("refunds")
    if not refunds:
        return charge.get("amountRefunded") or 0
    return sum(refund["amount"] for refund in refunds if refund.get("status", "successful") == "successful")


def _about(event: dict[str, Any]) -> tuple[About, ...]:
    """The charge of an event: it is the event's `data`, or what that names in `charge` (a refund's id, a dispute's
    whole charge)."""
    data = event.get("data") or {}
    kind = event["type"]
    if kind.startswith(("REFUND_", "CHARGE_DISPUTE_")):
        charge = data.get("charge")
        charge_id = charge.get("id") if isinstance(charge, dict) else charge
    else:
        charge_id = data.get("id") if kind.startswith("CHARGE_") else None
    return (About("charge", charge_id),) if charge_id else ()

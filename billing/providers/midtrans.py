"""Midtrans (Indonesia): one purchase in rupiah, paid on its Snap page.

Facts are from docs.midtrans.com ("docs") and from what its maintainers say in its FAQ and repositories. Our reference
is Midtrans' `order_id`, and that is session and intent too: a payer whose card was refused tries another on the same
page, which is another `transaction_id` under the same `order_id`.
"""

import hashlib
import hmac
import json
import math
import re
from datetime import UTC, datetime, timedelta, timezone
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

RUPIAH = "IDR"
JAKARTA = timezone(timedelta(hours=7))  # docs: times are GMT+7
LONGEST_NAME = 50  # of an item
LONGEST_REASON = 255
PAID = {"settlement", "refund", "partial_refund", "chargeback", "partial_chargeback"}
DISPUTED = {"chargeback", "partial_chargeback"}
UNDONE = {"deny", "cancel"}
FAILED = UNDONE | {"expire", "failure"}
BUSY = {429, 500, 502, 503, 504, 505}
A_STATUS = re.compile(r"[a-z_]{1,40}")
LATER = 6 * 3600  # seconds until a card that was captured may have been settled


class Midtrans(Limited):
    name = "midtrans"
    title = "Midtrans"
    abilities = frozenset({"partial_refund"})
    currencies = frozenset({RUPIAH})

    def __init__(self, block: dict[str, Any]) -> None:
        self._key = block["SERVER_KEY"]
        self._auth = httpx.BasicAuth(self._key, "")
        self._snap = Caller(self.name, block["SNAP_URL"])
        self._core = Caller(self.name, block["CORE_URL"])

    # --- checkouts and charges ---

    def create_checkout(self, order: Order) -> Checkout:
        """A Snap page. Asking again for an `order_id` gives another page and ends the one before (FAQ: "it will revoke
        the old token"), so a try whose answer was lost is repeated; one that was answered is kept and given again, so
        that nobody's page ends under their hands. An `order_id` that was paid is refused for good."""
        if order.every:
            raise NotOffered(self.name, "subscriptions")
        body = self._transaction(order)
        return one_page(self.name, order, lambda: self._open(order.reference, body))

    def _open(self, order_id: str, body: dict[str, Any]) -> Checkout:
        answer = self._snap.json("POST", "/snap/v1/transactions", auth=self._auth, json=body, repeatable=True)
        return Checkout(order_id, answer["redirect_url"])

    def _transaction(self, order: Order) -> dict[str, Any]:
        price = self._rupiah(order.amount, order.currency)
        minutes = math.ceil((order.expires_at - datetime.now(UTC)).total_seconds() / 60)
        customer = {"first_name": order.payer.name, "email": order.payer.email}
        return {
            "transaction_details": {"order_id": order.reference, "gross_amount": price},
            "item_details": [
                {"id": "purchase", "price": price, "quantity": 1, "name": order.description[:LONGEST_NAME]}
            ],
            "customer_details": {name: value for name, value in customer.items() if value},
            "credit_card": {"secure": True},
            "callbacks": {"finish": order.success_url},
            "expiry": {"duration": max(minutes, 1), "unit": "minute"},
        }

    def _rupiah(self, amount: int, currency: str) -> int:
        """Our minor units are hundredths, Midtrans takes whole rupiah."""
        major = to_major(amount, currency)
        if currency != RUPIAH or major != int(major):
            raise ProviderError(
                f"{self.name} takes whole rupiah, not {major} {currency}",
                permanent=True,
                public="Midtrans takes whole rupiah only.",
            )
        return int(major)

    def read_checkout(self, session_id: str, reference: str) -> CheckoutState:
        """Open until the payer has chosen how to pay: before that Midtrans knows no transaction (docs)."""
        status = self._status(session_id)
        if status is None:
            return CheckoutState("open")
        charge = _charge(status)
        if charge.status == "failed":
            return CheckoutState("expired" if status["transaction_status"] == "expire" else "failed", charge)
        return CheckoutState("paid" if charge.status == "paid" else "open", charge)

    def read_charge(self, intent_id: str) -> Charge | None:
        status = self._status(intent_id)
        return _charge(status) if status else None

    # --- refunds ---

    def refund(self, order: RefundOrder) -> RefundState:
        """`refund_key` makes a repeat the same refund (docs). A card that is captured but not settled yet can't be
        refunded, only be let go of as a whole (docs: "use the Cancel API instead")."""
        status = self._status(order.intent_id)
        if status is None:
            raise ProviderError(f"{self.name} knows no order {order.intent_id}", permanent=True)
        done = RefundState(order.key, "succeeded")
        if status["transaction_status"] == "cancel" or _is_listed(status, order.key):
            return done
        if status["transaction_status"] == "capture":
            self._let_go(order)
            return done
        body = {
            "refund_key": order.key,
            "amount": self._rupiah(order.amount, order.currency),
            "reason": order.reason[:LONGEST_REASON],
        }
        self._act(order.intent_id, "refund", json=body)
        return done

    def _let_go(self, order: RefundOrder) -> None:
        if order.amount != order.total:
            raise ProviderError(
                f"{self.name} can't refund a part of {order.intent_id} before it is settled",
                permanent=False,
                public="The bank has not settled this payment yet. A part of it can go back from tomorrow on.",
                retry_after=LATER,
            )
        try:
            self._act(order.intent_id, "cancel")
        except ProviderError as error:
            # an earlier try whose answer was lost
            if not error.permanent or (self._status(order.intent_id) or {}).get("transaction_status") != "cancel":
                raise

    # --- notifications ---

    def verify(self, incoming: Incoming) -> Notice:
        """The signature covers `order_id`, `status_code` and `gross_amount` only (docs): what the rest says is not
        believed, and is in the event's id only to tell one from another."""
        body = json_object(incoming.body)
        parts = [body.get(name) for name in ("order_id", "status_code", "gross_amount", "signature_key")]
        if not all(isinstance(part, str) for part in parts):
            raise Forged("it lacks what is signed")
        order_id, status_code, gross_amount, given = map(str, parts)
        try:
            expected = signature(self._key, order_id, status_code, gross_amount)
            matches = hmac.compare_digest(given.encode(), expected.encode())
        except UnicodeEncodeError as error:
            raise Forged("it is no text") from error
        if not matches:
            raise Forged("its signature does not match")
        status = body.get("transaction_status")
        kind = status if isinstance(status, str) and A_STATUS.fullmatch(status) else "unknown"
        # two refunds of a part are alike but for their amounts
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:32]
        return Notice(f"{order_id[:100]}:{kind}:{digest}", f"transaction.{kind}", (About("reference", order_id),))

    # --- calling ---

    def _status(self, order_id: str) -> dict[str, Any] | None:
        """None until the payer has chosen how to pay."""
        return self._ask("GET", order_id, "status")

    def _act(self, order_id: str, action: str, **options: Any) -> None:
        if self._ask("POST", order_id, action, repeatable=True, **options) is None:
            raise ProviderError(f"{self.name} knows no order {order_id}", permanent=True)

    def _ask(self, method: str, order_id: str, what: str, **options: Any) -> dict[str, Any] | None:
        """The Core API says whether it did something by `status_code` in the body, whatever the status of HTTP; of a
        transaction that was refused or is over it is 202 or 407, which is an answer."""
        path = f"/v2/{quote(order_id, safe='')}/{what}"
        response = self._core.call(method, path, auth=self._auth, expect=(404,), **options)
        if response.status_code == 404:
            return None
        answer: dict[str, Any] = response.json()
        code = int(answer["status_code"])
        if code == 404:
            return None
        if code >= 400 and (method != "GET" or "transaction_status" not in answer):
            log.warning("payment provider refused", provider=self.name, method=method, status=code)
            raise ProviderError(
                f"{self.name} answered {code} to {what}: {str(answer.get('status_message'))[:200]}",
                permanent=code not in BUSY,
                unknown=code >= 500,
                public="The payment service refused this."
                if code not in BUSY
                else "The payment service does not answer just now.",
            )
        return answer


def signature(key: str, order_id: str, status_code: str, gross_amount: str) -> str:
    """Over the values as they stand in the body (docs: "HTTP(S) Notification")."""
    return hashlib.sha512(f"{order_id}{status_code}{gross_amount}{key}".encode()).hexdigest()


def _charge(status: dict[str, Any]) -> Charge:
    said, currency = status["transaction_status"], status.get("currency", RUPIAH)
    amount = from_major(status["gross_amount"], currency)
    settled = "settlement_time" in status
    is_paid = said in PAID or (said == "capture" and status.get("fraud_status") == "accept")
    reversed_ = said == "deny" and settled
    refunded = from_major(status.get("refund_amount", "0"), currency)
    if said == "refund" and not refunded:
        refunded = amount
    if said in UNDONE:
        # Money that had come is gone: a settlement that turned into `deny`, a capture that was cancelled. Whether it
        # had come Midtrans does not say, our books do: what was credited goes back, and where nothing was, nothing.
        refunded = amount
    return Charge(
        intent_id=status["order_id"],
        status="paid" if is_paid or reversed_ else "failed" if said in FAILED else "pending",
        amount=amount,
        currency=currency,
        reference=status["order_id"],
        session_id=status["order_id"],
        refunded=min(refunded, amount),
        disputed=said in DISPUTED,
        paid_at=_time(status.get("settlement_time") or status.get("transaction_time"))
        if is_paid or reversed_
        else None,
    )


def _is_listed(status: dict[str, Any], key: str) -> bool:
    """Docs: a refund that the status lists was taken, one that it does not may be asked for again."""
    return any(refund.get("refund_key") == key for refund in status.get("refunds") or ())


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=JAKARTA) if text else None

"""TrustPay (trustpay.eu; in part called finby): its Acceptance API, with cards on TrustPay's own page.

The official pages are at hand only in their opening part ("docs"). Field lists, result codes and the signature are from
integrations that others run ("seen": hyperswitch, marekvikartovsky/trustpay-php, juspay). docs/payments.md says what
is not confirmed.
"""

import hashlib
import hmac
import threading
import time
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote

import httpx
import structlog
from django.conf import settings

from billing.money import from_major, places, to_major
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

# not confirmed by TrustPay; three integrations use it
REFUND_PATH = "/api/Payments/Payment/{id}/Refund"
TOKEN_SECONDS = 1800  # seen; used where an answer does not say
TOKEN_MARGIN = 60  # a token is renewed so many seconds before its end
REFUSED = (400, 404)  # whose body says why, in `ResultInfo`
THROTTLED = 1132014
UNKNOWN_PAYMENT = {1132005, 1133002}
REFUND_DONE = 1001000
REFUND_UNDER_WAY = {1130000, 1130001, 1130002, 1130003, 1130004, 1130005}
# what the payer's money did, by the status of the payment (seen); every other status is on its way
STATUSES: dict[str, Literal["paid", "failed"]] = {
    "Paid": "paid",
    "Refunded": "paid",
    "Chargebacked": "paid",
    "RapidDisputeResolution": "paid",
    "Rejected": "failed",
}
DISPUTED = {"Chargebacked", "RapidDisputeResolution"}
CHECKED_OUT: dict[str, Literal["open", "paid", "failed"]] = {"pending": "open", "paid": "paid", "failed": "failed"}
# the fields that the older API's notification signs, in this order (seen)
SIGNED_FOR_CARDS = [
    "AccountId",
    "Amount",
    "Currency",
    "Reference",
    "Type",
    "ResultCode",
    "PaymentRequestId",
    "CardId",
    "CardMask",
    "CardExpiration",
    "AuthNumber",
]
SIGNED_FOR_WIRES = [
    "AccountId",
    "Amount",
    "Currency",
    "Type",
    "ResultCode",
    "CounterAccount",
    "CounterAccountName",
    "OrderId",
    "PaymentId",
    "Reference",
    "RefuseReason",
]

_tokens: dict[tuple[str, str, str], tuple[str, float]] = {}  # (host, project, secret) -> the token, and until when
_tokens_lock = threading.Lock()


class TrustPay(Limited):
    """Refunds are of the whole only: nothing that TrustPay is known to take tells a repeat from another refund, and
    of a whole a second one can't succeed."""

    name = "trustpay"
    title = "TrustPay"

    def __init__(self, block: dict[str, Any]) -> None:
        self._project = block["PROJECT_ID"]
        self._secret = block["SECRET_KEY"]
        self._base_url = block["BASE_URL"]
        self._caller = Caller(self.name, self._base_url)

    # --- checkouts and charges ---

    def create_checkout(self, order: Order) -> Checkout:
        """TrustPay knows no repeats: every asking makes another page, of which `one_page` lets one out."""
        if order.every:
            raise NotOffered(self.name, "subscriptions")
        if places(order.currency) != 2:
            # not confirmed: how amounts of other currencies are written
            raise ProviderError(
                f"{self.name} is not asked for {order.currency}",
                permanent=True,
                public=f"{self.title} can't be paid in {order.currency} here.",
            )
        return one_page(self.name, order, lambda: self._open(order))

    def _open(self, order: Order) -> Checkout:
        answer = self._ask("POST", "/api/Payments/Payment", json=self._payment(order))
        if not answer.get("GatewayUrl"):
            raise self._refused(answer, "a payment")
        return Checkout(str(answer["PaymentRequestId"]), answer["GatewayUrl"])

    def _payment(self, order: Order) -> dict[str, Any]:
        return {
            "PaymentMethod": "Card",
            "MerchantIdentification": {"ProjectId": self._project},
            "PaymentInformation": {
                "Amount": _amount(order.amount, order.currency),
                "Localization": order.payer.locale[:2],
                "References": {"MerchantReference": order.reference},
                "CardTransaction": {"PaymentType": "Purchase"},
                "IsRedirect": True,
            },
            "CallbackUrls": {
                "Success": order.success_url,
                "Cancel": order.cancel_url,
                "Error": order.success_url,
                "Notification": f"{settings.PUBLIC_URL}/webhooks/trustpay",
            },
        }

    def read_checkout(self, session_id: str, reference: str) -> CheckoutState:
        charge = self.read_charge(session_id)
        return CheckoutState(CHECKED_OUT[charge.status], charge) if charge else CheckoutState("open")

    def read_charge(self, intent_id: str) -> Charge | None:
        """Says nothing of when it was paid: no integration reads a time from TrustPay's answer."""
        answer = self._ask("GET", f"/api/Payments/Payment/{quote(intent_id, safe='')}")
        information = answer.get("PaymentInformation")
        if information:
            return _charge(intent_id, information)
        if not answer or _code(answer) in UNKNOWN_PAYMENT:
            return None
        raise self._refused(answer, "a payment's status")

    # --- refunds ---

    def refund(self, order: RefundOrder) -> RefundState:
        """Reads first whether an earlier try went through. Its id is the payment's own, which has one refund only."""
        charge = self.read_charge(order.intent_id)
        if charge is None:
            raise ProviderError(f"{self.name} knows no payment {order.intent_id}", permanent=True)
        done = RefundState(order.intent_id, "succeeded")
        if charge.refunded >= order.already + order.amount:
            return done
        if order.amount != order.total or order.already:
            raise NotOffered(self.name, "a refund of a part")
        answer = self._ask("POST", REFUND_PATH.format(id=quote(order.intent_id, safe="")), json=self._back(charge))
        if _code(answer) == REFUND_DONE:
            return done
        if _code(answer) in REFUND_UNDER_WAY:
            return RefundState(order.intent_id, "pending")
        # it may be refused because of an earlier try that was slow to get through
        now = self.read_charge(order.intent_id)
        if now and now.refunded == now.amount:
            return done
        raise self._refused(answer, "a refund")

    def _back(self, charge: Charge) -> dict[str, Any]:
        # with the reference of the payment, its notification leads back to it
        return {
            "MerchantIdentification": {"ProjectId": self._project},
            "PaymentInformation": {
                "Amount": _amount(charge.amount, charge.currency),
                "References": {"MerchantReference": charge.reference},
            },
        }

    # --- notifications ---

    def verify(self, incoming: Incoming) -> Notice:
        """POSTs of the Acceptance API; and the older API's GETs, for merchants who still have that one too."""
        if not incoming.body and incoming.query:
            return self._verify_query(incoming.query)
        notification = json_object(incoming.body)
        given = notification.pop("Signature", None)
        information = notification.get("PaymentInformation")
        try:
            expected = signature(self._secret, signed_text(notification))
            matches = isinstance(given, str) and hmac.compare_digest(given.encode(), expected.encode())
        except (ValueError, OverflowError) as error:
            raise Forged("it can't be what TrustPay signs") from error
        if not matches or not isinstance(information, dict) or not isinstance(information.get("References"), dict):
            # two integrations differ in how empty values are signed: this tells of it, should we have the wrong one
            log.warning("trustpay signature does not match", fields=len(notification))
            raise Forged("its signature does not match")
        return _notice(information)

    def _verify_query(self, query: Mapping[str, str]) -> Notice:
        given = query.get("Signature", "").encode()
        valid = [
            hmac.compare_digest(given, signature(self._secret, "/".join(filter(None, map(query.get, names)))).encode())
            for names in (SIGNED_FOR_CARDS, SIGNED_FOR_WIRES)
        ]
        if not any(valid):
            raise Forged("its signature does not match")
        code, reference = query.get("ResultCode", ""), query.get("Reference", "")
        name = query.get("PaymentRequestId") or query.get("PaymentId") or reference
        event_id = f"{name}:{query.get('Type', '')}:{code}"
        return Notice(event_id[:255], f"result.{code}"[:120], (About("reference", reference),) if reference else ())

    # --- calling ---

    def _ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """What TrustPay answers, of a refusal its `ResultInfo`, of what it does not know nothing. A token that it no
        longer takes is renewed once."""
        token = self._token()
        response = self._call(method, path, token, (*REFUSED, 401), options)
        if response.status_code == 401:
            response = self._call(method, path, self._token(instead_of=token), REFUSED, options)
        if response.status_code == 404:
            return {}
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise ProviderError(f"{self.name} answered no JSON", permanent=False, unknown=True)
        if not response.is_success and "ResultInfo" not in answer:
            answer = {"ResultInfo": {"ResultCode": response.status_code}}
        return answer

    def _call(
        self, method: str, path: str, token: str, expect: tuple[int, ...], options: dict[str, Any]
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return self._caller.call(method, path, headers=headers, expect=expect, **options)

    def _token(self, instead_of: str = "") -> str:
        """OAuth2 client credentials (docs), kept in the process until shortly before the token's end."""
        key = (self._base_url, self._project, self._secret)
        with _tokens_lock:
            token, until = _tokens.get(key, ("", 0.0))
        if token and token != instead_of and time.monotonic() < until:
            return token
        asked_at = time.monotonic()
        answer = self._caller.json(
            "POST",
            "/api/oauth2/token",
            auth=httpx.BasicAuth(self._project, self._secret),
            data={"grant_type": "client_credentials"},
            repeatable=True,
        )
        if not answer.get("access_token"):
            raise self._refused(answer, "a token")
        seconds = float(answer.get("expires_in") or TOKEN_SECONDS) - TOKEN_MARGIN
        with _tokens_lock:
            _tokens[key] = (answer["access_token"], asked_at + seconds)
        return str(answer["access_token"])

    def _refused(self, answer: dict[str, Any], what: str) -> ProviderError:
        code = _code(answer)
        log.warning("payment provider refused", provider=self.name, what=what, code=code)
        throttled = code == THROTTLED
        public = "The payment service does not answer just now." if throttled else "The payment service refused this."
        return ProviderError(f"{self.name} refused {what}: {code}", permanent=not throttled, public=public)


# --- signatures -------------------------------------------------------------------------------------------------------


def signature(secret: str, text: str) -> str:
    """HMAC-SHA256, in upper-case hexadecimal."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest().upper()


def signed_text(notification: dict[str, Any]) -> str:
    """All values of a notification without its `Signature`, sorted by code unit and joined. Empty ones are left out
    (not confirmed)."""
    waiting, texts = [notification], []
    while waiting:
        value: Any = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        elif text := _text(value):
            texts.append(text)
    return "/".join(sorted(texts, key=lambda text: text.encode("utf-16-be")))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value}.00"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _notice(information: dict[str, Any]) -> Notice:
    references, status = information["References"], str(information.get("Status", ""))
    request_id, payment_id = references.get("PaymentRequestId"), references.get("PaymentId")
    event_id = ":".join(str(part) for part in (request_id, status, payment_id) if part)
    reference = references.get("MerchantReference")
    about = (About("reference", str(reference)),) if reference else ()
    if not about and information.get("CreditDebitIndicator") == "CRDT" and request_id:
        about = (About("charge", str(request_id)),)
    return Notice(event_id[:255], f"{information.get('CreditDebitIndicator', '')}.{status}"[:120], about)


# --- what the answers say ---------------------------------------------------------------------------------------------


def _amount(amount: int, currency: str) -> dict[str, str]:
    return {"Amount": f"{to_major(amount, currency):.2f}", "Currency": currency}


def _charge(intent_id: str, information: dict[str, Any]) -> Charge:
    status, currency = information.get("Status", ""), information["Amount"]["Currency"]
    amount = from_major(information["Amount"]["Amount"], currency)
    return Charge(
        intent_id=intent_id,
        status=STATUSES.get(status, "pending"),
        amount=amount,
        currency=currency,
        reference=(information.get("References") or {}).get("MerchantReference") or "",
        session_id=intent_id,
        refunded=amount if status == "Refunded" else 0,
        disputed=status in DISPUTED,
    )


def _code(answer: dict[str, Any]) -> int:
    """0 where there is none."""
    return int((answer.get("ResultInfo") or {}).get("ResultCode") or 0)

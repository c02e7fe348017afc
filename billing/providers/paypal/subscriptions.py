"""PayPal's subscriptions.

PayPal has no cancellation at the period's end: `cancel` ends a subscription at once and for good (docs), but takes no
money back, and the time is paid. So whoever ends a plan is suspended: a suspended one is not charged and can be
activated again, which is our resume. When its time has run out it is cancelled for good. One that its payer cancelled
at PayPal holds until its paid time is over, and can't be resumed.

Periods are counted from the start in whole months or years, whenever in a day or after how many tries PayPal charged:
a paid period ends exactly where the next begins.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from dateutil.relativedelta import relativedelta
from django.core.cache import cache

from billing.providers.base import Charge, Checkout, CheckoutState, Order, Period, ProviderError, SubscriptionState
from billing.providers.paypal.amounts import minor, moment, money, stamp
from billing.providers.paypal.api import Api, approval_url, in_path, issue_of
from billing.providers.paypal.books import Books
from billing.providers.paypal.orders import LONGEST_TEXT, locale_of

PRODUCT = "TROUPE-PLANS"  # a product's id may be ours (spec), so that it is made once
LATEST = 3  # charges that are looked at again; an older one is, when a notification names it
AT_ONCE = "Ended at once, as was asked for."
AT_PERIOD_END = "Ends with the time that is paid."
RESUMED = "Goes on, as was asked for."
OVER = "The time that was paid is over."
FAILURES = 3  # after so many PayPal suspends it (spec: payment_failure_threshold)
EVERY: dict[tuple[str, int], Period] = {("MONTH", 1): "month", ("MONTH", 12): "year", ("YEAR", 1): "year"}
LENGTH: dict[Period, relativedelta] = {"month": relativedelta(months=1), "year": relativedelta(years=1)}
DAYS: dict[Period, float] = {"month": 30.436875, "year": 365.2425}
PAID = {"COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"}
GONE = {"CANCELLED", "EXPIRED"}


class Subscriptions:
    def __init__(self, api: Api, books: Books, account: str) -> None:
        self._api = api
        self._books = books
        self._account = account

    # --- beginning ---

    def begin(self, order: Order) -> Checkout:
        body = {
            "plan_id": order.price_ref or self._plan_of(order),
            "custom_id": order.reference,
            "subscriber": {"email_address": order.payer.email},
            "application_context": {
                "user_action": "SUBSCRIBE_NOW",
                "shipping_preference": "NO_SHIPPING",
                "return_url": order.success_url,
                "cancel_url": order.cancel_url,
                **locale_of(order.payer),
            },
        }
        answer = self._api.json("POST", "/v1/billing/subscriptions", key=f"subscription-{order.reference}", json=body)
        return Checkout(answer["id"], approval_url(answer))

    def _plan_of(self, order: Order) -> str:
        """PayPal's plan of this price. Made once and remembered; where both forget it (PayPal a key after 72 hours,
        spec), there are two plans of the same price, which does no harm."""
        terms = f"{order.description}|{order.amount}|{order.currency}|{order.every}"
        digest = hashlib.sha256(f"{self._account}|{terms}".encode()).hexdigest()[:32]
        known = cache.get(f"paypal-plan:{digest}")
        if known:
            return str(known)
        self._make_product()
        name = order.description[:LONGEST_TEXT]
        cycle = {
            "frequency": {"interval_unit": str(order.every).upper(), "interval_count": 1},
            "tenure_type": "REGULAR",
            "sequence": 1,
            "total_cycles": 0,
            "pricing_scheme": {"fixed_price": money(order.amount, order.currency)},
        }
        preferences = {"auto_bill_outstanding": True, "payment_failure_threshold": FAILURES}
        body = {
            "product_id": PRODUCT,
            "name": name,
            "status": "ACTIVE",
            "billing_cycles": [cycle],
            "payment_preferences": preferences,
        }
        plan_id = str(self._api.json("POST", "/v1/billing/plans", key=f"plan-{digest}", json=body)["id"])
        cache.set(f"paypal-plan:{digest}", plan_id, None)
        return plan_id

    def _make_product(self) -> None:
        body = {"id": PRODUCT, "name": "Plans", "type": "SERVICE"}
        response = self._api.call("POST", "/v1/catalogs/products", key=f"product-{PRODUCT}", json=body, expect=(422,))
        # the spec names no issue for an id that is taken; "DUPLICATE_RESOURCE_IDENTIFIER" is what people report
        if response.status_code == 422 and not issue_of(response).startswith("DUPLICATE"):
            raise ProviderError(f"paypal refused the product: {issue_of(response)}", permanent=True)

    # --- reading ---

    def read_checkout(self, subscription_id: str) -> CheckoutState:
        state = self.read(subscription_id)
        if state is None or state.status == "expired":
            return CheckoutState("expired", subscription=state)
        if any(charge.status == "paid" for charge in state.charges):
            return CheckoutState("paid", subscription=state)
        return CheckoutState("expired" if state.status == "cancelled" else "open", subscription=state)

    def read(self, subscription_id: str) -> SubscriptionState | None:
        raw = self._raw(subscription_id)
        if raw is None:
            return None
        state = self._state(raw)
        if raw["status"] == "SUSPENDED" and state.status == "cancelled":
            # nobody may activate it again: with us it is over
            self._act(subscription_id, "cancel", OVER)
        return state

    def _raw(self, subscription_id: str) -> dict[str, Any] | None:
        # spec: `fields=plan` adds the plan with its price
        return self._api.get(f"/v1/billing/subscriptions/{in_path(subscription_id)}", params={"fields": "plan"})

    def _state(self, raw: dict[str, Any]) -> SubscriptionState:
        amount, currency, every = _terms(raw["plan"])
        start = moment(raw["start_time"]) or datetime.now(UTC)
        charges = self._charges(raw, start, every)
        paid = [charge for charge in charges if charge.status == "paid" and charge.period_start]
        period_start = max((charge.period_start for charge in paid if charge.period_start), default=start)
        period_end = _boundary(start, every, _index(start, every, period_start) + 1)
        status, ends = _status(raw, is_paid=bool(paid), is_over=period_end <= datetime.now(UTC))
        return SubscriptionState(
            subscription_id=raw["id"],
            status=status,
            amount=amount,
            currency=currency,
            every=every,
            period_start=period_start,
            period_end=period_end,
            cancel_at_period_end=ends,
            price_ref=raw.get("plan_id", ""),
            reference=raw.get("custom_id", ""),
            charges=tuple(charges),
        )

    def _charges(self, raw: dict[str, Any], start: datetime, every: Period) -> list[Charge]:
        if raw["status"] in {"APPROVAL_PENDING", "APPROVED"}:
            return []
        now = datetime.now(UTC)
        # spec: both ends of the time are required; two periods and a little are enough for the latest charges
        days = DAYS[every] * LATEST
        since = max(start - timedelta(days=1), now - timedelta(days=days))
        params = {"start_time": stamp(since), "end_time": stamp(now + timedelta(days=1))}
        path = f"/v1/billing/subscriptions/{in_path(raw['id'])}/transactions"
        listed = (self._api.get(path, params=params) or {}).get("transactions") or []
        latest = sorted(listed, key=lambda one: str(one["time"]))[-LATEST:]
        return [self._charge(raw, transaction, start, every) for transaction in latest]

    def _charge(self, raw: dict[str, Any], transaction: dict[str, Any], start: datetime, every: Period) -> Charge:
        amount, currency = minor(transaction["amount_with_breakdown"]["gross_amount"])
        at = moment(transaction["time"]) or start
        said, number = transaction["status"], _index(start, every, at)
        is_paid = said in PAID
        return Charge(
            intent_id=transaction["id"],
            status="paid" if is_paid else "pending" if said == "PENDING" else "failed",
            amount=amount,
            currency=currency,
            reference=raw.get("custom_id", "") if number == 0 else "",
            session_id=raw["id"] if number == 0 else "",
            subscription_id=raw["id"],
            refunded=self.refunded(said, amount, transaction["id"], at),
            disputed=is_paid and self._books.is_disputed(transaction["id"]),
            paid_at=at if is_paid else None,
            period_start=_boundary(start, every, number),
            period_end=_boundary(start, every, number + 1),
        )

    def refunded(self, said: str, amount: int, transaction_id: str, at: datetime) -> int:
        """A subscription's payment says that a part went back, and not how much: the account's list does."""
        if said.upper() == "REFUNDED":
            return amount
        return min(self._books.refunded(transaction_id, at), amount) if said.upper() == "PARTIALLY_REFUNDED" else 0

    # --- ending ---

    def cancel(self, subscription_id: str, *, at_period_end: bool) -> None:
        raw = self._raw(subscription_id)
        if raw is None or raw["status"] in GONE or (at_period_end and raw["status"] == "SUSPENDED"):
            return
        if at_period_end:
            self._act(subscription_id, "suspend", AT_PERIOD_END)
        else:
            self._act(subscription_id, "cancel", AT_ONCE)

    def resume(self, subscription_id: str) -> None:
        raw = self._raw(subscription_id)
        if raw is not None and raw["status"] == "ACTIVE":
            return
        if raw is None or raw["status"] != "SUSPENDED":
            raise ProviderError(
                f"paypal has ended {subscription_id} for good",
                permanent=True,
                public="PayPal has ended this subscription for good. Please choose a plan again when its time is over.",
            )
        self._act(subscription_id, "activate", RESUMED)

    def _act(self, subscription_id: str, action: str, reason: str) -> None:
        """Answers 204. Repeating it is safe: a second one is refused with 422 and changes nothing."""
        path = f"/v1/billing/subscriptions/{in_path(subscription_id)}/{action}"
        response = self._api.call("POST", path, json={"reason": reason}, repeatable=True, expect=(422,))
        if response.status_code != 422:
            return
        raw = self._raw(subscription_id)
        reached = {"cancel": GONE, "suspend": GONE | {"SUSPENDED"}, "activate": {"ACTIVE"}}[action]
        if raw is None or raw["status"] not in reached:
            raise ProviderError(f"paypal would not {action} {subscription_id}: {issue_of(response)}", permanent=True)


Said = Literal["incomplete", "trialing", "active", "past_due", "cancelled", "expired"]


def _status(raw: dict[str, Any], *, is_paid: bool, is_over: bool) -> tuple[Said, bool]:
    """What it is to us, and whether it ends with its period. What was never paid has not begun."""
    said = raw["status"]
    failed = int((raw.get("billing_info") or {}).get("failed_payments_count") or 0) > 0
    if said == "EXPIRED":
        return "expired", False
    if said == "CANCELLED":
        holds = is_paid and not is_over and not failed and raw.get("status_change_note") != AT_ONCE
        return ("active", True) if holds else ("cancelled", False)
    if not is_paid:
        return "incomplete", False
    if failed:
        return "past_due", False
    if said == "SUSPENDED":
        return ("cancelled", False) if is_over else ("active", True)
    return "active", False


def _terms(plan: dict[str, Any]) -> tuple[int, str, Period]:
    cycle = next(cycle for cycle in plan["billing_cycles"] if cycle["tenure_type"] == "REGULAR")
    frequency = cycle["frequency"]
    every = EVERY.get((frequency["interval_unit"], int(frequency.get("interval_count") or 1)))
    if every is None:
        raise ProviderError(f"paypal's plan {plan.get('id')} is neither of a month nor of a year", permanent=True)
    return *minor(cycle["pricing_scheme"]["fixed_price"]), every


def _index(start: datetime, every: Period, at: datetime) -> int:
    return max(round((at - start) / timedelta(days=DAYS[every])), 0)


def _boundary(start: datetime, every: Period, number: int) -> datetime:
    return start + LENGTH[every] * number

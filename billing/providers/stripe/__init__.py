"""Stripe: Checkout, subscriptions, the Billing Portal. What it is asked here; how its answers are read is in `reading`.

Written against API version 2026-05-27.dahlia, with the shapes of stripe-python 15.6's types. Facts that "docs say" are
from docs.stripe.com/api and docs.stripe.com/webhooks.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from billing.providers.base import (
    Ability,
    Charge,
    Checkout,
    CheckoutState,
    Incoming,
    KeptCharge,
    Limited,
    Notice,
    Order,
    Period,
    PlanChange,
    Proration,
    RefundOrder,
    RefundState,
    SubscriptionState,
)
from billing.providers.stripe import reading, webhooks
from billing.providers.stripe.amounts import to_stripe
from billing.providers.stripe.client import Api, Declined, Missing

LAST_INVOICES = 6  # of a subscription; earlier ones were followed in their time
PAGE = 100
OVER = {"canceled", "incomplete_expired"}
REFUNDS = {"succeeded": "succeeded", "failed": "failed", "canceled": "failed"}  # any other is on its way
_LOCALES = (  # what Checkout speaks, by its docs; for another language it goes by the browser
    "bg cs da de el en en-GB es es-419 et fi fil fr fr-CA hr hu id it ja ko lt lv ms mt nb nl pl pt pt-BR ro ru sk sl "
    "sv th tr vi zh zh-HK zh-TW"
)
LOCALES = frozenset(_LOCALES.split())


class Stripe(Limited):
    """A subscription's charges are told apart from a one-time payment's by the invoice that they paid."""

    name = "stripe"
    title = "Stripe"
    abilities: frozenset[Ability] = frozenset(
        {"subscribe", "keep", "portal", "change_plan", "list_charges", "partial_refund"}
    )

    def __init__(self, block: Mapping[str, str]) -> None:
        self._api = Api(block["SECRET_KEY"], block["BASE_URL"])
        self._v1 = self._api.v1
        self._webhook_secret = block["WEBHOOK_SECRET"]

    # --- checkout ---

    def create_checkout(self, order: Order) -> Checkout:
        """A Checkout Session. Docs say that `expires_at` has to be 30 minutes to 24 hours away, and that a repeat with
        the same key and the same body gives the first answer for at least 24 hours."""
        asked = self._session(order)
        try:
            session = self._api.ask(self._v1.checkout.sessions.create, asked, key=order.reference)
        except Missing as error:
            if error.param != "customer":
                raise
            # deleted at Stripe, or from before a change of keys; what was refused at once left nothing under the key
            anew = self._session(replace(order, payer=replace(order.payer, customer_id="")))
            session = self._api.ask(self._v1.checkout.sessions.create, anew, key=f"{order.reference}:anew")
        return Checkout(session["id"], session["url"] or "", reading.id_of(session.get("customer")))

    def _session(self, order: Order) -> dict[str, Any]:
        about = {"description": order.description, "metadata": {"reference": order.reference}}
        asked: dict[str, Any] = {
            "mode": "subscription" if order.every else "payment",
            "line_items": [{"quantity": 1, **_price(order)}],
            "client_reference_id": order.reference,
            "metadata": {"reference": order.reference},
            "success_url": order.success_url,
            "cancel_url": order.cancel_url,
            "expires_at": int(order.expires_at.timestamp()),
            "locale": order.payer.locale if order.payer.locale in LOCALES else "auto",
        }
        if order.payer.customer_id:
            asked["customer"] = order.payer.customer_id
        else:
            asked["customer_email"] = order.payer.email
        if order.every:
            return asked | {"subscription_data": about}
        if not order.payer.customer_id:
            asked["customer_creation"] = "always"
        keep = {"setup_future_usage": "off_session"} if order.keep_method else {}
        return asked | {"payment_intent_data": about | keep}

    def read_checkout(self, session_id: str, reference: str) -> CheckoutState:
        """A declined card leaves the session open: the payer may try another until it expires."""
        if not session_id:
            return CheckoutState("open")  # its address never reached anybody
        asked = {"expand": ["payment_intent.latest_charge"]}
        session = self._api.ask(self._v1.checkout.sessions.retrieve, session_id, asked)
        if subscription_id := reading.id_of(session.get("subscription")):
            subscription = self.read_subscription(subscription_id)
            charges = subscription.charges if subscription else ()
            first = next((charge for charge in charges if charge.reference), None)
            charge = replace(first, session_id=session["id"]) if first else None
            return CheckoutState(reading.checkout_status(session), charge, subscription)
        intent = session.get("payment_intent")
        charge = replace(self._one_time(intent), session_id=session["id"]) if intent else None
        return CheckoutState(reading.checkout_status(session), charge)

    # --- charges ---

    def read_charge(self, intent_id: str) -> Charge | None:
        try:
            if not intent_id.startswith("pi_"):  # taken at the dashboard in the old way, without an intent
                return self._without_intent(self._api.ask(self._v1.charges.retrieve, intent_id))
            intent = self._api.ask(self._v1.payment_intents.retrieve, intent_id, {"expand": ["latest_charge"]})
        except Missing:
            return None
        if intent["metadata"].get("reference"):
            return self._one_time(intent)
        invoice = self._invoice_of(intent_id)
        return reading.charge_of_invoice(intent, invoice, self._disputed(intent)) if invoice else self._one_time(intent)

    def _one_time(self, intent: dict[str, Any]) -> Charge:
        return reading.charge(intent, self._disputed(intent))

    def _without_intent(self, charge: dict[str, Any]) -> Charge:
        disputed = charge["disputed"] and self._contested({"charge": charge["id"]})
        return reading.charge_without_intent(charge, disputed)

    def _disputed(self, intent: dict[str, Any]) -> bool:
        """`charge.disputed` stays true after a dispute was won; only the dispute itself tells."""
        taken = intent.get("latest_charge")
        return bool(taken and taken["disputed"]) and self._contested({"payment_intent": intent["id"]})

    def _contested(self, about: dict[str, str]) -> bool:
        disputes = self._api.ask(self._v1.disputes.list, {**about, "limit": PAGE})["data"]
        return any(dispute["status"] in reading.CONTESTED for dispute in disputes)

    def _invoice_of(self, intent_id: str) -> dict[str, Any] | None:
        """Since 2025-03-31.basil an intent names its invoice no more; an invoice payment stands between them."""
        asked = {"payment": {"type": "payment_intent", "payment_intent": intent_id}, "expand": ["data.invoice"]}
        found = self._api.ask(self._v1.invoice_payments.list, asked)["data"]
        return found[0]["invoice"] if found else None

    def charge_kept(self, order: KeptCharge) -> Charge:
        """Off-session, confirmed at once. One that the bank declines, or wants the payer for, is a failed charge."""
        if known := self._charged_before(order):
            return known
        asked = {
            "amount": to_stripe(order.amount, order.currency),
            "currency": order.currency.lower(),
            "customer": order.customer_id,
            "payment_method": order.method_id,
            "description": order.description,
            "metadata": {"reference": order.reference},
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "off_session": True,
            "confirm": True,
            "expand": ["latest_charge"],
        }
        try:
            intent = self._api.ask(self._v1.payment_intents.create, asked, key=order.reference)
        except Declined as error:
            if not error.intent_id or not (charge := self.read_charge(error.intent_id)):
                raise
            return charge
        return replace(self._one_time(intent), method_id=order.method_id)

    def _charged_before(self, order: KeptCharge) -> Charge | None:
        """Stripe forgets a key after a day; the reference on the charge stays."""
        asked = {"customer": order.customer_id, "limit": PAGE, "expand": ["data.latest_charge"]}
        for intent in self._api.ask(self._v1.payment_intents.list, asked)["data"]:
            if intent["metadata"].get("reference") == order.reference:
                return self._one_time(intent)
        return None

    def refund(self, order: RefundOrder) -> RefundState:
        """Looks for the refund first, as Stripe forgets a key after a day. `reason` has few values there, so ours
        stands in the metadata."""
        of_charge = {"payment_intent" if order.intent_id.startswith("pi_") else "charge": order.intent_id}
        for refund in self._api.pages(self._v1.refunds.list, {**of_charge, "limit": PAGE}):
            if (refund["metadata"] or {}).get("key") == order.key:
                return _refund_state(refund)
        asked = {
            **of_charge,
            "amount": to_stripe(order.amount, order.currency),
            "metadata": {"key": order.key, "reason": order.reason[:500]},
        }
        return _refund_state(self._api.ask(self._v1.refunds.create, asked, key=order.key))

    def list_charges(self, day: date) -> Iterable[Charge]:
        """By the time of the charge, which is when it was paid. What a subscription's charge paid for is not told
        here (that takes a question each): `read_charge` tells."""
        start = datetime.combine(day, time(), UTC)
        within = {"gte": int(start.timestamp()), "lt": int((start + timedelta(days=1)).timestamp())}
        asked = {"created": within, "limit": PAGE, "expand": ["data.payment_intent"]}
        for taken in self._api.pages(self._v1.charges.list, asked):
            intent = taken["payment_intent"]
            if not intent:
                yield self._without_intent(taken)
            elif reading.id_of(intent["latest_charge"]) == taken["id"]:  # not an attempt before it
                yield self._one_time(intent | {"latest_charge": taken | {"payment_intent": intent["id"]}})

    # --- subscriptions ---

    def read_subscription(self, subscription_id: str) -> SubscriptionState | None:
        try:
            subscription = self._subscription(subscription_id)
        except Missing:
            return None
        asked = {"subscription": subscription_id, "limit": LAST_INVOICES, "expand": ["data.payments"]}
        invoices = self._api.ask(self._v1.invoices.list, asked)["data"]
        intents = self._intents_of(subscription, invoices)
        charges = tuple(
            reading.charge_of_invoice(intents[intent_id], invoice, self._disputed(intents[intent_id]))
            for invoice in invoices
            if (intent_id := reading.intent_of_invoice(invoice)) in intents
        )
        return reading.subscription(subscription, charges, reading.paid_until(invoices))

    def _intents_of(self, subscription: dict[str, Any], invoices: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        wanted = {intent_id for invoice in invoices if (intent_id := reading.intent_of_invoice(invoice))}
        asked = {"customer": subscription["customer"], "limit": PAGE, "expand": ["data.latest_charge"]}
        listed = self._api.ask(self._v1.payment_intents.list, asked)["data"] if wanted else []
        found = {intent["id"]: intent for intent in listed if intent["id"] in wanted}
        for intent_id in wanted - found.keys():
            one = {"expand": ["latest_charge"]}
            found[intent_id] = self._api.ask(self._v1.payment_intents.retrieve, intent_id, one)
        return found

    def _subscription(self, subscription_id: str) -> dict[str, Any]:
        return self._api.ask(self._v1.subscriptions.retrieve, subscription_id)

    def cancel_subscription(self, subscription_id: str, *, at_period_end: bool) -> None:
        try:
            if self._subscription(subscription_id)["status"] in OVER:
                return
            if at_period_end:
                self._api.ask(self._v1.subscriptions.update, subscription_id, {"cancel_at_period_end": True})
            else:
                self._api.ask(self._v1.subscriptions.cancel, subscription_id)
        except Missing:
            return

    def resume_subscription(self, subscription_id: str) -> None:
        """The portal may have set a date (`cancel_at`) instead; Stripe takes only one of the two in a call."""
        subscription = self._subscription(subscription_id)
        if subscription["cancel_at_period_end"]:
            self._api.ask(self._v1.subscriptions.update, subscription_id, {"cancel_at_period_end": False})
        elif subscription["cancel_at"]:
            self._api.ask(self._v1.subscriptions.update, subscription_id, {"cancel_at": ""})

    def preview_change(self, change: PlanChange) -> Proration:
        """As `change_plan` would bill it now. A change between monthly and yearly begins a new period at once."""
        subscription = self._subscription(change.subscription_id)
        asked = {
            "subscription": change.subscription_id,
            "subscription_details": {
                "items": [self._item(subscription, change)],
                "proration_behavior": "always_invoice",
            },
        }
        invoice = self._api.ask(self._v1.invoices.create_preview, asked)
        return reading.proration(invoice, subscription, change)

    def change_plan(self, change: PlanChange) -> str:
        """A change that is not paid at once waits (docs: for 23 hours) until the payer has paid its invoice."""
        subscription = self._subscription(change.subscription_id)
        if reading.runs_on(subscription, change):
            return ""
        asked = {
            "items": [self._item(subscription, change)],
            "proration_behavior": "always_invoice",
            "payment_behavior": "pending_if_incomplete",
            "expand": ["latest_invoice"],
        }
        changed = self._api.ask(self._v1.subscriptions.update, change.subscription_id, asked, key=change.key)
        if not changed["pending_update"]:
            return ""
        address: str = changed["latest_invoice"]["hosted_invoice_url"] or ""
        return address

    def _item(self, subscription: dict[str, Any], change: PlanChange) -> dict[str, Any]:
        item_id = subscription["items"]["data"][0]["id"]
        if change.price_ref:
            return {"id": item_id, "price": change.price_ref}
        price = _price_data(change.amount, change.currency, change.every)
        return {"id": item_id, "price_data": price | {"product": self._product(change.description)}}

    def _product(self, name: str) -> str:
        """Here, unlike at the checkout, Stripe takes no name for a price, only a product."""
        product_id = f"troupe_{hashlib.sha256(name.encode()).hexdigest()[:24]}"
        try:
            self._api.ask(self._v1.products.retrieve, product_id)
        except Missing:
            self._api.ask(self._v1.products.create, {"id": product_id, "name": name}, key=f"product:{product_id}")
        return product_id

    # --- the rest ---

    def portal_url(self, customer_id: str, return_url: str) -> str:
        asked = {"customer": customer_id, "return_url": return_url}
        url: str = self._api.ask(self._v1.billing_portal.sessions.create, asked)["url"]
        return url

    def verify(self, incoming: Incoming) -> Notice:
        return webhooks.read(incoming, self._webhook_secret)


def _price(order: Order) -> dict[str, Any]:
    if order.price_ref:
        return {"price": order.price_ref}
    price = _price_data(order.amount, order.currency, order.every)
    return {"price_data": price | {"product_data": {"name": order.description}}}


def _price_data(amount: int, currency: str, every: Period | None) -> dict[str, Any]:
    price: dict[str, Any] = {"currency": currency.lower(), "unit_amount": to_stripe(amount, currency)}
    return price | ({"recurring": {"interval": every}} if every else {})


def _refund_state(refund: dict[str, Any]) -> RefundState:
    status = REFUNDS.get(refund["status"] or "", "pending")
    return RefundState(refund["id"], status)  # type: ignore[arg-type]

"""A stand-in for Stripe: the calls that `billing.providers.stripe` and dj-stripe make, and the payer's side of them.

    with StripeServer() as stripe:
        …                                   # our code makes a Checkout Session there
        stripe.pay(session_id)              # signed events are in `stripe.outbox`

It speaks one version of the API, checks parameters by the types of Stripe's library, and keeps idempotency keys as docs
say: an answer is kept once the work began, whatever it was; what was refused for its parameters is not.
"""

import json
from typing import Any, ClassVar
from urllib.parse import urlencode

import stripe.params as params
from stripe.params import billing_portal, checkout

from tests.standins.payments import Answer, Asked, PaymentServer, Route
from tests.standins.stripe_books import ACCOUNT, VERSION, Row, listed, now
from tests.standins.stripe_params import Refused, checked, parsed
from tests.standins.stripe_payer import Payers

HALF_AN_HOUR, A_DAY = 1800, 86_400
OVER = ("canceled", "incomplete_expired")
PENDING_TAKES = {"items", "payment_behavior", "proration_behavior", "proration_date", "expand", "trial_end"}
SMALLEST = 50  # of most currencies


def parsed_query(asked: Asked) -> Row:
    return parsed(urlencode(asked.query))


def _subscription_of(invoice: Row) -> str:
    return str(invoice["parent"]["subscription_details"]["subscription"])


class StripeServer(Payers, PaymentServer):
    name: ClassVar[str] = "stripe"

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str], tuple[bytes, Answer]] = {}
        Payers.__init__(self)
        PaymentServer.__init__(self)

    @property
    def block(self) -> dict[str, Any]:
        return {
            "SECRET_KEY": self.secret_key,
            "PUBLISHABLE_KEY": "pk_test_TYooMQauvdEDq54NiTphI7jx",
            "WEBHOOK_SECRET": self.webhook_secret,
            "BASE_URL": self.base_url,
        }

    def send(self, body: bytes, headers: dict[str, str], query: Any = None, method: str = "POST") -> None:
        PaymentServer.send(self, body, headers, query, method)

    # --- the server's side ---

    def authenticate(self, asked: Asked) -> Answer | None:
        if asked.headers.get("authorization") != f"Bearer {self.secret_key}":
            given = asked.headers.get("authorization", "").removeprefix("Bearer ")
            hidden = f"{given[:8]}{'*' * 8}{given[-4:]}"
            return Answer(401, Refused(401, f"Invalid API Key provided: {hidden}").envelope)
        if asked.headers.get("stripe-version") != VERSION:
            return Answer(400, Refused(400, f"this stand-in speaks {VERSION} alone").envelope)
        if asked.headers.get("stripe-account", ACCOUNT) != ACCOUNT:
            return Answer(403, Refused(403, "The provided key does not have access to that account").envelope)
        return None

    def unknown(self, asked: Asked) -> Answer:
        return Answer(404, Refused(404, f"Unrecognized request URL ({asked.method}: {asked.path}).").envelope)

    def _handle(self, asked: Asked) -> Answer:
        key = asked.headers.get("idempotency-key", "") if asked.method == "POST" else ""
        if (before := self._answers.get((key, asked.path))) and key:
            body, answer = before
            if body != asked.body:
                message = "Keys for idempotent requests can only be used with the same parameters"
                return Answer(400, Refused(400, message, kind="idempotency_error").envelope)
            return Answer(answer.status, answer.body, {"Idempotent-Replayed": "true"})
        try:
            answer = super()._handle(asked)
        except Refused as refused:
            answer = Answer(refused.status, refused.envelope)
        answer = Answer(answer.status, json.dumps(answer.body), {"Request-Id": "req_standin"})
        if key and answer.status not in (400, 404):
            self._answers[key, asked.path] = (asked.body, answer)
        return answer

    def routes(self) -> list[Route]:
        return [
            ("POST", r"/v1/checkout/sessions", self.create_session),
            *self._reading("checkout.session", "checkout/sessions", checkout.SessionRetrieveParams),
            ("POST", r"/v1/payment_intents", self.create_intent),
            *self._reading(
                "payment_intent", "payment_intents", params.PaymentIntentRetrieveParams, params.PaymentIntentListParams
            ),
            *self._reading("charge", "charges", params.ChargeRetrieveParams, params.ChargeListParams),
            ("POST", r"/v1/refunds", self.create_refund),
            *self._reading("refund", "refunds", params.RefundRetrieveParams, params.RefundListParams),
            *self._reading("dispute", "disputes", params.DisputeRetrieveParams, params.DisputeListParams),
            ("POST", r"/v1/invoices/create_preview", self.preview),
            *self._reading("invoice", "invoices", params.InvoiceRetrieveParams, params.InvoiceListParams),
            ("GET", r"/v1/invoice_payments", self.list_invoice_payments),
            ("POST", r"/v1/subscriptions/(\w+)", self.update_subscription),
            ("DELETE", r"/v1/subscriptions/(\w+)", self.cancel_subscription),
            *self._reading("subscription", "subscriptions", params.SubscriptionRetrieveParams),
            ("POST", r"/v1/products", self.create_product),
            (
                "GET",
                r"/v1/products/(\w+)/features",
                lambda asked, product: listed([], f"/v1/products/{product}/features"),
            ),
            *self._reading("product", "products", params.ProductRetrieveParams),
            *self._reading("price", "prices", params.PriceRetrieveParams),
            *self._reading("customer", "customers", params.CustomerRetrieveParams),
            *self._reading("payment_method", "payment_methods", params.PaymentMethodRetrieveParams),
            *self._reading("event", "events", params.EventRetrieveParams),
            ("POST", r"/v1/billing_portal/sessions", self.create_portal),
            ("GET", r"/v1/account", lambda asked: self.shown(self.rows[ACCOUNT])),
            ("GET", r"/v1/accounts/(\w+)", lambda asked, key: self.shown(self.find("account", key))),
        ]

    def _reading(self, kind: str, path: str, one: Any, many: Any = None) -> list[Route]:
        """Retrieving by id, and listing by what the objects have."""

        def retrieve(asked: Asked, key: str) -> Row:
            expand = checked(parsed_query(asked), one).get("expand", [])
            return self.shown(self.find(kind, key), expand)

        def listing(asked: Asked) -> Row:
            given = checked(parsed_query(asked), many)
            where = {n: v for n, v in given.items() if n in ("customer", "payment_intent", "charge")}
            if "customer" in where:
                self.find("customer", where["customer"], param="customer", status=400)
            rows = self.of(kind, **where)
            if "subscription" in given:
                rows = [row for row in rows if _subscription_of(row) == given["subscription"]]
            return self.page(rows, given, f"/v1/{path}")

        routes: list[Route] = [("GET", rf"/v1/{path}/([\w-]+)", retrieve)]
        return [*routes, ("GET", rf"/v1/{path}", listing)] if many else routes

    def create_session(self, asked: Asked) -> Row:
        given = checked(parsed(asked.body.decode()), checkout.SessionCreateParams)
        if not (given.get("line_items") and given.get("success_url")):
            raise Refused(400, "Missing required param: line_items or success_url.", code="parameter_missing")
        if not HALF_AN_HOUR <= given.get("expires_at", now() + A_DAY) - now() <= A_DAY:
            raise Refused(400, "The `expires_at` must be between 30 minutes and 24 hours away.", param="expires_at")
        customer = given.get("customer")
        if customer and (given.get("customer_email") or given.get("customer_creation")):
            raise Refused(400, "You may only specify one of these parameters: customer, customer_email.")
        if customer:
            self.find("customer", customer, param="customer", status=400)
        mode = given["mode"]
        wrong = {"payment": ("subscription_data",), "subscription": ("payment_intent_data", "customer_creation")}[mode]
        for name in wrong:
            if name in given:
                raise Refused(400, f"You can not pass `{name}` in `{mode}` mode.", param=name)
        price = self.price_of(given["line_items"][0])
        if bool(price["recurring"]) != (mode == "subscription"):
            raise Refused(400, f"You specified `{mode}` mode but a price of the other kind.", param="mode")
        if not price["unit_amount"] or (price["unit_amount"] < SMALLEST and price["currency"] != "jpy"):
            raise Refused(400, "The amount is too small.", code="amount_too_small")
        session = self.new(
            "cs_test",
            "checkout.session",
            amount_subtotal=price["unit_amount"],
            amount_total=price["unit_amount"],
            cancel_url=given.get("cancel_url"),
            client_reference_id=given.get("client_reference_id"),
            currency=price["currency"],
            customer=customer,
            customer_creation=given.get("customer_creation", "if_required") if mode == "payment" else None,
            customer_details=None,
            customer_email=given.get("customer_email"),
            expires_at=given.get("expires_at", now() + A_DAY),
            invoice=None,
            locale=given.get("locale"),
            metadata=given.get("metadata", {}),
            mode=mode,
            payment_intent=None,
            payment_method_types=["card"],
            payment_status="unpaid",
            setup_intent=None,
            status="open",
            subscription=None,
            success_url=given["success_url"],
            total_details={
                "amount_discount": 0,
                "amount_shipping": 0,
                "amount_tax": 0,
                "breakdown": {"discounts": [], "taxes": []},
            },
            ui_mode="hosted_page",
        )
        session["url"] = f"https://checkout.stripe.com/c/pay/{session['id']}"
        self.wanted[session["id"]] = (price, given.get("payment_intent_data") or given.get("subscription_data") or {})
        return self.shown(session, given.get("expand", []))

    def create_intent(self, asked: Asked) -> Row:
        given = checked(parsed(asked.body.decode()), params.PaymentIntentCreateParams)
        if not (given.get("confirm") and given.get("off_session")):
            raise Refused(400, "this stand-in makes intents off-session alone", param="off_session")
        self.find("customer", given["customer"], param="customer", status=400)
        card = self.find("payment_method", given["payment_method"], param="payment_method", status=400)
        if card["customer"] != given["customer"]:
            raise Refused(400, "The payment method does not belong to this customer.", param="payment_method")
        intent = self.intent(
            given["amount"],
            given["currency"],
            given["customer"],
            description=given.get("description"),
            metadata=given.get("metadata", {}),
        )
        if not self.attempt(intent, card):
            more = {"code": "card_declined", "decline_code": "generic_decline", "payment_intent": self.shown(intent)}
            raise Refused(402, "Your card was declined.", kind="card_error", **more)
        return self.shown(intent, given.get("expand", []))

    def create_refund(self, asked: Asked) -> Row:
        given = checked(parsed(asked.body.decode()), params.RefundCreateParams)
        if "payment_intent" in given:
            intent = self.find("payment_intent", given["payment_intent"], param="payment_intent")
            if not intent["latest_charge"]:
                raise Refused(400, "This PaymentIntent does not have a successful charge to refund.")
            charge = self.rows[intent["latest_charge"]]
        else:
            charge = self.find("charge", given.get("charge", ""), param="charge")
        return self.shown(self.give_back(charge, given.get("amount"), metadata=given.get("metadata", {})))

    def preview(self, asked: Asked) -> Row:
        given = checked(parsed(asked.body.decode()), params.InvoiceCreatePreviewParams)
        subscription = self.find("subscription", given["subscription"], param="subscription")
        details = given["subscription_details"]
        if details.get("proration_behavior") != "always_invoice":
            raise Refused(400, "this stand-in previews always_invoice alone")
        price = self._new_price(subscription, details["items"])
        invoice = self.invoice(subscription, "upcoming", self.prorated(subscription, price), kept=False)
        return self.shown(invoice)

    def list_invoice_payments(self, asked: Asked) -> Row:
        given = checked(parsed_query(asked), params.InvoicePaymentListParams)
        wanted = given.get("payment", {}).get("payment_intent")
        rows = [row for row in self.of("invoice_payment") if wanted in (None, row["payment"]["payment_intent"])]
        return self.page(rows, given, "/v1/invoice_payments")

    def update_subscription(self, asked: Asked, key: str) -> Row:
        given = checked(parsed(asked.body.decode()), params.SubscriptionUpdateParams)
        subscription = self.find("subscription", key)
        if subscription["status"] in OVER:
            raise Refused(400, "A canceled subscription can only update its cancellation_details and metadata.")
        if "cancel_at" in given and "cancel_at_period_end" in given:
            raise Refused(400, "You may only specify one of these parameters: cancel_at, cancel_at_period_end.")
        pending = given.get("payment_behavior") == "pending_if_incomplete"
        if pending and (extra := given.keys() - PENDING_TAKES):
            raise Refused(400, f"pending_if_incomplete does not support {', '.join(extra)}", param="payment_behavior")
        for name in given.keys() & {"cancel_at_period_end", "cancel_at"}:
            subscription[name] = given[name] or (None if name == "cancel_at" else False)
        if "items" in given:
            if given.get("proration_behavior") != "always_invoice":
                raise Refused(400, "this stand-in prorates by always_invoice alone")
            self.change(subscription, self._new_price(subscription, given["items"]), pending=pending)
        else:
            self.tell("customer.subscription.updated", subscription)
        return self.shown(subscription, given.get("expand", []))

    def _new_price(self, subscription: Row, items: list[Row]) -> Row:
        if [item.get("id") for item in items] != [self.item_of(subscription)["id"]]:
            raise Refused(400, "Invalid subscription_item id", param="items[0][id]")
        price = self.price_of({name: value for name, value in items[0].items() if name != "id"})
        if price["currency"] != subscription["currency"]:
            raise Refused(400, "The price's currency does not match the subscription's.", param="items[0][price]")
        return price

    def cancel_subscription(self, asked: Asked, key: str) -> Row:
        subscription = self.find("subscription", key)
        if subscription["status"] in OVER:
            raise Refused(404, f"No such subscription: '{key}'", code="resource_missing", param="id")
        self.end(subscription)
        return self.shown(subscription)

    def create_product(self, asked: Asked) -> Row:
        given = checked(parsed(asked.body.decode()), params.ProductCreateParams)
        return self.shown(self.product(**given))

    def create_portal(self, asked: Asked) -> Row:
        given = checked(parsed(asked.body.decode()), billing_portal.SessionCreateParams)
        self.find("customer", given.get("customer", ""), param="customer", status=400)
        session = self.new("bps", "billing_portal.session", customer=given["customer"], configuration="bpc_standin")
        session |= {
            "return_url": given.get("return_url"),
            "url": f"https://billing.stripe.com/p/session/{session['id']}",
        }
        return self.shown(session)

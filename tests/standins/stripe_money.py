"""How money moves in the stand-in of Stripe: charges, refunds, invoices, subscriptions and their proration."""

from typing import Any

from tests.standins.stripe_books import Books, Row, later, listed, now
from tests.standins.stripe_params import Refused


class Money(Books):
    # --- payers and prices ---

    def customer(self, email: str | None, name: str | None = None, **fields: Any) -> Row:
        values = {
            "email": email,
            "name": name,
            "address": None,
            "balance": 0,
            "currency": None,
            "default_source": None,
            "delinquent": False,
            "description": None,
            "discount": None,
            "invoice_prefix": "TROUPE01",
            "invoice_settings": {"default_payment_method": None, "custom_fields": None, "footer": None},
            "phone": None,
            "preferred_locales": [],
            "shipping": None,
            "tax_exempt": "none",
            "test_clock": None,
        }
        return self.new("cus", "customer", **{**values, **fields})

    def product(self, name: str, **fields: Any) -> Row:
        if fields.get("id") in self.rows:
            raise Refused(400, "Product already exists.", code="resource_already_exists", param="id")
        values = {"active": True, "description": None, "images": [], "marketing_features": [], "url": None}
        more = {"default_price": None, "type": "service", "unit_label": None, "updated": now(), "tax_code": None}
        return self.new("prod", "product", name=name, **{**values, **more, **fields})

    def price(self, product: str, currency: str, unit_amount: int, every: str | None = None) -> Row:
        recurring = {"interval": every, "interval_count": 1, "usage_type": "licensed", "meter": None}
        return self.new(
            "price",
            "price",
            active=True,
            billing_scheme="per_unit",
            currency=currency,
            custom_unit_amount=None,
            lookup_key=None,
            nickname=None,
            product=product,
            recurring=recurring if every else None,
            tax_behavior="unspecified",
            tiers_mode=None,
            transform_quantity=None,
            type="recurring" if every else "one_time",
            unit_amount=unit_amount,
            unit_amount_decimal=str(unit_amount),
        )

    def price_of(self, item: Row) -> Row:
        """The price that a line item names, or describes."""
        if ("price" in item) == ("price_data" in item):
            raise Refused(400, "You must specify either `price` or `price_data`.", param="line_items[0]")
        if "price" in item:
            return self.find("price", item["price"], param="line_items[0][price]", status=400)
        data = item["price_data"]
        if ("product" in data) == ("product_data" in data):
            raise Refused(400, "You must specify either `product` or `product_data`.", param="price_data")
        product = (
            self.find("product", data["product"], param="price_data[product]", status=400)["id"]
            if "product" in data
            else self.product(data["product_data"]["name"])["id"]
        )
        return self.price(product, data["currency"], data["unit_amount"], data.get("recurring", {}).get("interval"))

    def card(self, customer: str | None) -> Row:
        details = {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2034, "country": "DE"}
        billing = {"address": None, "email": None, "name": None, "phone": None}
        return self.new("pm", "payment_method", type="card", card=details, customer=customer, billing_details=billing)

    # --- intents and charges ---

    def intent(self, amount: int, currency: str, customer: str | None, **fields: Any) -> Row:
        values = {
            "amount": amount,
            "amount_capturable": 0,
            "amount_received": 0,
            "application": None,
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": "automatic",
            "confirmation_method": "automatic",
            "currency": currency,
            "customer": customer,
            "description": None,
            "last_payment_error": None,
            "latest_charge": None,
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": None,
            "payment_method_types": ["card"],
            "receipt_email": None,
            "setup_future_usage": None,
            "status": "requires_payment_method",
        }
        return self.new("pi", "payment_intent", **{**values, **fields})

    def attempt(self, intent: Row, card: Row) -> bool:
        """Charges a card: whether the bank agreed. Tells of the charge and of the intent."""
        agreed = card["id"] not in self.declining
        charge = self.new(
            "ch",
            "charge",
            amount=intent["amount"],
            amount_captured=intent["amount"] if agreed else 0,
            amount_refunded=0,
            balance_transaction=None,
            billing_details=card["billing_details"],
            captured=agreed,
            currency=intent["currency"],
            customer=intent["customer"],
            description=intent["description"],
            disputed=False,
            failure_code=None if agreed else "card_declined",
            failure_message=None if agreed else "Your card was declined.",
            metadata=dict(intent["metadata"]),
            paid=agreed,
            payment_intent=intent["id"],
            payment_method=card["id"],
            payment_method_details={"type": "card", "card": card["card"]},
            receipt_url=None,
            refunded=False,
            source=None,
            status="succeeded" if agreed else "failed",
        )
        intent["latest_charge"] = charge["id"]
        if agreed:
            intent |= {"status": "succeeded", "amount_received": intent["amount"], "last_payment_error": None}
            intent["payment_method"] = card["id"]
        else:
            why = {"type": "card_error", "code": "card_declined", "message": "Your card was declined."}
            intent |= {"status": "requires_payment_method", "last_payment_error": why, "payment_method": None}
        self.tell("charge.succeeded" if agreed else "charge.failed", charge)
        self.tell("payment_intent.succeeded" if agreed else "payment_intent.payment_failed", intent)
        return agreed

    def give_back(self, charge: Row, amount: int | None, **fields: Any) -> Row:
        left = charge["amount"] - charge["amount_refunded"]
        if not charge["paid"] or not left:
            code = "charge_already_refunded"
            raise Refused(400, f"Charge {charge['id']} has already been refunded.", code=code)
        if not 0 < (left if amount is None else amount) <= left:
            raise Refused(400, "Refund amount is greater than unrefunded amount on charge", param="amount")
        refund = self.new(
            "re",
            "refund",
            amount=left if amount is None else amount,
            balance_transaction=None,
            charge=charge["id"],
            currency=charge["currency"],
            payment_intent=charge["payment_intent"],
            reason=None,
            receipt_number=None,
            status="succeeded",
            **fields,
        )
        del refund["livemode"]
        charge["amount_refunded"] += refund["amount"]
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        self.tell("refund.created", refund)
        self.tell("charge.refunded", charge)
        return refund

    # --- invoices ---

    def invoice(self, subscription: Row, reason: str, lines: list[Row], *, kept: bool = True) -> Row:
        total = sum(line["amount"] for line in lines)
        customer = self.rows[subscription["customer"]]
        balance = customer["balance"]
        due = max(0, total + balance) if total > 0 else 0
        details = {"subscription": subscription["id"], "metadata": dict(subscription["metadata"])}
        invoice = self.new(
            "in" if kept else "upcoming_in",
            "invoice",
            amount_due=due,
            amount_overpaid=0,
            amount_paid=0,
            amount_remaining=due,
            attempt_count=0,
            attempted=False,
            billing_reason=reason,
            collection_method="charge_automatically",
            currency=subscription["currency"],
            customer=subscription["customer"],
            customer_email=customer["email"],
            default_payment_method=None,
            default_tax_rates=[],
            description=None,
            discounts=[],
            ending_balance=None,
            hosted_invoice_url=None,
            invoice_pdf=None,
            lines=listed(lines, "/v1/invoices/lines"),
            number=None,
            parent={"type": "subscription_details", "quote_details": None, "subscription_details": details},
            period_start=now(),
            period_end=now(),
            starting_balance=balance,
            status="draft",
            status_transitions={"finalized_at": None, "paid_at": None},
            subtotal=total,
            total=total,
        )
        for line in lines:
            line["invoice"] = invoice["id"]
        if not kept:
            del self.rows[invoice["id"]]
        return invoice

    def line(self, subscription: Row, amount: int, price: Row, start: int, end: int, *, proration: bool = False) -> Row:
        item = subscription["items"]["data"][0]["id"]
        details = {"subscription_item": item, "subscription": subscription["id"], "proration": proration}
        row = self.new(
            "il",
            "line_item",
            amount=amount,
            currency=price["currency"],
            description=self.rows[price["product"]]["name"],
            discount_amounts=[],
            discountable=not proration,
            discounts=[],
            invoice=None,
            parent={
                "type": "subscription_item_details",
                "invoice_item_details": None,
                "subscription_item_details": details | {"invoice_item": None, "proration_details": None},
            },
            period={"start": start, "end": end},
            pricing={
                "type": "price_details",
                "price_details": {"price": price["id"], "product": price["product"]},
                "unit_amount_decimal": str(price["unit_amount"]),
            },
            quantity=1,
            subtotal=amount,
            taxes=[],
        )
        del self.rows[row["id"]]
        return row

    def collect(self, invoice: Row, card: Row) -> bool:
        """Finalises an invoice and charges what is due: whether it is paid."""
        customer = self.rows[invoice["customer"]]
        customer["balance"] = min(0, customer["balance"] + invoice["total"])
        invoice |= {"status": "open", "hosted_invoice_url": f"https://invoice.stripe.com/i/{invoice['id']}"}
        invoice |= {"ending_balance": customer["balance"], "attempted": True, "number": f"T-{len(self.rows):04d}"}
        invoice["status_transitions"]["finalized_at"] = now()
        self.tell("invoice.created", invoice)
        self.tell("invoice.finalized", invoice)
        if not invoice["amount_due"]:
            return self._settled(invoice)
        usage = "off_session" if invoice["billing_reason"] == "subscription_create" else None
        intent = self.intent(invoice["amount_due"], invoice["currency"], invoice["customer"], setup_future_usage=usage)
        payment = self.new(
            "inpay",
            "invoice_payment",
            amount_paid=None,
            amount_requested=invoice["amount_due"],
            currency=invoice["currency"],
            invoice=invoice["id"],
            is_default=True,
            payment={"type": "payment_intent", "payment_intent": intent["id"]},
            status="open",
            status_transitions={"canceled_at": None, "paid_at": None},
        )
        del payment["metadata"]
        return self.try_again(invoice, card)

    def try_again(self, invoice: Row, card: Row) -> bool:
        payment = self.of("invoice_payment", invoice=invoice["id"])[0]
        invoice["attempt_count"] += 1
        if not self.attempt(self.rows[payment["payment"]["payment_intent"]], card):
            self.tell("invoice.payment_failed", invoice)
            return False
        payment |= {"status": "paid", "amount_paid": invoice["amount_due"]}
        payment["status_transitions"]["paid_at"] = now()
        return self._settled(invoice)

    def _settled(self, invoice: Row) -> bool:
        invoice |= {"status": "paid", "amount_paid": invoice["amount_due"], "amount_remaining": 0}
        invoice["status_transitions"]["paid_at"] = now()
        self.tell("invoice.paid", invoice)
        self.tell("invoice.payment_succeeded", invoice)
        return True

    # --- subscriptions ---

    def subscription(self, customer: str, price: Row, card: Row, **fields: Any) -> Row:
        start = now()
        subscription = self.new(
            "sub",
            "subscription",
            billing_cycle_anchor=start,
            cancel_at=None,
            cancel_at_period_end=False,
            canceled_at=None,
            cancellation_details={"comment": None, "feedback": None, "reason": None},
            collection_method="charge_automatically",
            currency=price["currency"],
            customer=customer,
            days_until_due=None,
            default_payment_method=card["id"],
            default_source=None,
            default_tax_rates=[],
            discounts=[],
            ended_at=None,
            latest_invoice=None,
            pending_setup_intent=None,
            pending_update=None,
            schedule=None,
            start_date=start,
            status="incomplete",
            trial_end=None,
            trial_start=None,
            **fields,
        )
        item = self.new(
            "si",
            "subscription_item",
            billing_thresholds=None,
            current_period_start=start,
            current_period_end=later(start, price["recurring"]["interval"]),
            discounts=[],
            price=price,
            quantity=1,
            subscription=subscription["id"],
            tax_rates=[],
        )
        del item["livemode"]
        subscription["items"] = listed([item], "/v1/subscription_items")
        return subscription

    def item_of(self, subscription: Row) -> Row:
        item: Row = subscription["items"]["data"][0]
        return item

    def bill_period(self, subscription: Row, reason: str) -> bool:
        """Invoices the period that the item is in."""
        item = self.item_of(subscription)
        start, end = item["current_period_start"], item["current_period_end"]
        line = self.line(subscription, item["price"]["unit_amount"], item["price"], start, end)
        invoice = self.invoice(subscription, reason, [line])
        subscription["latest_invoice"] = invoice["id"]
        paid = self.collect(invoice, self.rows[subscription["default_payment_method"]])
        subscription["status"] = "active" if paid else "past_due"
        return paid

    def prorated(self, subscription: Row, price: Row) -> list[Row]:
        """What is left of the old price goes back; the new one costs the rest of the period, or a whole new one."""
        item, moment = self.item_of(subscription), now()
        start, end = item["current_period_start"], item["current_period_end"]
        left = (end - moment) / (end - start)
        back = -round(item["price"]["unit_amount"] * left)
        lines = [self.line(subscription, back, item["price"], moment, end, proration=True)]
        if self.another_rhythm(subscription, price):
            until = later(moment, price["recurring"]["interval"])
            return [*lines, self.line(subscription, price["unit_amount"], price, moment, until)]
        costs = round(price["unit_amount"] * left)
        return [*lines, self.line(subscription, costs, price, moment, end, proration=True)]

    def another_rhythm(self, subscription: Row, price: Row) -> bool:
        old = self.item_of(subscription)["price"]["recurring"]["interval"]
        return bool(old != price["recurring"]["interval"])

    def put_on(self, subscription: Row, price: Row) -> None:
        item = self.item_of(subscription)
        if self.another_rhythm(subscription, price):
            item["current_period_start"] = now()
            item["current_period_end"] = later(now(), price["recurring"]["interval"])
        item["price"] = price
        subscription["pending_update"] = None

    def change(self, subscription: Row, price: Row, *, pending: bool) -> None:
        """`proration_behavior=always_invoice`; with `pending` a payment that fails leaves the old price standing."""
        invoice = self.invoice(subscription, "subscription_update", self.prorated(subscription, price))
        subscription["latest_invoice"] = invoice["id"]
        if self.collect(invoice, self.rows[subscription["default_payment_method"]]):
            self.put_on(subscription, price)
        elif pending:
            items = [{"id": self.item_of(subscription)["id"], "price": price["id"]}]
            expires = now() + 23 * 3600
            subscription["pending_update"] = {"expires_at": expires, "subscription_items": items}
        else:
            raise Refused(402, "Your card was declined.", kind="card_error", code="card_declined")
        self.tell("customer.subscription.updated", subscription)

    def end(self, subscription: Row) -> None:
        subscription |= {"status": "canceled", "canceled_at": now(), "ended_at": now(), "pending_update": None}
        self.tell("customer.subscription.deleted", subscription)

"""What payers, their banks and the dashboard do at the stand-in of Stripe. Each puts signed events into the outbox."""

from tests.standins.stripe_books import Row, later, now
from tests.standins.stripe_money import Money


class Payers(Money):
    def __init__(self) -> None:
        super().__init__()
        # what a session was asked to sell: its price, and what its intent or its subscription is to carry
        self.wanted: dict[str, tuple[Row, Row]] = {}

    # --- at the checkout ---

    def pay(self, session_id: str) -> None:
        session = self._open(session_id)
        customer = session["customer"] or self._comes(session)
        price, carried = self.wanted[session_id]
        if session["mode"] == "payment":
            intent = self._intent(session, price, carried, customer)
            card = self.card(customer if intent["setup_future_usage"] else None)
            assert self.attempt(intent, card)
        else:
            card = self.card(customer)
            subscription = self.subscription(customer or "", price, card, **carried)
            self.tell("customer.subscription.created", subscription)
            self.bill_period(subscription, "subscription_create")
            self.tell("customer.subscription.updated", subscription, status="incomplete")
            session |= {"subscription": subscription["id"], "invoice": subscription["latest_invoice"]}
        session |= {"status": "complete", "payment_status": "paid", "url": None, "customer": customer}
        session["customer_details"] = {"email": session["customer_email"], "name": "Ada Lovelace"}
        self.tell("checkout.session.completed", session)

    def pay_slowly(self, session_id: str) -> None:
        """By a bank's debit: complete at once, and paid or not days later (`settle`)."""
        session = self._open(session_id)
        price, carried = self.wanted[session_id]
        intent = self._intent(session, price, carried, session["customer"] or self._comes(session))
        intent["status"] = "processing"
        self.tell("payment_intent.processing", intent)
        session |= {"status": "complete", "url": None, "customer": intent["customer"]}
        self.tell("checkout.session.completed", session)

    def settle(self, session_id: str, *, paid: bool = True) -> None:
        session = self.find("checkout.session", session_id)
        card = self.card(session["customer"])
        if not paid:
            self.declining.add(card["id"])
        self.attempt(self.rows[session["payment_intent"]], card)
        session["payment_status"] = "paid" if paid else "unpaid"
        self.tell(f"checkout.session.async_payment_{'succeeded' if paid else 'failed'}", session)

    def decline(self, session_id: str) -> None:
        """The session stays open for another card."""
        session = self._open(session_id)
        price, carried = self.wanted[session_id]
        card = self.card(session["customer"])
        self.declining.add(card["id"])
        if session["mode"] == "payment":
            self.attempt(self._intent(session, price, carried, session["customer"]), card)

    def expire(self, session_id: str) -> None:
        session = self._open(session_id)
        session |= {"status": "expired", "url": None}
        if session["payment_intent"]:
            self.rows[session["payment_intent"]] |= {"status": "canceled", "cancellation_reason": "automatic"}
        self.tell("checkout.session.expired", session)

    def payable(self, reference: str) -> int:
        return len(self.of("checkout.session", client_reference_id=reference, status="open"))

    def _open(self, session_id: str) -> Row:
        session = self.find("checkout.session", session_id)
        assert session["status"] == "open", f"nobody can pay a session that is {session['status']}"
        return session

    def _comes(self, session: Row) -> str | None:
        """Whom a session makes a customer."""
        if session["mode"] == "payment" and session["customer_creation"] != "always":
            return None
        customer = self.customer(session["customer_email"], "Ada Lovelace")
        self.tell("customer.created", customer)
        return str(customer["id"])

    def _intent(self, session: Row, price: Row, carried: Row, customer: str | None) -> Row:
        if session["payment_intent"]:
            intent = self.rows[session["payment_intent"]]
            intent["customer"] = customer
            return intent
        intent = self.intent(price["unit_amount"], price["currency"], customer, **carried)
        session["payment_intent"] = intent["id"]
        self.tell("payment_intent.created", intent)
        return intent

    # --- at the bank and the dashboard ---

    def refund(self, intent_id: str, amount: int | None = None) -> str:
        refund = self.give_back(self._charge(intent_id), amount)
        return str(refund["id"])

    def dispute(self, intent_id: str, status: str = "needs_response") -> str:
        """`warning_needs_response` is a question of the bank's, before any money is held back."""
        charge = self._charge(intent_id)
        charge["disputed"] = True
        dispute = self.new(
            "dp",
            "dispute",
            amount=charge["amount"],
            balance_transactions=[],
            charge=charge["id"],
            currency=charge["currency"],
            enhanced_eligibility_types=[],
            evidence={},
            evidence_details={"due_by": now() + 7 * 86_400, "has_evidence": False, "past_due": False},
            is_charge_refundable=False,
            payment_intent=intent_id,
            payment_method_details={"type": "card", "card": {"brand": "visa", "network_reason_code": "83"}},
            reason="fraudulent",
            status=status,
        )
        self.tell("charge.dispute.created", dispute)
        if status == "needs_response":
            self.tell("charge.dispute.funds_withdrawn", dispute)
        return str(dispute["id"])

    def win_dispute(self, intent_id: str) -> None:
        dispute = self._decided(intent_id, "won")
        self.tell("charge.dispute.funds_reinstated", dispute)
        self.tell("charge.dispute.closed", dispute)

    def lose_dispute(self, intent_id: str) -> None:
        self.tell("charge.dispute.closed", self._decided(intent_id, "lost"))

    def _decided(self, intent_id: str, status: str) -> Row:
        dispute = self.of("dispute", payment_intent=intent_id)[0]
        dispute["status"] = status
        return dispute

    def _charge(self, intent_id: str) -> Row:
        return self.rows[self.find("payment_intent", intent_id)["latest_charge"]]

    # --- as time goes by ---

    def renew(self, subscription_id: str, paid: bool = True) -> None:
        """The period is over: the next begins and is invoiced, or a cancelled subscription ends."""
        subscription = self.find("subscription", subscription_id)
        if subscription["cancel_at_period_end"] or subscription["cancel_at"]:
            self.end(subscription)
            return
        item = self.item_of(subscription)
        start = item["current_period_end"]
        item |= {
            "current_period_start": start,
            "current_period_end": later(start, item["price"]["recurring"]["interval"]),
        }
        card = subscription["default_payment_method"]
        (self.declining.discard if paid else self.declining.add)(card)
        self.bill_period(subscription, "subscription_cycle")
        self.tell("customer.subscription.updated", subscription)

    def fail_renewal(self, subscription_id: str) -> None:
        self.renew(subscription_id, paid=False)

    def collect_again(self, subscription_id: str) -> None:
        """The payer gave another card: the open invoice is paid, and a change that waited for it is made."""
        subscription = self.find("subscription", subscription_id)
        card = self.card(subscription["customer"])
        subscription["default_payment_method"] = card["id"]
        assert self.try_again(self.rows[subscription["latest_invoice"]], card)
        subscription["status"] = "active"
        if waiting := subscription["pending_update"]:
            self.put_on(subscription, self.rows[waiting["subscription_items"][0]["price"]])
        self.tell("customer.subscription.updated", subscription)

    def approve_change(self, url: str) -> None:
        invoice = self.find("invoice", url.rpartition("/")[2])
        self.collect_again(invoice["parent"]["subscription_details"]["subscription"])

    def cancel(self, subscription_id: str) -> None:
        self.end(self.find("subscription", subscription_id))

    def cancel_at_portal(self, subscription_id: str) -> None:
        """The portal may set a date rather than `cancel_at_period_end`."""
        subscription = self.find("subscription", subscription_id)
        subscription["cancel_at"] = self.item_of(subscription)["current_period_end"]
        self.tell("customer.subscription.updated", subscription, cancel_at=None)

    def refuse_cards_of(self, customer_id: str) -> None:
        """From now on the bank declines every card of theirs."""
        self.declining |= {row["id"] for row in self.of("payment_method", customer=customer_id)}

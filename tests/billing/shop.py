"""A shop whose money goes through Stripe's stand-in: people buy over the API, webhooks come over the real door."""

import random
from typing import Any

from django.test import Client

from billing import services
from billing.models import CheckoutSession, Entry, Payment, Wallet, WebhookEvent
from tests.standins.payments import Delivery, PaymentServer


class Shop:
    """`provider` is a stand-in that this site is set up to use."""

    def __init__(self, provider: PaymentServer) -> None:
        self.provider = provider
        self.client = Client()

    def checkout(self, api: Any, **wish: Any) -> CheckoutSession:
        """Over the API, which must take it."""
        body = {"type": "one_time", "package_id": "starter", "provider": self.provider.name} | wish
        answer = api.post("/api/payments/create-checkout", body)
        assert answer.status_code == 200, answer.content
        return CheckoutSession.objects.get(pk=answer.json()["session_id"])

    def pay(self, session: CheckoutSession) -> CheckoutSession:
        """The payer pays, and the provider tells us."""
        self.provider.pay(session.provider_session_id)  # type: ignore[attr-defined]
        self.deliver()
        session.refresh_from_db()
        return session

    def buy(self, api: Any, **wish: Any) -> Payment:
        session = self.pay(self.checkout(api, **wish))
        payment = Payment.objects.filter(session=session).first()
        assert payment, session.status
        return payment

    def post(self, delivery: Delivery) -> Any:
        address = f"/webhooks/{self.provider.name}"
        if delivery.method == "GET":
            return self.client.get(address, delivery.query, headers=delivery.headers)
        kind = delivery.headers.get("Content-Type", "application/json")
        return self.client.post(address, delivery.body, content_type=kind, headers=delivery.headers)

    def deliver(self, *, times: int = 1, shuffled: bool = False, lost: float = 0.0) -> None:
        """Everything the provider has to tell, through the door and worked off."""
        deliveries = self.provider.taken() * times
        if shuffled:
            random.shuffle(deliveries)
        for delivery in deliveries:
            if random.random() >= lost:
                answer = self.post(delivery)
                assert answer.status_code == 200, answer.content
        work_off()


def work_off() -> None:
    """What a worker would do with the inbox."""
    for event in WebhookEvent.objects.filter(status=WebhookEvent.Status.WAITING).order_by("?"):
        WebhookEvent.objects.filter(pk=event.pk).update(next_try_at=None)
        services.process_event(event.pk)


def has(person: Any) -> tuple[Any, Any]:
    """main, bonus"""
    wallet = Wallet.objects.get(organization_id=person.organization_id)
    return wallet.balance, wallet.bonus_balance


def lines(person: Any) -> list[tuple[str, Any]]:
    """The book from the second line on, as the first is the sign-up gift: kind and amount."""
    entries = Entry.objects.filter(wallet__organization_id=person.organization_id).order_by("number")
    return [(entry.kind, entry.amount) for entry in entries][1:]

"""What the contract knows of a member beside its interface, and what its tests stand on."""

import dataclasses
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, TypeVar

import pytest

from billing.providers.base import (
    About,
    Charge,
    Checkout,
    Incoming,
    Order,
    Payer,
    Period,
    Provider,
    ProviderError,
    RefundOrder,
    SubscriptionState,
)
from tests.standins.payments import Delivery

T = TypeVar("T")
PAYER = Payer(email="ada@troupe.example", name="Ada Lovelace")
HUGE = b'{"id": "' + b"a" * 2_000_000 + b'"}'
DEEP = b"[" * 100_000


def is_secret(name: str, value: Any) -> bool:
    public = {"PUBLISHABLE_KEY", "CLIENT_KEY"}
    return (
        isinstance(value, str) and len(value) > 6 and name.endswith(("SECRET", "KEY", "TOKEN")) and name not in public
    )


def incoming_of(delivery: Delivery) -> Incoming:
    return Incoming(delivery.body, {n.lower(): value for n, value in delivery.headers.items()}, delivery.query)


def until_done(call: Callable[[], T]) -> T:
    """Asks as a job would: again, with the same key, for as long as trying again may help."""
    for _ in range(4):
        try:
            return call()
        except ProviderError as error:
            if error.permanent:
                raise
    raise AssertionError("it never succeeded")


def now(member: Provider, intent_id: str) -> Charge:
    charge = member.read_charge(intent_id)
    assert charge
    assert charge.intent_id == intent_id
    return charge


def same(member: Provider, state: SubscriptionState) -> SubscriptionState:
    read = member.read_subscription(state.subscription_id)
    assert read
    assert read.subscription_id == state.subscription_id
    return read


def paid_charges(state: SubscriptionState) -> list[Charge]:
    return [charge for charge in state.charges if charge.status == "paid"]


def today() -> date:
    return datetime.now(UTC).date()


class FamilyHooks:
    """What differs between providers: attributes and hooks that a member's test class may set."""

    server_class: ClassVar[Any]
    member_class: ClassVar[Any]

    amount: ClassVar[int] = 999
    currency: ClassVar[str] = "USD"
    # further amounts to pay with: where the currency has other decimals, a slip of a factor of 100 shows
    other_amounts: ClassVar[tuple[tuple[int, str], ...]] = ((500, "JPY"),)
    unknown_intent: ClassVar[str] = "nobody-knows-it"

    over_http: ClassVar[bool] = True  # false: no wire to fail (the sandbox)
    create: ClassVar[tuple[str, str]] = ("POST", ".*")  # method and path of the call that makes a checkout,
    refunding: ClassVar[tuple[str, str]] = ("POST", ".*")  # of the one that refunds
    keeping: ClassVar[tuple[str, str]] = ("POST", ".*")  # and of the one that charges a kept card

    declined: ClassVar[frozenset[str]] = frozenset({"open", "failed"})  # a checkout whose card was refused is …
    disputes: ClassVar[bool] = True  # whether the provider tells of disputes,
    wins_disputes: ClassVar[bool] = True  # and when one was won
    dates_payments: ClassVar[bool] = True  # whether it says when something was paid
    timestamped: ClassVar[bool] = False  # whether its signature goes stale
    unseen_forgeries: ClassVar[frozenset[str]] = frozenset()  # names in `forgeries` that its scheme can't tell

    # --- the payer's side; `server` is the stand-in ---

    def make_member(self, server: Any) -> Provider:
        member: Provider = self.member_class(server.block)
        return member

    def pay(self, server: Any, session_id: str) -> None:
        server.pay(session_id)

    def decline(self, server: Any, session_id: str) -> None:
        server.decline(session_id)

    def expire(self, server: Any, session_id: str) -> None:
        server.expire(session_id)

    def payable(self, server: Any, reference: str) -> int:
        """How many checkouts with our reference somebody could pay now."""
        return int(server.payable(reference))

    def refund_there(self, server: Any, intent_id: str, amount: int) -> None:
        """Somebody refunds it at the provider's own dashboard."""
        server.refund(intent_id, amount)

    def settle_refund(self, server: Any, intent_id: str) -> None:
        """Where a refund is `pending` at first: the provider brings it to its end."""

    def dispute(self, server: Any, intent_id: str) -> None:
        server.dispute(intent_id)

    def win_dispute(self, server: Any, intent_id: str) -> None:
        server.win_dispute(intent_id)

    def renew(self, server: Any, subscription_id: str) -> None:
        """The next period begins and is paid."""
        server.renew(subscription_id)

    def fail_renewal(self, server: Any, subscription_id: str) -> None:
        """The next period begins and its charge is refused."""
        server.fail_renewal(subscription_id)

    def price_ref(self, server: Any, amount: int, currency: str, every: Period) -> str:
        """The provider's own id of a price, where its subscriptions need one."""
        return ""

    def approve_change(self, server: Any, url: str) -> None:
        """The payer agrees to a change of plan at the address that `change_plan` gave."""
        server.approve_change(url)

    # --- notifications ---

    def another_key(self, block: dict[str, Any]) -> dict[str, Any]:
        """The settings of a site with other keys: it must not believe what was signed for this one."""
        return {name: f"{value[:-6]}tseuqe" if is_secret(name, value) else value for name, value in block.items()}

    def forgeries(self, delivery: Delivery) -> dict[str, Delivery]:
        """Notifications that are not the provider's, by what is wrong with them."""
        if delivery.method == "GET":
            return self.forged_queries(delivery)
        body, middle = delivery.body, len(delivery.body) // 2
        changed = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
        bodies = {
            "a byte changed": changed,
            "cut short": body[:middle],
            "empty": b"",
            "no JSON": b"\xff\xfe this is no JSON",
            "another JSON": b"[]",
            "null": b"null",
            "huge": HUGE,
            "deep": DEEP,
        }
        forged = {name: dataclasses.replace(delivery, body=other) for name, other in bodies.items()}
        return forged | {
            "no headers": dataclasses.replace(delivery, headers={"Content-Type": "application/json"}),
            "headers of nonsense": dataclasses.replace(delivery, headers=dict.fromkeys(delivery.headers, "ü,=;\x00")),
        }

    def forged_queries(self, delivery: Delivery) -> dict[str, Delivery]:
        query = delivery.query
        forged = {f"without {name}": {n: v for n, v in query.items() if n != name} for name in query}
        forged |= {f"another {name}": query | {name: f"{value}1"} for name, value in query.items()}
        forged |= {"empty": {}, "huge": dict.fromkeys(query, "9" * 100_000), "nonsense": dict.fromkeys(query, "ü\x00")}
        return {name: dataclasses.replace(delivery, query=other) for name, other in forged.items()}

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls) -> Iterator[Any]:
        with cls.server_class() as server:
            yield server

    @pytest.fixture(autouse=True)
    def _quiet_server(self, server: Any) -> Iterator[None]:
        server.taken()
        yield
        server._troubles.clear()

    @pytest.fixture
    def member(self, server: Any) -> Provider:
        return self.make_member(server)

    def order(self, server: Any, **fields: Any) -> Order:
        values: dict[str, Any] = {
            "reference": str(uuid.uuid4()),
            "description": "A purse of 100 credits",
            "amount": self.amount,
            "currency": self.currency,
            "payer": PAYER,
            "success_url": "https://troupe.example/checkout/return",
            "cancel_url": "https://troupe.example/pricing",
            "expires_at": datetime.now(UTC) + timedelta(hours=2),
        } | fields
        if values.get("every") and "price_ref" not in values:
            values["price_ref"] = self.price_ref(server, values["amount"], values["currency"], values["every"])
        return Order(**values)

    def paid(self, server: Any, member: Provider, **fields: Any) -> tuple[Order, Checkout, Charge]:
        """An order that was paid, and its charge."""
        order = self.order(server, **fields)
        checkout = member.create_checkout(order)
        self.pay(server, checkout.session_id)
        state = member.read_checkout(checkout.session_id, order.reference)
        assert state.status == "paid"
        charge = state.charge or (state.subscription and next(iter(paid_charges(state.subscription))))
        assert charge
        return order, checkout, charge

    def subscribed(self, server: Any, member: Provider, **fields: Any) -> tuple[Order, SubscriptionState]:
        """A subscription that has begun, its order, and its present state."""
        self.needs(member, "subscribe")
        order = self.order(server, **{"every": "month"} | fields)
        checkout = member.create_checkout(order)
        self.pay(server, checkout.session_id)
        state = member.read_checkout(checkout.session_id, order.reference)
        assert state.status == "paid"
        assert state.subscription
        return order, state.subscription

    def refund_order(self, charge: Charge, amount: int | None = None, *, already: int = 0) -> RefundOrder:
        return RefundOrder(
            key=str(uuid.uuid4()),
            intent_id=charge.intent_id,
            amount=charge.amount if amount is None else amount,
            currency=charge.currency,
            total=charge.amount,
            already=already,
            reason="bought by mistake",
        )

    def refunded(self, server: Any, member: Provider, intent_id: str) -> int:
        self.settle_refund(server, intent_id)
        return now(member, intent_id).refunded

    def notified(self, server: Any, member: Provider, **fields: Any) -> tuple[Delivery, Charge]:
        """The last notification about an order that was paid."""
        _, _, charge = self.paid(server, member, **fields)
        deliveries = server.taken()
        assert deliveries, "the provider told nothing of a payment"
        return deliveries[-1], charge

    def needs(self, member: Provider, ability: str) -> None:
        if ability not in member.abilities:
            pytest.skip(f"{member.name} does not offer {ability}")

    def needs_a_wire(self) -> None:
        if not self.over_http:
            pytest.skip("is not asked over HTTP")

    def looks_at(self, member: Provider, about: About, order: Order, session_id: str, intents: set[str]) -> bool:
        """Whether it leads to that order's things."""
        match about.what:
            case "reference":
                return about.id == order.reference
            case "checkout":
                return about.id == session_id or member.read_checkout(about.id, order.reference).status != "open"
            case "charge":
                charge = member.read_charge(about.id)
                return charge is not None and charge.intent_id in intents
            case _:
                state = member.read_subscription(about.id)
                return state is not None and state.reference == order.reference

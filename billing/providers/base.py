"""The family of payment providers: what each member is asked, and the words it answers in.

A member tells the state that something has now: a checkout, a charge, a subscription. Whatever caused the question (a
webhook, somebody's return from the checkout, an hourly sweep, an operator) the answer is the whole present truth, and
`billing.services.following` brings our rows in line with it. So repeats and disorder do no harm: a webhook only says
where to look. Amounts are integers in the currency's minor units; members convert at their edge (`billing.money`).

To add a member: a file here, its settings in `config/env.py`, its name in `billing/providers/__init__.py`, a stand-in
and a line in `tests/billing/providers/`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, Protocol, runtime_checkable

# --- errors -----------------------------------------------------------------------------------------------------------


class ProviderError(Exception):
    """A provider did not do what it was asked.

    `permanent`: asking again would not help. Where it is not, nobody knows whether it was done (`unknown`) or it was
    not (busy, down): a repeat with the same key finds out and does it at most once. `public` may be shown to whoever
    pays; the message itself is for the logs and holds no secret. `retry_after` is in seconds.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool,
        unknown: bool = False,
        public: str = "The payment service could not do that.",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.unknown = unknown
        self.public = public
        self.retry_after = retry_after


class Forged(Exception):  # noqa: N818
    """A notification that is not the provider's: not signed, signed wrongly, too old, cut short. Nothing is kept."""


class NotOffered(ProviderError):  # noqa: N818
    """This member can't do that at all (see `Provider.abilities`)."""

    def __init__(self, provider: str, what: str) -> None:
        super().__init__(
            f"{provider} does not offer {what}", permanent=True, public="This payment service can't do that."
        )


# --- asked ------------------------------------------------------------------------------------------------------------

Period = Literal["month", "year"]


@dataclass(frozen=True, slots=True)
class Payer:
    """Whom the provider shows or writes to. `customer_id` is its own name for them, from an earlier `Checkout`."""

    email: str
    name: str
    locale: str = "en"
    customer_id: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """What a payer is to be sent to the provider for.

    `reference` is ours, at most 36 characters, the same at every try and never another's: the provider's idempotency
    key, and what its objects give back. `every` makes it a subscription. `price_ref` is the provider's own id of the
    price, where the operators gave one. `keep_method` asks it to keep the card for later (`charge_kept`).
    """

    reference: str
    description: str
    amount: int
    currency: str
    payer: Payer
    success_url: str
    cancel_url: str
    expires_at: datetime
    every: Period | None = None
    price_ref: str = ""
    keep_method: bool = False


@dataclass(frozen=True, slots=True)
class KeptCharge:
    """A charge while nobody is there: `customer_id` and `method_id` are from an earlier `Charge`."""

    reference: str
    description: str
    amount: int
    currency: str
    customer_id: str
    method_id: str


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """`key` is the same at every try; `already` is what went back before (minor units), `total` the whole charge."""

    key: str
    intent_id: str
    amount: int
    currency: str
    total: int
    already: int
    reason: str


@dataclass(frozen=True, slots=True)
class PlanChange:
    """A subscription is to go over to another price now. `key` is the same at every try."""

    key: str
    subscription_id: str
    description: str
    amount: int
    currency: str
    every: Period
    price_ref: str


@dataclass(frozen=True, slots=True)
class Incoming:
    """A notification as it came: the raw body, the headers by lower-case name, the query (TrustPay's are GETs)."""

    body: bytes
    headers: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict)


# --- answered ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Checkout:
    """Where to send the payer; `session_id` is the provider's name for it. Both are the same at every repeat."""

    session_id: str
    url: str
    customer_id: str = ""


@dataclass(frozen=True, slots=True)
class Charge:
    """A payment as the provider has it now.

    `intent_id` never changes, from before it is paid until after a refund. `reference` is our `Order.reference` (empty
    on a renewal), `subscription_id` and the period say what a subscription's charge paid for. `refunded` is the sum of
    what went back for good; `disputed` is true while the money is contested, and after it was lost.
    """

    intent_id: str
    status: Literal["pending", "paid", "failed"]
    amount: int
    currency: str
    reference: str = ""
    session_id: str = ""
    subscription_id: str = ""
    refunded: int = 0
    disputed: bool = False
    paid_at: datetime | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None
    customer_id: str = ""
    method_id: str = ""


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    """A subscription as the provider has it now. `charges` are those of its last periods, unpaid ones too.

    `amount` and `price_ref` say which price it runs on; `reference` is that of the order that began it. `paid_until` is
    for providers where a period may be paid without a charge (out of a balance): how far it is paid for.
    """

    subscription_id: str
    status: Literal["incomplete", "trialing", "active", "past_due", "cancelled", "expired"]
    amount: int
    currency: str
    every: Period
    period_start: datetime
    period_end: datetime
    cancel_at_period_end: bool = False
    price_ref: str = ""
    reference: str = ""
    customer_id: str = ""
    charges: tuple[Charge, ...] = ()
    paid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class CheckoutState:
    """A checkout as the provider has it now: what was charged, and the subscription that began with it."""

    status: Literal["open", "paid", "failed", "expired"]
    charge: Charge | None = None
    subscription: SubscriptionState | None = None


@dataclass(frozen=True, slots=True)
class Proration:
    """What a change of plan would cost at once (below zero: would be credited), and from the next period on."""

    due_now: int
    next_amount: int
    currency: str
    next_at: datetime


@dataclass(frozen=True, slots=True)
class RefundState:
    refund_id: str
    status: Literal["pending", "succeeded", "failed"]


@dataclass(frozen=True, slots=True)
class About:
    """What a notification concerns: `reference` is our own (`Order.reference`), the others the provider's ids."""

    what: Literal["reference", "checkout", "charge", "subscription"]
    id: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification that is the provider's. `event_id` is the same at every repeat and at most 255 characters.

    One that concerns nothing of ours has no `about`: it is kept and done with.
    """

    event_id: str
    kind: str
    about: tuple[About, ...]


# --- the interface ----------------------------------------------------------------------------------------------------

Ability = Literal["subscribe", "keep", "portal", "change_plan", "list_charges", "partial_refund"]


@runtime_checkable
class Provider(Protocol):
    """One payment provider. Every call may take seconds: never inside a transaction, never in a lock.

    All raise ProviderError, and NotOffered for what is not among `abilities`.
    """

    name: str
    title: str
    abilities: frozenset[Ability]
    currencies: frozenset[str] | None  # those it takes; None: what it takes is its account's matter

    def create_checkout(self, order: Order) -> Checkout:
        """A hosted page to pay on. A repeat of `order.reference` gives the first one again or another that can't be
        paid beside it."""
        ...

    def read_checkout(self, session_id: str, reference: str) -> CheckoutState:
        """Where the last step is ours (PayPal's capture), it is made first."""
        ...

    def read_charge(self, intent_id: str) -> Charge | None:
        """None: the provider knows of none."""
        ...

    def refund(self, order: RefundOrder) -> RefundState:
        """Gives money back, at most once for `order.key`, whatever a time-out hid."""
        ...

    def verify(self, incoming: Incoming) -> Notice:
        """Whose notification it is, and what to look at. No word of it is believed beyond that. Raises Forged."""
        ...

    def read_subscription(self, subscription_id: str) -> SubscriptionState | None: ...

    def cancel_subscription(self, subscription_id: str, *, at_period_end: bool) -> None:
        """Repeating it is harmless. Of one that has ended already nothing is asked."""
        ...

    def resume_subscription(self, subscription_id: str) -> None:
        """Takes back a cancellation at the period's end."""
        ...

    def preview_change(self, change: PlanChange) -> Proration: ...

    def change_plan(self, change: PlanChange) -> str:
        """Changes it now; the address where the payer must agree first, or an empty string."""
        ...

    def charge_kept(self, order: KeptCharge) -> Charge:
        """Charges the kept card, at most once for `order.reference`."""
        ...

    def portal_url(self, customer_id: str, return_url: str) -> str:
        """Where the payer looks after cards and papers at the provider."""
        ...

    def list_charges(self, day: date) -> Iterable[Charge]:
        """Every charge of a day of UTC, to compare with ours."""
        ...


class Limited:
    """What a member answers for all it does not offer; members inherit and override what they do."""

    name = ""
    title = ""
    abilities: frozenset[Ability] = frozenset()
    currencies: frozenset[str] | None = None

    def read_subscription(self, subscription_id: str) -> SubscriptionState | None:
        raise NotOffered(self.name, "subscriptions")

    def cancel_subscription(self, subscription_id: str, *, at_period_end: bool) -> None:
        raise NotOffered(self.name, "subscriptions")

    def resume_subscription(self, subscription_id: str) -> None:
        raise NotOffered(self.name, "subscriptions")

    def preview_change(self, change: PlanChange) -> Proration:
        raise NotOffered(self.name, "a change of plan")

    def change_plan(self, change: PlanChange) -> str:
        raise NotOffered(self.name, "a change of plan")

    def charge_kept(self, order: KeptCharge) -> Charge:
        raise NotOffered(self.name, "charges without the payer")

    def portal_url(self, customer_id: str, return_url: str) -> str:
        raise NotOffered(self.name, "a portal")

    def list_charges(self, day: date) -> Iterable[Charge]:
        raise NotOffered(self.name, "a list of charges")

"""What people were sent to pay, what they paid, and what went back."""

from django.db import models
from django.db.models import F, Q

from accounts.models import Organization, User
from billing.models.catalogue import CURRENCY, BillingPeriod, Pack, Plan, Price
from billing.models.ledger import ZERO, Wallet, credits_field
from billing.models.subscriptions import Subscription
from common.models import BaseModel


class PaymentType(models.TextChoices):
    ONE_TIME = "one_time"
    SUBSCRIPTION = "subscription"
    EVENT_SPONSORSHIP = "event_sponsorship"


class Customer(BaseModel):
    """How a provider calls an organisation that pays with it."""

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="customers", db_index=False)
    provider = models.CharField(max_length=16)
    customer_id = models.CharField(max_length=120)
    # what the provider charges when nobody is there to ask: a card kept by it, never by us
    method_id = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "provider"], name="customer_once"),
            models.UniqueConstraint(fields=["provider", "customer_id"], name="customer_id_once"),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} at {self.provider}"


class CheckoutSession(BaseModel):
    """Somebody sent to a provider to pay for one thing. Its id is the reference that the provider gives back to us.

    What is bought stands here as it was offered: the amount, and the credits that come with it.
    """

    class Status(models.TextChoices):
        OPEN = "open"
        PAID = "paid"
        FAILED = "failed"
        EXPIRED = "expired"

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="checkouts", db_index=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="checkouts", null=True, db_index=False)
    provider = models.CharField(max_length=16)
    type = models.CharField(max_length=20, choices=PaymentType)
    status = models.CharField(max_length=8, choices=Status, default=Status.OPEN)
    price = models.ForeignKey(Price, models.PROTECT, related_name="checkouts", null=True, db_index=False)
    pack = models.ForeignKey(Pack, models.PROTECT, related_name="+", null=True, db_index=False)
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="+", null=True, db_index=False)
    billing_period = models.CharField(max_length=5, choices=BillingPeriod, blank=True)
    # what else may be sold by a higher floor: `billing.registry`
    purchase_type = models.CharField(max_length=40, blank=True)
    purchase_id = models.CharField(max_length=64, blank=True)
    description = models.CharField(max_length=200)
    amount = models.PositiveBigIntegerField(help_text="in the currency's minor units")
    currency = models.CharField(max_length=3, validators=[CURRENCY])
    credits = credits_field(default=ZERO)
    bonus_credits = credits_field(default=ZERO)
    provider_session_id = models.CharField(max_length=200, blank=True)
    checkout_url = models.CharField(max_length=2000, blank=True)
    success_url = models.CharField(max_length=2000, blank=True)
    cancel_url = models.CharField(max_length=2000, blank=True)
    expires_at = models.DateTimeField()
    # the caller's Idempotency-Key, and what it was used for
    key = models.CharField(max_length=320)
    body_hash = models.CharField(max_length=64, blank=True)
    automatic = models.BooleanField(default=False, help_text="a top-up: nobody is sent anywhere")
    read_at = models.DateTimeField(null=True, help_text="when the provider was last asked about it")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key"], name="checkout_key_once"),
            models.UniqueConstraint(
                fields=["provider", "provider_session_id"],
                condition=~Q(provider_session_id=""),
                name="checkout_provider_session_once",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-id"], name="checkout_of_organization"),
            models.Index(fields=["created_at"], condition=Q(status="open"), name="checkout_open"),
        ]

    def __str__(self) -> str:
        return f"{self.description} ({self.status})"


class Payment(BaseModel):
    """Money that came in, or did not. One row for each charge of a provider, told apart by its `intent_id`.

    `credits` came with it in all. `taken_back` of them went out again with a refund or a dispute; `missing` should
    have, but were spent already.
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        PAID = "paid"
        FAILED = "failed"
        EXPIRED = "expired"
        REFUNDED = "refunded"
        PARTIALLY_REFUNDED = "partially_refunded"
        DISPUTED = "disputed"

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="payments", db_index=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="payments", null=True, db_index=False)
    session = models.ForeignKey(CheckoutSession, models.PROTECT, related_name="payments", null=True)
    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="payments", null=True)
    provider = models.CharField(max_length=16)
    type = models.CharField(max_length=20, choices=PaymentType)
    status = models.CharField(max_length=20, choices=Status, default=Status.PENDING)
    intent_id = models.CharField(max_length=200)
    description = models.CharField(max_length=200)
    amount = models.PositiveBigIntegerField(help_text="in the currency's minor units")
    currency = models.CharField(max_length=3, validators=[CURRENCY])
    refunded_amount = models.PositiveBigIntegerField(default=0, help_text="as the provider says")
    disputed = models.BooleanField(default=False)
    credits = credits_field(default=ZERO)
    bonus_credits = credits_field(default=ZERO)
    taken_back = credits_field(default=ZERO)
    missing = credits_field(default=ZERO)
    changes = models.PositiveIntegerField(default=0, help_text="counts what moved credits since it was paid")
    paid_at = models.DateTimeField(null=True)
    gone_back_at = models.DateTimeField(null=True, help_text="when all of it went back, or was first disputed")
    period_end = models.DateTimeField(null=True, help_text="of the subscription's time that it paid")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "intent_id"], name="payment_intent_once"),
            models.CheckConstraint(condition=Q(refunded_amount__lte=F("amount")), name="payment_refund_within_amount"),
            models.CheckConstraint(
                condition=Q(taken_back__gte=0, missing__gte=0, credits__gte=0, bonus_credits__gte=0),
                name="payment_credits_not_negative",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-id"], name="payment_of_organization"),
            models.Index(fields=["paid_at"], condition=Q(paid_at__isnull=False), name="payment_paid_at"),
            models.Index(fields=["created_at"], condition=Q(status="pending"), name="payment_pending"),
        ]

    def __str__(self) -> str:
        return f"{self.description} ({self.status})"


class Refund(BaseModel):
    """Money on its way back. The row is there before the provider is asked, and its id is the key of the asking."""

    class Status(models.TextChoices):
        PENDING = "pending"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    payment = models.ForeignKey(Payment, models.PROTECT, related_name="refunds")
    amount = models.PositiveBigIntegerField(help_text="in the payment's minor units")
    reason = models.CharField(max_length=300)
    requested_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, db_index=False)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    provider_refund_id = models.CharField(max_length=200, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            # one at a time: how much may still go back is known only when the one before has ended
            models.UniqueConstraint(fields=["payment"], condition=Q(status="pending"), name="refund_one_pending")
        ]
        indexes = [models.Index(fields=["next_try_at"], condition=Q(status="pending"), name="refund_due")]

    def __str__(self) -> str:
        return f"{self.amount} of {self.payment_id} ({self.status})"


class Invoice(BaseModel):
    """The paper of a payment. Numbers run without a gap through the year, in the order of payment."""

    payment = models.OneToOneField(Payment, models.PROTECT, related_name="invoice")
    organization = models.ForeignKey(Organization, models.PROTECT, related_name="invoices", db_index=False)
    year = models.PositiveSmallIntegerField()
    serial = models.PositiveIntegerField()
    billed_to = models.CharField(max_length=300, help_text="name and address at that time")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["year", "serial"], name="invoice_number_once")]
        indexes = [models.Index(fields=["organization", "-id"], name="invoice_of_organization")]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        return f"{self.year}-{self.serial:06d}"


class UnmatchedCharge(BaseModel):
    """Money at a provider that answers to nothing of ours, or not to what was asked for: for the finance desk."""

    provider = models.CharField(max_length=16)
    intent_id = models.CharField(max_length=200)
    reference = models.CharField(max_length=200, blank=True)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=300)
    session = models.ForeignKey(CheckoutSession, models.PROTECT, related_name="unmatched", null=True)
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, db_index=False)
    resolution = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "intent_id"], name="unmatched_once")]
        indexes = [models.Index(fields=["created_at"], condition=Q(resolved_at=None), name="unmatched_open")]

    def __str__(self) -> str:
        return f"{self.intent_id} at {self.provider}"


class AdjustmentRequest(BaseModel):
    """An adjustment above the limit: asked for by one of the staff, made when another has agreed."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        APPROVED = "approved"
        REFUSED = "refused"

    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="adjustment_requests")
    amount = credits_field()
    bucket = models.CharField(max_length=5, choices=[("main", "main"), ("bonus", "bonus")])
    reason = models.CharField(max_length=300)
    requested_by = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    decided_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, db_index=False)
    decided_at = models.DateTimeField(null=True)
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("requested_by")), name="adjustment_needs_a_second_person"
            )
        ]

    def __str__(self) -> str:
        return f"{self.amount:f} ({self.status})"

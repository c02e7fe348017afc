"""The books of the sandbox, a payment provider that moves no money: what a real one would keep on its own machines.

Nothing here refers to our tables, as nothing there would, and the tables stay empty in production.
"""

from django.db import models
from django.db.models import F, Q

from billing.models.catalogue import CURRENCY, BillingPeriod
from common.models import BaseModel


class SandboxCheckout(BaseModel):
    """A page to pay on. Its id is the provider's name of the session; `reference` is the shop's."""

    class Status(models.TextChoices):
        OPEN = "open"
        PAID = "paid"
        FAILED = "failed"
        EXPIRED = "expired"

    reference = models.CharField(max_length=36, unique=True)
    status = models.CharField(max_length=7, choices=Status, default=Status.OPEN)
    description = models.CharField(max_length=200)
    amount = models.PositiveBigIntegerField(help_text="in the currency's minor units")
    currency = models.CharField(max_length=3, validators=[CURRENCY])
    customer_id = models.CharField(max_length=64)
    payer_name = models.CharField(max_length=200)
    payer_email = models.EmailField()
    success_url = models.CharField(max_length=2000)
    cancel_url = models.CharField(max_length=2000)
    expires_at = models.DateTimeField()
    every = models.CharField(max_length=5, choices=BillingPeriod, blank=True)
    price_ref = models.CharField(max_length=120, blank=True)
    keep_method = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.description} ({self.status})"


class SandboxSubscription(BaseModel):
    """Charges again whenever its period ends, until it is cancelled or a charge of it has failed for good."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        PAST_DUE = "past_due"
        CANCELLED = "cancelled"

    checkout = models.OneToOneField(SandboxCheckout, models.CASCADE, related_name="subscription")
    status = models.CharField(max_length=9, choices=Status, default=Status.ACTIVE)
    description = models.CharField(max_length=200)
    amount = models.PositiveBigIntegerField(help_text="a period, in the currency's minor units")
    currency = models.CharField(max_length=3, validators=[CURRENCY])
    customer_id = models.CharField(max_length=64)
    every = models.CharField(max_length=5, choices=BillingPeriod)
    price_ref = models.CharField(max_length=120, blank=True)
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    cancel_at_period_end = models.BooleanField(default=False)
    next_fails = models.BooleanField(default=False, help_text="the card refuses the next renewal")
    change_keys = models.JSONField(default=list, help_text="the keys of changes that were made already")

    class Meta:
        indexes = [
            models.Index(fields=["period_end"], condition=~Q(status="cancelled"), name="sandbox_subscription_due"),
            models.Index(fields=["customer_id"], name="sandbox_subscription_payer"),
        ]

    def __str__(self) -> str:
        return f"{self.description} ({self.status})"


class SandboxCharge(BaseModel):
    """Money that would have moved. `reference` is the shop's, empty on a renewal."""

    class Status(models.TextChoices):
        PAID = "paid"
        FAILED = "failed"

    class Dispute(models.TextChoices):
        NONE = "", "none"
        OPEN = "open"
        WON = "won"
        LOST = "lost"

    checkout = models.ForeignKey(SandboxCheckout, models.CASCADE, related_name="charges", null=True)
    subscription = models.ForeignKey(SandboxSubscription, models.CASCADE, related_name="charges", null=True)
    reference = models.CharField(max_length=36, blank=True)
    status = models.CharField(max_length=6, choices=Status)
    description = models.CharField(max_length=200)
    amount = models.PositiveBigIntegerField(help_text="in the currency's minor units")
    currency = models.CharField(max_length=3, validators=[CURRENCY])
    refunded = models.PositiveBigIntegerField(default=0)
    dispute = models.CharField(max_length=4, choices=Dispute, default=Dispute.NONE, blank=True)
    customer_id = models.CharField(max_length=64)
    method_id = models.CharField(max_length=64, blank=True)
    paid_at = models.DateTimeField(null=True)
    period_start = models.DateTimeField(null=True)
    period_end = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(refunded__lte=F("amount")), name="sandbox_refund_within_amount"),
            models.UniqueConstraint(
                fields=["reference"], condition=~Q(reference="") & Q(status="paid"), name="sandbox_paid_once"
            ),
        ]
        indexes = [models.Index(fields=["customer_id", "-id"], name="sandbox_charge_payer")]

    def __str__(self) -> str:
        return f"{self.description} ({self.status})"


class SandboxRefund(BaseModel):
    """Money that would have gone back; `key` is the shop's, so that a repeat finds it."""

    charge = models.ForeignKey(SandboxCharge, models.CASCADE, related_name="refunds")
    key = models.CharField(max_length=64, null=True, unique=True, help_text="none: refunded at the sandbox's own page")
    amount = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return f"{self.amount} of {self.charge_id}"


class SandboxDelivery(BaseModel):
    """A webhook on its way to the shop. Its id is the event's, the same at every try."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        DELIVERED = "delivered"
        FAILED = "failed"

    kind = models.CharField(max_length=40)
    body = models.TextField(help_text="exactly what is signed and sent")
    status = models.CharField(max_length=9, choices=Status, default=Status.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(help_text="when it is due, or until when somebody is at it")
    delivered_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [models.Index(fields=["next_try_at"], condition=Q(status="waiting"), name="sandbox_delivery_due")]

    def __str__(self) -> str:
        return f"{self.kind} ({self.status})"

"""Plans that run: by subscription, for a time bought once, or on trial."""

from django.db import models
from django.db.models import Q

from accounts.models import Organization, User
from billing.models.catalogue import CURRENCY, BillingPeriod, Plan, Price
from billing.models.ledger import ZERO, credits_field
from common.models import BaseModel


class Subscription(BaseModel):
    """A plan that an organisation has. At most one is live.

    `renews` says whether the provider charges again by itself; without it the time was bought once, or is a trial
    (`provider` is empty). The plan holds until `current_period_end`, and while it is past due until `grace_until`.
    """

    class Status(models.TextChoices):
        TRIALING = "trialing"
        ACTIVE = "active"
        PAST_DUE = "past_due"
        CANCELLED = "cancelled"
        EXPIRED = "expired"

    class EndWanted(models.TextChoices):
        """What its provider is still to be told, until it has heard it."""

        WITH_PERIOD = "period"
        AT_ONCE = "now"

    LIVE = (Status.TRIALING, Status.ACTIVE, Status.PAST_DUE)

    organization = models.ForeignKey(Organization, models.PROTECT, related_name="subscriptions", db_index=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="subscriptions", null=True, db_index=False)
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="subscriptions")
    price = models.ForeignKey(Price, models.PROTECT, related_name="subscriptions", null=True)
    provider = models.CharField(max_length=16, blank=True)
    provider_subscription_id = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=9, choices=Status)
    renews = models.BooleanField(default=False)
    billing_period = models.CharField(max_length=5, choices=BillingPeriod, blank=True)
    amount = models.PositiveBigIntegerField(default=0, help_text="a period, in the currency's minor units")
    currency = models.CharField(max_length=3, validators=[CURRENCY], blank=True)
    started_at = models.DateTimeField()
    current_period_start = models.DateTimeField()
    current_period_end = models.DateTimeField()
    cancel_at_period_end = models.BooleanField(default=False)
    end_wanted = models.CharField(max_length=6, choices=EndWanted, blank=True)
    grace_until = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    # the monthly credits: how many months were given, when the next is due, how far it is paid for, and how many of
    # those given may still be in the bonus bucket
    months_granted = models.PositiveIntegerField(default=0)
    next_grant_at = models.DateTimeField(null=True)
    paid_until = models.DateTimeField(null=True)
    unspent = credits_field(default=ZERO)
    read_at = models.DateTimeField(null=True, help_text="when the provider was last asked about it")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organization"],
                condition=Q(status__in=["trialing", "active", "past_due"]),
                name="subscription_one_live",
            ),
            models.UniqueConstraint(
                fields=["provider", "provider_subscription_id"],
                condition=~Q(provider_subscription_id=""),
                name="subscription_provider_id_once",
            ),
        ]
        indexes = [
            models.Index(fields=["organization", "-id"], name="subscription_of_organization"),
            models.Index(
                fields=["current_period_end"],
                condition=Q(status__in=["trialing", "active", "past_due"]),
                name="subscription_live_until",
            ),
            models.Index(fields=["updated_at"], condition=~Q(end_wanted=""), name="subscription_end_wanted"),
            models.Index(
                fields=["next_grant_at"],
                condition=Q(status__in=["trialing", "active", "past_due"]),
                name="subscription_grant_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan_id} of {self.organization_id} ({self.status})"


class TierUse(BaseModel):
    """Generations that a person began while an organisation paid: what a tier's limits count by."""

    class Status(models.TextChoices):
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    organization_id = models.UUIDField()
    user_id = models.UUIDField()
    key = models.CharField(max_length=200)
    count = models.PositiveIntegerField()
    status = models.CharField(max_length=9, choices=Status, default=Status.RUNNING)
    on_trial = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["key"], name="tier_use_once")]
        indexes = [
            models.Index(fields=["user_id", "organization_id", "created_at"], name="tier_use_of_person"),
            models.Index(fields=["user_id"], condition=Q(on_trial=True), name="tier_use_on_trial"),
        ]

    def __str__(self) -> str:
        return f"{self.count} of {self.user_id} ({self.status})"

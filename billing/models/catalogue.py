"""What is for sale, as data that operators edit: plans, packs, and what they cost with whom."""

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q

from billing.models.ledger import ZERO, credits_field
from common.models import BaseModel

SLUG = RegexValidator(r"^[a-z][a-z0-9_]{0,31}$", "Use small letters, digits and _, beginning with a letter.")
CURRENCY = RegexValidator(r"^[A-Z]{3}$", "Use the three capital letters of ISO 4217.")


class BillingPeriod(models.TextChoices):
    MONTH = "month"
    YEAR = "year"


class Plan(BaseModel):
    """A tier of the site. What it allows are columns; a missing limit is no limit.

    `monthly_credits` come with each paid month, into the bonus bucket. Of what a month leaves over, at most
    `carry_over` credits outlive the next month's.
    """

    name = models.CharField(max_length=32, unique=True, validators=[SLUG])
    title = models.CharField(max_length=60)
    description = models.CharField(max_length=300, blank=True)
    features = models.JSONField(default=list, blank=True, help_text="short lines for the price list")
    rank = models.PositiveSmallIntegerField(default=0, help_text="a higher one is an upgrade; also the order shown")
    monthly_credits = credits_field(default=ZERO)
    carry_over = credits_field(default=ZERO, help_text="how many unspent credits of earlier months may stay")
    generations_per_day = models.PositiveIntegerField(null=True, blank=True, help_text="in any 24 hours")
    generations_in_all = models.PositiveIntegerField(null=True, blank=True, help_text="counted when they succeed")
    storage_mb = models.PositiveIntegerField(null=True, blank=True, help_text="files an organisation may keep, in MB")
    trial_days = models.PositiveSmallIntegerField(null=True, blank=True, help_text="taken once a person, unpaid")
    is_premium = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True, help_text="for sale; who has it keeps it")

    class Meta:
        ordering = ("rank", "name")
        constraints = [
            models.CheckConstraint(
                condition=Q(monthly_credits__gte=0, carry_over__gte=0), name="plan_credits_not_negative"
            )
        ]

    def __str__(self) -> str:
        return self.title


class Pack(BaseModel):
    """Credits to buy. They go into the main bucket and stay; `bonus_credits` come on top, into the bonus bucket."""

    name = models.CharField(max_length=32, unique=True, validators=[SLUG])
    title = models.CharField(max_length=60)
    description = models.CharField(max_length=300, blank=True)
    credits = credits_field()
    bonus_credits = credits_field(default=ZERO)
    position = models.PositiveSmallIntegerField(default=0)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ("position", "name")
        constraints = [
            models.CheckConstraint(condition=Q(credits__gt=0, bonus_credits__gte=0), name="pack_has_credits")
        ]

    def __str__(self) -> str:
        return self.title


class Price(BaseModel):
    """What a pack costs, or a period of a plan; with one provider, or with all that have none of their own.

    `recurring` renews by itself; without it the period is bought once. `provider_ref` is the provider's own id of it
    (a Stripe price, a PayPal plan), where its subscriptions need one. Never changed once somebody paid it: another
    amount is another row.
    """

    plan = models.ForeignKey(Plan, models.CASCADE, related_name="prices", null=True, blank=True)
    pack = models.ForeignKey(Pack, models.CASCADE, related_name="prices", null=True, blank=True)
    billing_period = models.CharField(max_length=5, choices=BillingPeriod, blank=True)
    recurring = models.BooleanField(default=False)
    currency = models.CharField(max_length=3, validators=[CURRENCY])
    amount = models.PositiveBigIntegerField(help_text="in minor units", validators=[MinValueValidator(1)])
    provider = models.CharField(max_length=16, blank=True, help_text="empty: every provider without a row of its own")
    provider_ref = models.CharField(max_length=120, blank=True)
    is_active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(plan__isnull=False, pack=None, billing_period__in=["month", "year"])
                | Q(plan=None, pack__isnull=False, billing_period="", recurring=False),
                name="price_of_a_plan_or_a_pack",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="price_above_zero"),
            models.UniqueConstraint(
                fields=["plan", "pack", "billing_period", "recurring", "currency", "provider"],
                condition=Q(is_active=True),
                nulls_distinct=False,
                name="price_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan or self.pack} {self.amount} {self.currency}"

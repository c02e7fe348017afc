"""What watches over a wallet that somebody pays for."""

from decimal import Decimal

from django.db import models
from django.db.models import Q

from accounts.models import Organization, User
from billing.models.catalogue import Pack
from billing.models.ledger import credits_field
from common.models import BaseModel


class TopUp(BaseModel):
    """When a wallet runs low: tell its people, and buy a pack by itself if they said so.

    There is a row for an organisation that has paid once, or set one. Off by default; what it may charge in a month of
    UTC's calendar is capped. `charges` counts those ever begun.
    """

    organization = models.OneToOneField(Organization, models.CASCADE, related_name="top_up")
    user = models.ForeignKey(User, models.SET_NULL, related_name="+", null=True, help_text="who switched it on")
    enabled = models.BooleanField(default=False)
    threshold = credits_field(default=Decimal(10), help_text="buy when fewer are left")
    pack = models.ForeignKey(Pack, models.PROTECT, related_name="+", null=True)
    provider = models.CharField(max_length=16, blank=True)
    monthly_cap = models.PositiveBigIntegerField(default=0, help_text="in the currency's minor units")
    currency = models.CharField(max_length=3, blank=True)
    low_balance_at = credits_field(default=Decimal(5), help_text="tell when fewer are left; 0: never")
    told_low = models.BooleanField(default=False, help_text="told since the balance was last above")
    charges = models.PositiveIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(enabled=False)
                | Q(pack__isnull=False, monthly_cap__gt=0) & ~Q(provider="") & ~Q(currency=""),
                name="top_up_knows_what_to_buy",
            )
        ]

    def __str__(self) -> str:
        return f"top-up of {self.organization_id}"

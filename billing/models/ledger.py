"""Wallets, the entries that move credits, and the reservations that hold them. The rules stand in the database.

Credits are `Decimal(20, 7)`. A wallet has two buckets, main and bonus, and bonus is spent first. Every change of a
wallet is one statement that also writes its entries (`billing.services`); nothing else writes these tables.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import ApiKey, Organization, User
from common.models import BaseModel, new_id

ZERO = Decimal(0)


def credits_field(**options: object) -> models.DecimalField:
    return models.DecimalField(max_digits=20, decimal_places=7, **options)  # type: ignore[arg-type]


class Kind(models.TextChoices):
    GRANT = "grant"
    PURCHASE = "purchase"
    RESERVE = "reserve"
    CAPTURE = "capture"
    RELEASE = "release"
    SPEND = "spend"
    REFUND = "refund"
    ADJUSTMENT = "adjustment"
    EXPIRY = "expiry"


class Status(models.TextChoices):
    """A reservation ends captured, released (it failed) or expired (nobody reported); late truth may change that once:
    captured to refunded, expired to captured or released."""

    HELD = "held"
    CAPTURED = "captured"
    RELEASED = "released"
    EXPIRED = "expired"
    REFUNDED = "refunded"


GIVING = [Kind.GRANT, Kind.PURCHASE, Kind.RELEASE, Kind.REFUND]
TAKING = [Kind.RESERVE, Kind.SPEND, Kind.EXPIRY]


class Wallet(BaseModel):
    """What an organisation has to spend. `reserved` is out of both buckets already, held for work in progress."""

    organization = models.OneToOneField(Organization, models.PROTECT, related_name="wallet")
    balance = credits_field(default=ZERO)
    bonus_balance = credits_field(default=ZERO)
    reserved = credits_field(default=ZERO)
    free_messages = models.PositiveIntegerField(default=0)
    free_messages_granted = models.PositiveIntegerField(default=0)
    last_number = models.PositiveBigIntegerField(default=0, help_text="the number of its newest entry")
    budgets_version = models.PositiveIntegerField(
        default=0, db_default=0, help_text="counts the budgets ever made for it: at 0 nothing looks for any"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(balance__gte=0), name="wallet_balance_not_negative"),
            models.CheckConstraint(condition=Q(bonus_balance__gte=0), name="wallet_bonus_not_negative"),
            models.CheckConstraint(condition=Q(reserved__gte=0), name="wallet_reserved_not_negative"),
            models.CheckConstraint(
                condition=Q(free_messages__gte=0, free_messages__lte=F("free_messages_granted")),
                name="wallet_free_messages_were_granted",
            ),
        ]

    def __str__(self) -> str:
        return f"wallet of {self.organization_id}"

    @property
    def total(self) -> Decimal:
        return self.balance + self.bonus_balance


class Reservation(BaseModel):
    """Credits, or one free message, taken out of a wallet before work starts.

    `amount` is the price asked for, `main` and `bonus` are what was taken for it (nothing, where a free message paid),
    `captured_main` and `captured_bonus` what was kept in the end: never more than `amount`.
    """

    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="reservations")
    status = models.CharField(max_length=8, choices=Status, default=Status.HELD)
    amount = credits_field()
    main = credits_field(default=ZERO)
    bonus = credits_field(default=ZERO)
    free_messages = models.PositiveSmallIntegerField(default=0)
    capture_asked = credits_field(null=True, help_text="what the capture asked for, so that a repeat is recognised")
    captured_main = credits_field(default=ZERO)
    captured_bonus = credits_field(default=ZERO)
    feature = models.CharField(max_length=80)
    reference_type = models.CharField(max_length=80, blank=True)
    reference_id = models.CharField(max_length=200, blank=True)
    key = models.CharField(max_length=320)
    expires_at = models.DateTimeField()
    # who caused it, and with which key: what budgets count by. No foreign keys, which every insert would pay for.
    member_id = models.UUIDField(null=True)
    api_key_id = models.UUIDField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["key"], name="reservation_key_once"),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="reservation_status_known"),
            models.CheckConstraint(
                condition=Q(main__gte=0, bonus__gte=0, captured_main__gte=0, captured_bonus__gte=0),
                name="reservation_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(amount__gte=F("main") + F("bonus"), free_messages__lte=1), name="reservation_within_price"
            ),
            models.CheckConstraint(
                condition=Q(amount__gte=F("captured_main") + F("captured_bonus")),
                name="reservation_capture_within_price",
            ),
        ]
        indexes = [
            models.Index(fields=["expires_at"], condition=Q(status="held"), name="reservation_held_until"),
        ]

    def __str__(self) -> str:
        return f"{self.feature} {self.amount:f} ({self.status})"

    @property
    def captured(self) -> Decimal:
        """The credits that were charged in the end."""
        return self.captured_main + self.captured_bonus


class Entry(models.Model):
    """One movement. Never changed and never deleted: a trigger refuses both.

    The entries of a wallet are numbered 1, 2, 3 … without a gap, in the order in which they took effect, and
    `balance_after` is what both buckets had together after it.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # the unique pair with `number` is its index
    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="entries", db_index=False)
    number = models.PositiveBigIntegerField()
    main = credits_field()
    bonus = credits_field()
    balance_after = credits_field()
    kind = models.CharField(max_length=10, choices=Kind)
    key = models.CharField(max_length=320)
    feature = models.CharField(max_length=80, blank=True)
    reference_type = models.CharField(max_length=80, blank=True)
    reference_id = models.CharField(max_length=200, blank=True)
    description = models.CharField(max_length=500, blank=True)
    reservation = models.ForeignKey(Reservation, models.PROTECT, related_name="entries", null=True, db_index=False)
    created_at = models.DateTimeField()
    member_id = models.UUIDField(null=True)
    api_key_id = models.UUIDField(null=True)

    class Meta:
        verbose_name_plural = "entries"
        constraints = [
            models.UniqueConstraint(fields=["key"], name="entry_key_once"),
            models.UniqueConstraint(fields=["wallet", "number"], name="entry_numbered_once"),
            models.CheckConstraint(condition=Q(balance_after__gte=0), name="entry_balance_not_negative"),
            models.CheckConstraint(
                condition=Q(kind__in=GIVING, main__gte=0, bonus__gte=0)
                | Q(kind__in=TAKING, main__lte=0, bonus__lte=0)
                | Q(kind=Kind.CAPTURE, main=0, bonus=0)
                | Q(kind=Kind.ADJUSTMENT),
                name="entry_sign_fits_kind",
            ),
        ]
        indexes = [
            models.Index(fields=["reservation"], condition=Q(reservation__isnull=False), name="entry_of_reservation"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount:f}"

    @property
    def amount(self) -> Decimal:
        return self.main + self.bonus


class Budget(BaseModel):
    """What a member, a key or everybody may spend of an organisation's credits in a day or a month, by UTC's calendar.

    `spent` is of the period that began at `period_start`; a later period begins with its first spend. It counts what
    reservations hold or have captured by when they were made.
    """

    class Scope(models.TextChoices):
        MEMBER = "member"
        KEY = "key"
        ORGANIZATION = "organization"

    class Period(models.TextChoices):
        """The values are units of PostgreSQL's `date_trunc`."""

        DAY = "day"
        MONTH = "month"

    organization = models.ForeignKey(Organization, models.CASCADE, related_name="budgets", db_index=False)
    scope = models.CharField(max_length=12, choices=Scope)
    member = models.ForeignKey(User, models.CASCADE, related_name="budgets", null=True)
    api_key = models.ForeignKey(ApiKey, models.CASCADE, related_name="budgets", null=True)
    # whom it binds, whatever the scope: what a spend looks for
    subject_id = models.GeneratedField(
        expression=Coalesce("member", "api_key", "organization"), output_field=models.UUIDField(), db_persist=True
    )
    period = models.CharField(max_length=5, choices=Period)
    limit = credits_field()
    spent = credits_field(default=ZERO)
    period_start = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organization", "subject_id", "period"], name="budget_once"),
            models.CheckConstraint(condition=Q(limit__gte=0, spent__gte=0), name="budget_not_negative"),
            models.CheckConstraint(condition=Q(period__in=["day", "month"]), name="budget_period_known"),
            models.CheckConstraint(
                condition=Q(scope="member", member__isnull=False, api_key=None)
                | Q(scope="key", member=None, api_key__isnull=False)
                | Q(scope="organization", member=None, api_key=None),
                name="budget_subject_fits_scope",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.limit:f} a {self.period} ({self.scope})"

    @property
    def spent_now(self) -> Decimal:
        """Of the period that it is now."""
        return self.spent if self.period_start >= period_start(self.period, timezone.now()) else ZERO

    @property
    def resets_at(self) -> datetime:
        return period_end(self.period, timezone.now())


def period_start(period: str, moment: datetime) -> datetime:
    """When the day or month began in which this moment is, by UTC."""
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day if period == Budget.Period.DAY else day.replace(day=1)


def period_end(period: str, moment: datetime) -> datetime:
    days = 1 if period == Budget.Period.DAY else 32
    return period_start(period, period_start(period, moment) + timedelta(days=days))

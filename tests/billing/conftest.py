"""Purses to spend from, and the auditor."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Organization
from billing import services
from billing.models import Reservation, Wallet
from billing.reconciliation import as_lines, reconcile


class Purse:
    """A wallet of an organisation without people, and short words for what a test does with it."""

    def __init__(self, main: Any = 0, bonus: Any = 0, free_messages: int = 0) -> None:
        self.id = Organization.objects.create(name="The Purse").pk
        services.open_wallet(self.id)
        self.keys = 0
        if main:
            self.grant(main)
        if bonus:
            self.grant(bonus, bucket="bonus")
        if free_messages:
            services.grant_free_messages(organization_id=self.id, count=free_messages)

    def grant(self, amount: Any, **options: Any) -> dict[str, Any]:
        return services.grant_credits(organization_id=self.id, amount=amount, **{"key": self._key()} | options)

    def spend(self, amount: Any, **options: Any) -> services.SpendResult:
        return services.spend(organization_id=self.id, amount=amount, **{"feature": "story"} | options)

    def reserve(self, amount: Any, **options: Any) -> Reservation:
        defaults = {"feature": "chat", "key": self._key(), "expires_in": timedelta(minutes=5)}
        return services.reserve(organization_id=self.id, amount=amount, **defaults | options)

    def _key(self) -> str:
        return f"test:{uuid.uuid4()}"

    @property
    def wallet(self) -> Wallet:
        return Wallet.objects.get(organization=self.id)

    @property
    def has(self) -> tuple[Decimal, Decimal, Decimal]:
        """main, bonus, reserved"""
        wallet = self.wallet
        return wallet.balance, wallet.bonus_balance, wallet.reserved

    @property
    def free_messages(self) -> int:
        return self.wallet.free_messages

    @property
    def lines(self) -> list[tuple[str, Decimal, Decimal, Decimal]]:
        """The book, oldest first: kind, main, bonus, balance after."""
        entries = self.wallet.entries.order_by("number")
        return [(entry.kind, entry.main, entry.bonus, entry.balance_after) for entry in entries]


@pytest.fixture
def purse(db: None) -> Callable[..., Purse]:
    """`purse(main=100, bonus=20, free_messages=1)`"""
    return Purse


@pytest.fixture
def run_out() -> Callable[[Reservation], None]:
    """Lets a reservation's time run out."""

    def run_out(reservation: Reservation) -> None:
        Reservation.objects.filter(pk=reservation.pk).update(expires_at=timezone.now() - timedelta(seconds=1))

    return run_out


@pytest.fixture
def expire(run_out: Callable[[Reservation], None]) -> Callable[[Reservation], None]:
    """Lets a reservation's time run out, and sweeps."""

    def expire(reservation: Reservation) -> None:
        run_out(reservation)
        assert services.sweep_expired_reservations() == 1

    return expire


@pytest.fixture
def books_agree() -> Callable[[], None]:
    """Fails with the auditor's report unless every balance is proven by its entries. The test must commit."""

    def books_agree() -> None:
        report = reconcile()
        assert report.ok, "\n".join(as_lines(report))

    return books_agree

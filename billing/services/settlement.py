"""What becomes of a reservation: captured, released, expired, and the late truth about it.

The arithmetic is plain functions from a reservation to a `Settlement`. Applying one is a single statement that does
nothing where the reservation's status is not the one decided upon any more; then it is read and decided afresh. A
status never comes back, so that ends.

| it is    | capture                                    | release                      | sweep, past its time |
|----------|--------------------------------------------|------------------------------|----------------------|
| held     | captured; what was not used goes back      | released; all goes back      | expired; all back    |
| captured | the same again, or Conflict                | refunded; the charge is back | -                    |
| expired  | captured; charged again as far as it goes  | released; nothing to move    | -                    |
| released | Conflict                                   | the same again               | -                    |
| refunded | the same again, or Conflict                | the same again               | -                    |
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import structlog
from django.utils import timezone

from billing import statements
from billing.amounts import checked_amount
from billing.announcements import announce
from billing.models import ZERO, Kind, Reservation, Status, Wallet
from common.errors import Conflict, NotFound
from common.models import new_id

log = structlog.get_logger(__name__)
EXPIRED_IN_ONE_SWEEP = 1000
RESERVATION_FIELDS = [field.attname for field in Reservation._meta.concrete_fields]
# the rest is left unloaded
WALLET_FIELDS = ("id", "organization_id", "balance", "bonus_balance", "free_messages", "budgets_version")
NOT_REPORTED = "The work was not reported in time."


@dataclass(frozen=True, slots=True)
class Line:
    """An entry to write: what both buckets get (or, below zero, give)."""

    kind: Kind
    key: str
    main: Decimal = ZERO
    bonus: Decimal = ZERO
    description: str = ""


@dataclass(frozen=True, slots=True)
class Settlement:
    """A reservation's next state and the entries that take it there."""

    status: Status
    lines: tuple[Line, ...] = ()
    captured_main: Decimal = ZERO
    captured_bonus: Decimal = ZERO
    capture_asked: Decimal | None = None
    reserved: Decimal = ZERO
    free: int = 0
    free_messages: int = 0


Decide = Callable[[Reservation], Settlement | None]


def capture(*, reservation_id: uuid.UUID, amount: Decimal | int | str | None = None) -> Reservation:
    """Charges `amount` of what was reserved (all of it by default, never more) and gives the rest back.

    A free message is used up whatever the amount. After the reservation expired it is charged again, as far as the
    wallet has it. `captured` of the answer tells what was charged. Raises NotFound, Conflict where it was released, or
    captured with another amount, ValidationProblem.
    """
    asked = None if amount is None else checked_amount(amount, zero=True)
    return _settle(reservation_id, lambda reservation: _captured(reservation, asked))


def release(*, reservation_id: uuid.UUID, reason: str = "") -> Reservation:
    """The work failed: gives back what was reserved, or refunds what was captured. Raises NotFound."""
    return _settle(reservation_id, lambda reservation: _released(reservation, reason[:500]))


def sweep_expired_reservations() -> int:
    """Gives back what nobody reported on in time; returns how many reservations expired."""
    overdue = Reservation.objects.filter(status=Status.HELD, expires_at__lt=timezone.now()).order_by("expires_at")
    expired = 0
    for reservation in overdue.select_related("wallet")[:EXPIRED_IN_ONE_SWEEP]:
        settlement = _given_back(reservation, Status.EXPIRED, "expiry", NOT_REPORTED)
        expired += _apply(reservation, settlement)  # one that was settled meanwhile stays as it is
    if expired:
        log.info("reservations expired", count=expired)
    return expired


def _captured(reservation: Reservation, amount: Decimal | None) -> Settlement | None:
    asked = reservation.amount if amount is None else min(amount, reservation.amount)
    if reservation.status == Status.HELD:
        return _captured_in_time(reservation, asked)
    if reservation.status == Status.EXPIRED:
        return _captured_late(reservation, asked)
    if reservation.capture_asked != asked:
        raise Conflict("This reservation was settled in another way.")
    return None


def _captured_in_time(reservation: Reservation, asked: Decimal) -> Settlement:
    bonus = min(asked, reservation.bonus)
    main = min(asked - bonus, reservation.main)
    lines = [Line(Kind.CAPTURE, f"capture:{reservation.id}")]
    unused = (reservation.main - main, reservation.bonus - bonus)
    if any(unused):
        lines.append(Line(Kind.RELEASE, f"release:{reservation.id}", *unused))
    return Settlement(
        status=Status.CAPTURED,
        lines=() if reservation.free_messages else tuple(lines),
        captured_main=main,
        captured_bonus=bonus,
        capture_asked=asked,
        reserved=-(reservation.main + reservation.bonus),
        free_messages=reservation.free_messages,
    )


def _captured_late(reservation: Reservation, asked: Decimal) -> Settlement:
    """Everything went back when it expired, so it is taken again, by the same rule, as far as there is any."""
    wallet = reservation.wallet
    if reservation.free_messages and wallet.free_messages:
        return Settlement(Status.CAPTURED, capture_asked=asked, free=-1, free_messages=1)
    bonus = min(asked, wallet.bonus_balance)
    main = min(asked - bonus, wallet.balance)
    kind = Kind.SPEND if main + bonus else Kind.CAPTURE
    return Settlement(
        status=Status.CAPTURED,
        lines=(Line(kind, f"capture:{reservation.id}", -main, -bonus, "Charged after the time for it had run out."),),
        captured_main=main,
        captured_bonus=bonus,
        capture_asked=asked,
    )


def _released(reservation: Reservation, reason: str) -> Settlement | None:
    if reservation.status == Status.HELD:
        return _given_back(reservation, Status.RELEASED, "release", reason)
    if reservation.status == Status.CAPTURED:
        return _refunded(reservation, reason)
    if reservation.status == Status.EXPIRED:
        return Settlement(Status.RELEASED, free_messages=reservation.free_messages)
    return None


def _given_back(reservation: Reservation, status: Status, key: str, description: str) -> Settlement:
    line = Line(Kind.RELEASE, f"{key}:{reservation.id}", reservation.main, reservation.bonus, description)
    return Settlement(
        status=status,
        lines=() if reservation.free_messages else (line,),
        reserved=-(reservation.main + reservation.bonus),
        free=reservation.free_messages,
        free_messages=reservation.free_messages,
    )


def _refunded(reservation: Reservation, reason: str) -> Settlement:
    line = Line(Kind.REFUND, f"refund:{reservation.id}", reservation.captured_main, reservation.captured_bonus, reason)
    return Settlement(
        status=Status.REFUNDED,
        lines=(line,) if reservation.captured else (),
        captured_main=reservation.captured_main,
        captured_bonus=reservation.captured_bonus,
        capture_asked=reservation.capture_asked,
        free=reservation.free_messages,
        free_messages=reservation.free_messages,
    )


def _settle(reservation_id: uuid.UUID, decide: Decide) -> Reservation:
    while True:
        reservation = _read(reservation_id)
        settlement = decide(reservation)
        if settlement is None or _apply(reservation, settlement):
            return reservation


def _read(reservation_id: uuid.UUID) -> Reservation:
    """The reservation with its wallet, as they are now. Raises NotFound."""
    row = statements.run(statements.RESERVATION, {"id": reservation_id})
    if row is None:
        raise NotFound
    split = len(RESERVATION_FIELDS)
    reservation = Reservation.from_db("default", RESERVATION_FIELDS, row[:split])
    reservation.wallet = Wallet.from_db("default", WALLET_FIELDS, row[split:])
    return reservation


def _apply(reservation: Reservation, settlement: Settlement) -> bool:
    """Whether it took effect: not where the reservation has moved on, or the wallet has less than was counted on."""
    has_budgets = reservation.wallet.budgets_version > 0
    statement = statements.SETTLE.counting if has_budgets else statements.SETTLE.plain
    row = statements.run(statement, _params(reservation, settlement))
    if row is None:
        return False
    announce(reservation.wallet.organization_id, row)
    for name in ("status", "captured_main", "captured_bonus", "capture_asked", "free_messages"):
        setattr(reservation, name, getattr(settlement, name))
    return True


def _params(reservation: Reservation, settlement: Settlement) -> dict[str, Any]:
    lines = settlement.lines
    return {
        "id": reservation.id,
        "was": reservation.status,
        "status": settlement.status.value,
        "capture_asked": settlement.capture_asked,
        "captured_main": settlement.captured_main,
        "captured_bonus": settlement.captured_bonus,
        "free_messages": settlement.free_messages,
        "main": sum((line.main for line in lines), ZERO),
        "bonus": sum((line.bonus for line in lines), ZERO),
        "reserved": settlement.reserved,
        "free": settlement.free,
        "ids": [new_id() for _ in lines],
        "kinds": [line.kind.value for line in lines],
        "keys": [line.key for line in lines],
        "mains": [line.main for line in lines],
        "bonuses": [line.bonus for line in lines],
        "descriptions": [line.description for line in lines],
    }

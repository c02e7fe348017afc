"""What the drill does: one random operation after another, each planned before it is done."""

import random
import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from billing import services
from billing.models import Reservation
from common.errors import Conflict, Forbidden, NoCredits

WEIGHTS = {"spend": 30, "grant": 14, "reserve": 26, "capture": 14, "release": 9, "repeat": 4, "undone": 2, "sweep": 1}
RECENT = 40
HELD_SECONDS = (0.02, 0.3, 3.0, 60.0)


class UndoneError(Exception):
    """Raised to roll an outer transaction back."""


class Planner:
    """Plans the operations of one thread. `run` is a prefix of every key that no other drill has."""

    def __init__(self, run: str, thread: int, seed: int, organizations: list[uuid.UUID]) -> None:
        self.run, self.thread, self.seed, self.organizations = run, thread, seed, organizations
        self.spent: list[dict[str, Any]] = []

    def plan(self, number: int) -> dict[str, Any]:
        """The operation of that number. It looks at the database only to choose a reservation."""
        rng = random.Random(f"{self.seed}:{self.thread}:{number}")  # noqa: S311
        (kind,) = rng.choices(list(WEIGHTS), list(WEIGHTS.values()))
        if kind == "repeat" and self.spent:
            return {**rng.choice(self.spent), "repeat": True}
        plan: dict[str, Any] = {
            "kind": "spend" if kind == "repeat" else kind,
            "key": f"{self.run}:{self.thread}:{number}",
            "organization": str(rng.choice(self.organizations)),
            "amount": str(Decimal(rng.randint(1, 10 ** rng.randint(1, 9))).scaleb(-7)),
        }
        if kind == "grant":
            plan["bucket"] = rng.choice(["main", "bonus"])
        if kind == "reserve":
            plan |= {"seconds": rng.choice(HELD_SECONDS), "free_message": rng.random() < 0.25}
        if kind in {"capture", "release"}:
            plan |= self._choose_reservation(rng)
        return plan

    def remember(self, plan: dict[str, Any]) -> None:
        """What was spent may be repeated later on."""
        if plan["kind"] == "spend":
            self.spent.append(plan)

    def _choose_reservation(self, rng: random.Random) -> dict[str, Any]:
        recent = Reservation.objects.filter(wallet__organization__in=self.organizations).order_by("-id")
        chosen = list(recent.values_list("id", "amount")[:RECENT])
        if not chosen:
            return {"kind": "sweep"}
        reservation_id, amount = rng.choice(chosen)
        part = rng.choice([None, None, "0", "0.5", "1", "2"])
        asked = None if part is None else str((amount * Decimal(part)).quantize(Decimal("1e-7")))
        return {"reservation": str(reservation_id), "asked": asked}


def perform(plan: dict[str, Any]) -> dict[str, Any]:
    """Does what was planned, once or again; returns how it ended."""
    try:
        return {"outcome": "ok", **ACTIONS[plan["kind"]](plan)}
    except NoCredits:
        return {"outcome": "no_credits"}
    except Forbidden:
        return {"outcome": "over_budget"}
    except Conflict:
        return {"outcome": "conflict"}
    except UndoneError:
        return {"outcome": "undone"}


def _spend(plan: dict[str, Any]) -> dict[str, Any]:
    spent = services.spend(
        organization_id=uuid.UUID(plan["organization"]), amount=plan["amount"], feature="drill", key=plan["key"]
    )
    return {"entry": spent.entry["id"]}


def _grant(plan: dict[str, Any]) -> dict[str, Any]:
    entry = services.grant_credits(
        organization_id=uuid.UUID(plan["organization"]), amount=plan["amount"], key=plan["key"], bucket=plan["bucket"]
    )
    return {"entry": entry["id"]}


def _reserve(plan: dict[str, Any]) -> dict[str, Any]:
    reservation = services.reserve(
        organization_id=uuid.UUID(plan["organization"]),
        amount=plan["amount"],
        feature="drill",
        key=plan["key"],
        expires_in=timedelta(seconds=plan["seconds"]),
        free_message=plan["free_message"],
    )
    return {"reservation": str(reservation.id)}


def _capture(plan: dict[str, Any]) -> dict[str, Any]:
    services.capture(reservation_id=uuid.UUID(plan["reservation"]), amount=plan["asked"])
    return {}


def _release(plan: dict[str, Any]) -> dict[str, Any]:
    services.release(reservation_id=uuid.UUID(plan["reservation"]), reason="drill")
    return {}


def _sweep(plan: dict[str, Any]) -> dict[str, Any]:
    return {"expired": services.sweep_expired_reservations()}


def _undone(plan: dict[str, Any]) -> dict[str, Any]:
    """Work that pays and then fails, so that its whole transaction is rolled back: nothing of it may remain."""
    with transaction.atomic():
        _spend(plan)
        _reserve({**plan, "key": f"{plan['key']}:held", "seconds": 60, "free_message": False})
        raise UndoneError


ACTIONS = {
    "spend": _spend,
    "grant": _grant,
    "reserve": _reserve,
    "capture": _capture,
    "release": _release,
    "sweep": _sweep,
    "undone": _undone,
}

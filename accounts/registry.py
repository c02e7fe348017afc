"""What higher floors add to an account. They register in their `AppConfig.ready()`."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accounts.models import Organization, User

AccountCreated = Callable[["User", "Organization"], None]
MePart = Callable[["User", uuid.UUID], Any]


@dataclass(frozen=True)
class Plan:
    """The plan a person is on, by its name in the catalogue."""

    name: str = "free"
    is_premium: bool = False


FREE = Plan()
ME_PARTS = ("wallet", "subscription", "limits")

_account_created: list[AccountCreated] = []
_me_parts: dict[str, MePart] = {}
_plan_reader: Callable[[uuid.UUID], Plan] | None = None


def on_account_created(callback: AccountCreated) -> None:
    """`callback(user, personal organisation)` runs in the transaction that makes the account; its error undoes it."""
    if callback not in _account_created:
        _account_created.append(callback)


def account_created(user: "User", organization: "Organization") -> None:
    for callback in _account_created:
        callback(user, organization)


def add_me_part(name: str, read: MePart) -> None:
    """`GET /api/auth/me` answers `read(user, personal organisation's id)` under `name`."""
    _me_parts[name] = read


def me_parts(user: "User", organization_id: uuid.UUID) -> dict[str, Any]:
    """Every part of `me` beside the user; those that no app has registered are None."""
    return dict.fromkeys(ME_PARTS) | {name: read(user, organization_id) for name, read in _me_parts.items()}


def set_plan_reader(read: Callable[[uuid.UUID], Plan]) -> None:
    """`read(user_id)` tells the plan of a person."""
    global _plan_reader  # noqa: PLW0603
    _plan_reader = read


def plan_of(user_id: uuid.UUID) -> Plan:
    return _plan_reader(user_id) if _plan_reader else FREE

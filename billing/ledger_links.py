"""Where lines of the ledger lead that money wrote: to the payment, and to the plan. For who may see what is paid."""

import uuid

from django.db.models import Model
from django.urls import reverse

from accounts.selectors.organizations import MANAGERS
from billing.models import Payment, Subscription
from billing.registry import register_reference


def register() -> None:
    register_reference("payment", payments)
    register_reference("subscription", plans)


def payments(ids: list[str], viewer_id: uuid.UUID) -> dict[str, str]:
    return {found: reverse("payment", args=[found]) for found in _paid_by(Payment, ids, viewer_id)}


def plans(ids: list[str], viewer_id: uuid.UUID) -> dict[str, str]:
    return dict.fromkeys(_paid_by(Subscription, ids, viewer_id), reverse("plan"))


def _paid_by(model: type[Model], ids: list[str], viewer_id: uuid.UUID) -> list[str]:
    """Those of organisations that the reader may pay for."""
    place = {"organization__memberships__user": viewer_id, "organization__memberships__role__in": MANAGERS}
    rows = model._default_manager.filter(pk__in=[one for one in ids if _is_id(one)], **place)  # noqa: SLF001
    return [str(pk) for pk in rows.values_list("pk", flat=True)]


def _is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False

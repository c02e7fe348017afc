"""The audit trail: every action of staff, and what people do to what they own that support may be asked about."""

from typing import Any

from django.db import models

from common.context import current_request_id
from common.models import AuditEntry


def record(
    *,
    actor: models.Model | None,
    action: str,
    target: models.Model,
    reason: str = "",
    data: dict[str, Any] | None = None,
) -> AuditEntry:
    """Writes one entry in the caller's transaction. `data` must hold no secret and no message text."""
    return AuditEntry.objects.create(
        actor=actor,  # type: ignore[misc]
        action=action,
        target_type=target._meta.label_lower,
        target_id=str(target.pk),
        reason=reason,
        data=data or {},
        request_id=current_request_id(),
    )

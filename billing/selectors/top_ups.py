"""What people see of how their wallet is watched."""

import uuid
from typing import Any

from billing.models import TopUp
from billing.money import money_fields
from billing.services.top_ups import charged_this_month, keepers


def top_up_of(organization_id: uuid.UUID) -> TopUp:
    """The organisation's row, or what holds without one (not saved)."""
    row = TopUp.objects.select_related("pack").filter(organization_id=organization_id).first()
    return row or TopUp(organization_id=organization_id)


def top_up_data(organization_id: uuid.UUID) -> dict[str, Any]:
    """As `GET /api/wallet/top-up` shows it; credits are still Decimals. `providers`: those that keep a card."""
    row = top_up_of(organization_id)
    charged = charged_this_month(organization_id, row.currency) if row.currency else 0
    return {
        "organization": organization_id,
        "enabled": row.enabled,
        "threshold": row.threshold,
        "package_id": row.pack.name if row.pack else None,
        "provider": row.provider or None,
        "monthly_cap": money_fields(row.monthly_cap, row.currency) if row.currency else None,
        "charged_this_month": money_fields(charged, row.currency) if row.currency else None,
        "failures": row.failures,
        "low_balance_at": row.low_balance_at,
        "providers": [{"id": member.name, "title": member.title} for member in keepers(organization_id)],
    }

"""Who may pay for an organisation, and see what it pays."""

import uuid

from accounts.models import Membership
from accounts.selectors.organizations import MANAGERS, place_of
from common.errors import Forbidden


def may_pay_for(user_id: uuid.UUID, organization_id: uuid.UUID) -> bool:
    """Oneself, and for a team its owners and admins."""
    places = Membership.objects.filter(organization_id=organization_id, user_id=user_id)
    return places.filter(role__in=MANAGERS, organization__deleted_at=None).exists()


def require_payer(user_id: uuid.UUID, organization_id: uuid.UUID) -> None:
    """Raises NotFound for who is no member, Forbidden for a plain one."""
    if place_of(organization_id, user_id).role not in MANAGERS:
        raise Forbidden("Only owners and admins pay for a team.")

"""Who may do what on the site: roles, and whether an account is open."""

from django.db import transaction

from accounts.models import Role, User, join_staff_group
from accounts.services.sessions import EndReason, end_sessions_of
from common import audit


@transaction.atomic
def set_access(*, user: User, role: str, is_active: bool, actor: User, reason: str) -> None:
    """Gives a person another role, or closes or opens the account. Every session ends, for tokens carry the role."""
    before = {"role": user.role, "is_active": user.is_active}
    user.role, user.is_active, user.is_superuser = role, is_active, role == Role.ADMIN
    user.save(update_fields=["role", "is_active", "is_superuser", "updated_at"])
    join_staff_group(user)
    end_sessions_of(user_id=user.pk, reason=EndReason.ROLE)
    audit.record(
        actor=actor,
        action="user.access",
        target=user,
        reason=reason,
        data={"before": before, "after": {"role": role, "is_active": is_active}},
    )

"""Who is in a team, and as what.

Every write takes the organisation's row first and reads the memberships after that, so of two at once the second sees
what the first has done; the database holds by itself that an owner remains (migration 0004). A person's own row, where
it is needed, is taken before the organisation's.
"""

import uuid
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from accounts.models import ApiKey, Invitation, Membership, Organization, User
from accounts.services.ending_keys import end_keys, look_again_at_keys
from common import audit, mail
from common.errors import Conflict, Forbidden, NotFound, ValidationProblem

Role = Membership.Role
MANAGERS = (Role.OWNER, Role.ADMIN)


@dataclass(frozen=True)
class Place:
    """An organisation, its row locked, and where the acting person stands in it."""

    organization: Organization
    membership: Membership

    @property
    def manages(self) -> bool:
        return self.membership.role in MANAGERS

    @property
    def owns(self) -> bool:
        return self.membership.role == Role.OWNER


def enter(organization_id: uuid.UUID, user_id: uuid.UUID) -> Place:
    """Locks the organisation until the transaction ends. Raises NotFound for who is no member."""
    live = Organization.objects.select_for_update(no_key=True).filter(pk=organization_id, deleted_at=None)
    organization = live.first()
    members = Membership.objects.select_related("user")
    membership = members.filter(organization_id=organization_id, user_id=user_id).first()
    if organization is None or membership is None:
        raise NotFound
    return Place(organization, membership)


def enter_team(organization_id: uuid.UUID, user_id: uuid.UUID) -> Place:
    """As `enter`. Raises Conflict for a personal organisation."""
    place = enter(organization_id, user_id)
    if place.organization.personal:
        raise Conflict("A personal organisation has one member and ends with the account. Create a team for more.")
    return place


def enter_as_manager(organization_id: uuid.UUID, user_id: uuid.UUID) -> Place:
    """As `enter_team`. Raises Forbidden for a plain member."""
    place = enter_team(organization_id, user_id)
    if not place.manages:
        raise Forbidden("Only owners and admins may do this.")
    return place


@transaction.atomic
def change_role(*, organization_id: uuid.UUID, actor_id: uuid.UUID, membership_id: uuid.UUID, role: str) -> Membership:
    """An owner gives any role; an admin makes members admins, and admins members.

    Raises NotFound, Forbidden, Conflict where no owner would remain.
    """
    place = enter_as_manager(organization_id, actor_id)
    membership = _member(place, membership_id)
    if Role.OWNER in (role, membership.role) and not place.owns:
        raise Forbidden("Only an owner may make owners, or change them.")
    if role == membership.role:
        return membership
    if membership.role == Role.OWNER:
        _require_another_owner(membership)
    _set_role(membership, role, place.membership.user)
    return membership


@transaction.atomic
def remove_member(*, organization_id: uuid.UUID, actor_id: uuid.UUID, membership_id: uuid.UUID) -> None:
    """Ends somebody's membership, or one's own. Raises NotFound, Forbidden, Conflict where no owner would remain."""
    place = enter_team(organization_id, actor_id)
    membership = _member(place, membership_id)
    own = membership.pk == place.membership.pk
    if not own and not place.manages:
        raise Forbidden("Only owners and admins may remove others.")
    if not own and membership.role == Role.OWNER and not place.owns:
        raise Forbidden("Only an owner may remove an owner.")
    if membership.role == Role.OWNER:
        _require_another_owner(membership)
    if not own:
        _take_back_invitations_of(membership)
    end_membership(membership, actor=place.membership.user)


@transaction.atomic
def leave_team(*, organization_id: uuid.UUID, user_id: uuid.UUID) -> None:
    """Raises NotFound, Conflict for its only owner."""
    place = enter_team(organization_id, user_id)
    if place.owns:
        _require_another_owner(place.membership)
    end_membership(place.membership, actor=place.membership.user)


@transaction.atomic
def transfer_team(*, organization_id: uuid.UUID, actor_id: uuid.UUID, user_id: uuid.UUID) -> None:
    """Hands one's ownership to another member and becomes an admin.

    Raises NotFound, Forbidden, Conflict, ValidationProblem (`errors.user`) for who is no other member.
    """
    place = enter_team(organization_id, actor_id)
    if not place.owns:
        raise Forbidden("Only an owner may hand it over.")
    heir = Membership.objects.select_related("user").filter(organization=organization_id, user=user_id).first()
    if heir is None:
        raise ValidationProblem(errors={"user": ["This person is not a member. Invite them first."]})
    if heir.pk == place.membership.pk:
        raise ValidationProblem(errors={"user": ["Choose somebody else."]})
    if heir.role != Role.OWNER:
        _set_role(heir, Role.OWNER, place.membership.user)
    _set_role(place.membership, Role.ADMIN, place.membership.user)


@transaction.atomic
def appoint_owner(*, membership_id: uuid.UUID, actor: User, reason: str) -> None:
    """Staff make a member an owner, where the owners are lost. Raises NotFound, Conflict."""
    found = Membership.objects.filter(pk=membership_id).values_list("organization_id", "user_id").first()
    if found is None:
        raise NotFound
    membership = enter_team(*found).membership
    if membership.role == Role.OWNER:
        raise Conflict("This person is an owner already.")
    _set_role(membership, Role.OWNER, actor, reason)


def end_membership(membership: Membership, *, actor: User) -> None:
    """Deletes the row and ends the person's keys of this organisation. Call with the organisation locked."""
    revoke_keys(membership.organization_id, actor=actor, user_id=membership.user_id)
    audit.record(
        actor=actor,
        action="membership.end",
        target=membership,
        data={"organization": str(membership.organization_id), "user": str(membership.user_id)},
    )
    membership.delete()


def revoke_keys(organization_id: uuid.UUID, *, actor: User, user_id: uuid.UUID | None = None) -> None:
    """The organisation's API keys, or those of one member, end at once."""
    keys = ApiKey.objects.filter(organization_id=organization_id)
    end_keys(keys.filter(user_id=user_id) if user_id else keys, actor=actor)


def _member(place: Place, membership_id: uuid.UUID) -> Membership:
    members = Membership.objects.select_related("user", "organization")
    membership = members.filter(pk=membership_id, organization=place.organization).first()
    if membership is None:
        raise NotFound
    return membership


def _require_another_owner(membership: Membership) -> None:
    others = Membership.objects.filter(organization=membership.organization_id).exclude(pk=membership.pk)
    if others.filter(role=Role.OWNER).exists():
        return
    if others.exists():
        raise Conflict("A team always has an owner, and there is no other. Make somebody else an owner first.")
    raise Conflict("Nobody else is left in this team. Delete it instead.")


def _take_back_invitations_of(membership: Membership) -> None:
    sent = Invitation.objects.filter(organization=membership.organization_id, invited_by=membership.user_id)
    sent.filter(accepted_at=None, revoked_at=None).update(revoked_at=timezone.now())


def _set_role(membership: Membership, role: str, actor: User, reason: str = "") -> None:
    before, membership.role = membership.role, role
    membership.save(update_fields=["role", "updated_at"])
    look_again_at_keys(user_id=membership.user_id, organization_id=membership.organization_id)
    audit.record(
        actor=actor,
        action="membership.role",
        target=membership,
        reason=reason,
        data={"organization": str(membership.organization_id), "before": before, "after": role},
    )
    if role == Role.OWNER and actor.pk != membership.user_id:
        _tell_the_new_owner(membership, actor)


def _tell_the_new_owner(membership: Membership, actor: User) -> None:
    owner = membership.user
    mail.send(
        "organization_owner",
        to=owner.email,
        context={"organization": membership.organization.name, "previous": actor.display_name or actor.username},
        locale=owner.locale,
        timezone=owner.timezone,
        user_id=owner.pk,
    )

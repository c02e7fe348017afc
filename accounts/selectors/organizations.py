"""Organisations and their people, as those see them who belong to them."""

import uuid
from collections.abc import Iterator
from typing import Any

from django.db.models import Count, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts import registry
from accounts.models import Invitation, Membership, User
from accounts.selectors.people import public_user_data
from common.errors import Forbidden, NotFound

MANAGERS = (Membership.Role.OWNER, Membership.Role.ADMIN)
SWITCHED = 20  # organisations in the switcher; the page of organisations has all of them


def memberships_of(user_id: uuid.UUID) -> QuerySet[Membership]:
    """A person's places in organisations, for `organization_data`."""
    counted = Membership.objects.filter(organization=OuterRef("organization")).order_by().values("organization")
    live = Membership.objects.filter(user_id=user_id, organization__deleted_at=None).select_related("organization")
    return live.annotate(members_count=Coalesce(Subquery(counted.annotate(amount=Count("pk")).values("amount")), 0))


def place_of(organization_id: uuid.UUID, user_id: uuid.UUID) -> Membership:
    """Raises NotFound for who is no member."""
    place = memberships_of(user_id).filter(organization_id=organization_id).first()
    if place is None:
        raise NotFound
    return place


def place_of_manager(organization_id: uuid.UUID, user_id: uuid.UUID) -> Membership:
    """Raises NotFound for who is no member, Forbidden for a plain one."""
    place = place_of(organization_id, user_id)
    if place.role not in MANAGERS:
        raise Forbidden("Only owners and admins may see this.")
    return place


def organization_data(place: Membership) -> dict[str, Any]:
    """An organisation as one of its members sees it. `place` is one of `memberships_of`."""
    organization = place.organization
    return {
        "id": organization.pk,
        "name": organization.name,
        "personal": organization.personal,
        "role": place.role,
        "members_count": place.members_count,  # type: ignore[attr-defined]
        "created_at": organization.created_at,
    }


def organization_data_for(organization_id: uuid.UUID, user_id: uuid.UUID) -> dict[str, Any]:
    """Raises NotFound for who is no member."""
    return organization_data(place_of(organization_id, user_id))


def with_totals(organizations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same with `total`, what each has to spend, by one query for all of them."""
    totals = registry.wallet_totals([organization["id"] for organization in organizations])
    return [organization | {"total": totals.get(organization["id"])} for organization in organizations]


def teams_of(user_id: uuid.UUID) -> list[dict[str, Any]]:
    """`id, name` of a person's teams, for the switcher: the newest few, by name."""
    rows = (
        Membership.objects.filter(user_id=user_id, personal=False, organization__deleted_at=None)
        .order_by("-pk")
        .values("organization_id", "organization__name")[:SWITCHED]
    )
    teams = [{"id": row["organization_id"], "name": row["organization__name"]} for row in rows]
    return sorted(teams, key=lambda team: team["name"].lower())


def is_member(organization_id: uuid.UUID, user_id: uuid.UUID) -> bool:
    members = Membership.objects.filter(organization_id=organization_id, user_id=user_id)
    return members.filter(organization__deleted_at=None).exists()


# --- members ----------------------------------------------------------------------------------------------------------


def members_of(organization_id: uuid.UUID) -> QuerySet[Membership]:
    return Membership.objects.filter(organization_id=organization_id).select_related("user")


def member_of(organization_id: uuid.UUID, membership_id: uuid.UUID) -> Membership:
    """Raises NotFound."""
    member = members_of(organization_id).filter(pk=membership_id).first()
    if member is None:
        raise NotFound
    return member


def member_data(member: Membership, *, with_email: bool) -> dict[str, Any]:
    """A member as the others see them. Addresses are for who manages the organisation."""
    data = {
        "id": member.pk,
        "user": public_user_data(member.user),
        "role": member.role,
        "created_at": member.created_at,
    }
    return data | {"email": member.user.email} if with_email else data


# --- a person's own data ----------------------------------------------------------------------------------------------


def export_organizations(user: User) -> Iterator[tuple[str, Any]]:
    """For a person's copy of their own data: where they belong, and the invitations they sent and accepted."""
    places = Membership.objects.filter(user=user).select_related("organization").order_by("pk")
    yield "organizations.json", [_exported_place(place) for place in places]
    sent = Invitation.objects.filter(invited_by=user).order_by("pk")
    accepted = Invitation.objects.filter(accepted_by=user).order_by("pk")
    yield "invitations.json", {"sent": _exported(sent), "accepted": _exported(accepted)}


def _exported_place(place: Membership) -> dict[str, Any]:
    return {
        "id": place.organization_id,
        "name": place.organization.name,
        "personal": place.personal,
        "role": place.role,
        "since": place.created_at,
    }


def _exported(invitations: QuerySet[Invitation]) -> list[dict[str, Any]]:
    columns = ("email", "role", "created_at", "expires_at", "accepted_at", "revoked_at")
    return [dict(row) for row in invitations.values(*columns, name=F("organization__name"))]

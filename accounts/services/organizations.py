"""Teams: made, renamed, deleted; and what becomes of them when somebody leaves the site."""

import uuid

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import names, registry
from accounts.models import Membership, Organization, User
from accounts.services.memberships import Role, end_membership, enter, enter_team, revoke_keys
from common import audit
from common.errors import Conflict, Forbidden, Unauthenticated, ValidationProblem

MAX_NAME = 80


def checked_name(text: str) -> str:
    """`text` as it is stored. Raises ValidationProblem (`errors.name`)."""
    try:
        name = names.clean_display_name(text)
    except ValueError as error:
        raise ValidationProblem(errors={"name": [str(error)]}) from error
    if not 1 <= len(name) <= MAX_NAME:
        raise ValidationProblem(errors={"name": [f"Give a name of 1 to {MAX_NAME} characters."]})
    return name


def lock_person(user_id: uuid.UUID) -> User:
    """The person, kept from leaving the site meanwhile. Raises Unauthenticated for who has left."""
    people = User.objects.select_for_update(no_key=True).filter(pk=user_id, is_active=True, deleted_at=None)
    person = people.first()
    if person is None:
        raise Unauthenticated
    return person


@transaction.atomic
def create_team(*, user_id: uuid.UUID, name: str) -> Organization:
    """A team with an empty wallet, owned by the person. Raises ValidationProblem."""
    name = checked_name(name)
    user = lock_person(user_id)
    organization = Organization.objects.create(name=name)
    Membership.objects.create(organization=organization, user=user, role=Role.OWNER)
    registry.organization_created(organization)
    return organization


@transaction.atomic
def rename_organization(*, organization_id: uuid.UUID, actor_id: uuid.UUID, name: str) -> None:
    """Raises NotFound, Forbidden, ValidationProblem."""
    name = checked_name(name)
    place = enter(organization_id, actor_id)
    if not place.manages:
        raise Forbidden("Only owners and admins may rename it.")
    place.organization.name = name
    place.organization.save(update_fields=["name", "updated_at"])


@transaction.atomic
def delete_team(*, organization_id: uuid.UUID, actor_id: uuid.UUID) -> None:
    """Ends it for everybody, at once. Raises NotFound, Forbidden, Conflict while its wallet is not empty."""
    place = enter_team(organization_id, actor_id)
    if not place.owns:
        raise Forbidden("Only an owner may delete it.")
    _delete(place.organization, place.membership.user)


def _delete(team: Organization, actor: User) -> None:
    registry.organization_deleting(team)
    team.deleted_at = timezone.now()
    team.save(update_fields=["deleted_at", "updated_at"])
    people = [str(user_id) for user_id in team.memberships.values_list("user_id", flat=True)]
    team.memberships.all().delete()
    revoke_keys(team.pk, actor=actor)
    team.invitations.filter(accepted_at=None, revoked_at=None).update(revoked_at=team.deleted_at)
    audit.record(actor=actor, action="organization.delete", target=team, data={"members": people})


# --- leaving the site -------------------------------------------------------------------------------------------------


@transaction.atomic
def check_can_leave_all(*, user: User) -> None:
    """Raises Conflict where `leave_all` would: its `organizations` are the teams that need another owner first."""
    for team in _teams_to_leave(user):
        if not _others(team, user).exists():
            registry.organization_deleting(team)


@transaction.atomic
def leave_all(*, user: User) -> None:
    """Ends every membership in teams; a team of nobody else is deleted.

    Call it with the person's row locked, in the transaction that closes the account. Raises Conflict where a team
    would lose its only owner (they are its `organizations`), or where one that must be deleted still holds credits.
    """
    for team in _teams_to_leave(user):
        if _others(team, user).exists():
            end_membership(Membership.objects.get(organization=team, user=user), actor=user)
        else:
            _delete(team, user)


def _teams_to_leave(user: User) -> list[Organization]:
    """Locked in one order for everybody, so that two who leave the same teams don't wait for each other in a circle."""
    ids = list(Membership.objects.filter(user=user, personal=False).values_list("organization_id", flat=True))
    live = Organization.objects.select_for_update(no_key=True).filter(pk__in=ids, deleted_at=None).order_by("pk")
    teams = [team for team in live if Membership.objects.filter(organization=team, user=user).exists()]
    if lost := [team for team in teams if _needs_an_heir(team, user)]:
        names = ", ".join(f"“{team.name}”" for team in lost)
        raise Conflict(
            f"You are the only owner of {names}. Make somebody else an owner there first, or delete it.",
            organizations=[{"id": str(team.pk), "name": team.name} for team in lost],
        )
    return teams


def _needs_an_heir(team: Organization, user: User) -> bool:
    others = _others(team, user)
    return others.exists() and not others.filter(role=Role.OWNER).exists()


def _others(team: Organization, user: User) -> QuerySet[Membership]:
    return Membership.objects.filter(organization=team).exclude(user=user)

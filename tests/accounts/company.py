"""A team, its people, and short words for what a test does with them."""

import uuid
from dataclasses import dataclass
from typing import Any

from accounts import services
from accounts.models import Invitation, Membership, Organization
from common.keys import seal
from tests.conftest import Api
from tests.people import Person


@dataclass(frozen=True)
class Company:
    """A team of three, and somebody who does not belong to it."""

    team: Organization
    owner: Person
    admin: Person
    member: Person
    stranger: Person

    @property
    def path(self) -> str:
        return f"/api/organizations/{self.team.pk}"

    def place(self, person: Person) -> Membership:
        return Membership.objects.get(organization=self.team, user=person.user)

    def roles(self) -> dict[str, str]:
        """Username: role."""
        return dict(self.team.memberships.values_list("user__username", "role"))

    def take_in(self, person: Person, role: str = "member") -> None:
        Membership.objects.create(organization=self.team, user=person.user, role=role)

    def invite(self, email: str, role: str = "member", by: Person | None = None) -> Invitation:
        actor = by or self.owner
        return services.invite(organization_id=self.team.pk, actor_id=actor.id, email=email, role=role)

    def grant(self, amount: int) -> None:
        from billing import services as billing

        billing.grant_credits(organization_id=self.team.pk, amount=amount, key=f"test:{uuid.uuid4()}")


def make_company(join: Any, owner: Person, stranger: Person) -> Company:
    admin, member = join("adam"), join("marta")
    team = services.create_team(user_id=owner.id, name="The Company")
    company = Company(team, owner, admin, member, stranger)
    company.take_in(admin, "admin")
    company.take_in(member)
    return company


def token_of(invitation: Invitation) -> str:
    return seal("invitation", invitation.pk)


def call(person: Person | None = None) -> Api:
    """A caller of the whole API."""
    return Api(person)

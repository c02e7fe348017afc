"""The table behind the permission matrix, and the small world it is tried in."""

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from allauth.socialaccount.models import SocialAccount

from accounts import services
from accounts.models import AuthSession, Membership, Organization, User
from accounts.selectors.connections import public_id
from accounts.selectors.own_data import EXPORT_PURPOSE
from accounts.services.api_keys import create_api_key
from accounts.services.devices import Device
from accounts.services.exports import make_export, request_export
from billing.services.budgets import create_budget
from common.keys import seal
from notifications.models import Notification
from tests.people import PASSWORD

WHO = ("nobody", "stranger", "member", "admin", "owner", "staff")


@dataclass
class World:
    """A team with an owner, an admin and a member; a stranger; an administrator of the site; and what is theirs."""

    tokens: dict[str, str]
    things: dict[str, Any]

    def headers(self, who: str) -> dict[str, str]:
        return {} if who == "nobody" else {"Authorization": f"Bearer {self.tokens[who]}"}


@dataclass(frozen=True)
class Row:
    method: str
    route: str
    statuses: str
    body: Any = None
    note: str = ""
    query: str = ""
    things: Mapping[str, str] = field(default_factory=dict)  # other things than those the address names by itself

    def __str__(self) -> str:
        return f"{self.method} {self.route} {self.note}".strip()

    @property
    def expected(self) -> dict[str, int]:
        return dict(zip(WHO, map(int, self.statuses.split()), strict=True))

    def fill(self, world: World) -> tuple[str, Any]:
        """The address and the body, with the ids of this world in the place of `{name}`."""
        things = world.things | {name: world.things[other] for name, other in self.things.items()}
        return _filled(self.route + self.query, things), _filled(self.body, things)


def _filled(value: Any, things: dict[str, Any]) -> Any:
    if isinstance(value, str):
        return re.sub(r"{(\w+)}", lambda match: str(things[match[1].removesuffix("_id")]), value)
    if isinstance(value, dict):
        return {name: _filled(part, things) for name, part in value.items()}
    return value


# nobody stranger member admin owner staff
SIGNED_IN = "401 200 200 200 200 200"
MADE = "401 201 201 201 201 201"
ACCEPTED = "401 202 202 202 202 202"
OPEN_400 = "400 400 400 400 400 400"
OPEN_401 = "401 401 401 401 401 401"
NEW_EMAIL = "somebody.new@troupe.example"


def of_owner(status: int) -> str:
    """A thing of the team owner's own: nobody else may know of it, whatever they are."""
    return f"401 404 404 404 {status} 404"


def in_team(member: int, admin: int, owner: int) -> str:
    """A thing of the team: who is not in it may not know of it, staff neither."""
    return f"401 404 {member} {admin} {owner} 404"


ROWS = [
    # open to all, tried with what can't be right; what they do when it is right has tests of its own
    Row("POST", "/api/auth/signup", OPEN_400, {"email": "x", "password": PASSWORD}),
    Row("POST", "/api/auth/register", OPEN_400, {"email": "x", "password": PASSWORD}),
    Row("POST", "/api/auth/login", OPEN_401, {"email": "no@troupe.example", "password": "wrong one"}),
    Row("POST", "/api/auth/refresh", OPEN_401, {"refresh": "no token"}),
    Row("POST", "/api/auth/signout", OPEN_401, {"refresh": "no token"}),
    Row("POST", "/api/auth/mfa", OPEN_401, {"key": "no key", "code": "123456"}),
    Row("POST", "/api/auth/forgot-password", OPEN_400, {"email": "x"}),
    Row("POST", "/api/auth/magic-link", OPEN_400, {"email": "x"}),
    Row("POST", "/api/auth/reset-password", OPEN_400, {"key": "no key", "password": PASSWORD}),
    Row("GET", "/api/auth/callback", OPEN_400, query="?key=nothing"),
    Row("POST", "/api/auth/callback", OPEN_400, {"key": "no key"}),
    Row(
        "GET", "/api/auth/oauth/{provider}", "404 404 404 404 404 404", query="?redirect_uri=https://elsewhere.example/"
    ),
    Row(
        "POST",
        "/api/auth/oauth-callback",
        OPEN_400,
        {"provider": "local", "code": "c", "state": "s", "redirect_uri": "u"},
    ),
    Row("POST", "/api/auth/oauth-complete", OPEN_401, {"key": "no key", "email": NEW_EMAIL}),
    Row("POST", "/api/auth/google/verify", "404 404 404 404 404 404", {"credential": "no token"}, "without a key"),
    # oneself
    Row("POST", "/api/auth/send-confirmation", ACCEPTED),
    Row("GET", "/api/auth/me", SIGNED_IN),
    Row("GET", "/api/auth/profile", SIGNED_IN),
    Row("GET", "/api/users/me", SIGNED_IN),
    Row("POST", "/api/users/me", SIGNED_IN, {"bio": "A new one."}),
    Row("PATCH", "/api/users/me", SIGNED_IN, {"bio": "A new one."}),
    Row("DELETE", "/api/users/me", "401 202 202 202 409 202", {}, "whose team would have no owner"),
    Row("POST", "/api/users/me/profile-picture", "401 415 415 415 415 415", {"file": "not a form"}),
    Row("POST", "/api/users/me/remove-profile-picture", SIGNED_IN),
    Row("GET", "/api/users/me/preferences", SIGNED_IN),
    Row("PATCH", "/api/users/me/preferences", SIGNED_IN, {"theme": "dark"}),
    Row("GET", "/api/users/me/consents", SIGNED_IN),
    Row("PUT", "/api/users/me/consents/{purpose}", SIGNED_IN, {"given": True}),
    Row("GET", "/api/users/me/export", SIGNED_IN),
    Row("POST", "/api/users/me/export", ACCEPTED),
    Row("GET", "/api/users/me/export/file", of_owner(200), query="?key={export_key}"),
    Row("POST", "/api/users/me/email", ACCEPTED, {"email": NEW_EMAIL, "password": PASSWORD}),
    Row("GET", "/api/users/me/sessions", SIGNED_IN),
    Row("DELETE", "/api/users/me/sessions", SIGNED_IN),
    Row("DELETE", "/api/users/me/sessions/{session_id}", of_owner(204)),
    Row("GET", "/api/users/me/connections", SIGNED_IN),
    Row("DELETE", "/api/users/me/connections/{connection_id}", of_owner(204)),
    Row(
        "POST",
        "/api/users/me/connections/{provider}",
        "401 404 404 404 404 404",
        {"redirect_uri": "https://elsewhere.example/"},
    ),
    Row(
        "POST",
        "/api/users/me/connections/{provider}/callback",
        "401 404 404 404 404 404",
        {"code": "c", "state": "s", "redirect_uri": "u", "code_verifier": "v"},
    ),
    Row("GET", "/api/users/me/blocks", SIGNED_IN),
    Row("POST", "/api/users/me/blocks", MADE, {"user": "{passer_by}"}),
    Row("DELETE", "/api/users/me/blocks/{user_id}", of_owner(204)),
    Row("GET", "/api/users/me/favourites", SIGNED_IN),
    Row("POST", "/api/users/me/favourites", MADE, {"type": "user", "id": "{passer_by}"}),
    Row("DELETE", "/api/users/me/favourites", of_owner(204), {"type": "user", "id": "{target}"}),
    Row("DELETE", "/api/users/me/favourites/{target_type}/{target_id}", of_owner(204)),
    Row("GET", "/api/users/{username}", "200 200 200 200 200 200"),
    Row("GET", "/api/notifications", SIGNED_IN),
    Row("POST", "/api/notifications/read-all", SIGNED_IN, {}),
    Row("DELETE", "/api/notifications/{notification_id}", of_owner(204)),
    Row("POST", "/api/notifications/{notification_id}/read", of_owner(200)),
    Row("POST", "/api/notifications/{notification_id}/unread", of_owner(200)),
    Row("GET", "/api/users/me/api-keys", SIGNED_IN),
    Row("POST", "/api/users/me/api-keys", MADE, {"name": "A key"}),
    Row("DELETE", "/api/users/me/api-keys", SIGNED_IN),
    Row("DELETE", "/api/users/me/api-keys/{key_id}", of_owner(204)),
    # organisations
    Row("GET", "/api/users/me/invitations", SIGNED_IN),
    Row("GET", "/api/organizations", SIGNED_IN),
    Row("POST", "/api/organizations", MADE, {"name": "Another team"}),
    Row("GET", "/api/organizations/{organization_id}", in_team(200, 200, 200)),
    Row("PATCH", "/api/organizations/{organization_id}", in_team(403, 200, 200), {"name": "Renamed"}),
    Row("DELETE", "/api/organizations/{organization_id}", in_team(403, 403, 204)),
    Row("POST", "/api/organizations/{organization_id}/transfer", in_team(403, 403, 200), {"user": "{admin}"}),
    Row("POST", "/api/organizations/{organization_id}/leave", in_team(204, 204, 409), note="who alone owns it"),
    Row("GET", "/api/organizations/{organization_id}/members", in_team(200, 200, 200)),
    Row("GET", "/api/organizations/{organization_id}/members/{member_id}", in_team(200, 200, 200)),
    Row("PATCH", "/api/organizations/{organization_id}/members/{member_id}", in_team(403, 200, 200), {"role": "admin"}),
    Row(
        "PATCH",
        "/api/organizations/{organization_id}/members/{member_id}",
        in_team(403, 403, 200),
        {"role": "owner"},
        "to owner",
    ),
    Row(
        "DELETE", "/api/organizations/{organization_id}/members/{member_id}", in_team(204, 204, 204), note="the member"
    ),
    Row(
        "DELETE",
        "/api/organizations/{organization_id}/members/{member_id}",
        in_team(403, 403, 409),
        note="the owner",
        things={"member": "owner_membership"},
    ),
    Row("GET", "/api/organizations/{organization_id}/invitations", in_team(403, 200, 200)),
    Row(
        "POST",
        "/api/organizations/{organization_id}/invitations",
        in_team(403, 201, 201),
        {"email": NEW_EMAIL, "role": "member"},
    ),
    Row("DELETE", "/api/organizations/{organization_id}/invitations/{invitation_id}", in_team(403, 204, 204)),
    Row("POST", "/api/organizations/{organization_id}/invitations/{invitation_id}/resend", in_team(403, 200, 200)),
    Row("GET", "/api/invitations/{token}", "200 200 200 200 200 200"),
    Row("POST", "/api/invitations/{token}/accept", "401 403 403 403 403 403", note="sent to somebody else"),
    Row("GET", "/api/organizations/{organization_id}/api-keys", in_team(200, 200, 200)),
    Row("POST", "/api/organizations/{organization_id}/api-keys", in_team(201, 201, 201), {"name": "A key"}),
    Row("DELETE", "/api/organizations/{organization_id}/api-keys", in_team(200, 200, 200)),
    Row(
        "DELETE",
        "/api/organizations/{organization_id}/api-keys/{key_id}",
        in_team(404, 204, 204),
        note="the owner's",
        things={"key": "team_key"},
    ),
    Row("GET", "/api/budgets", in_team(200, 200, 200), query="?organization={organization}"),
    Row(
        "POST",
        "/api/budgets",
        in_team(403, 201, 201),
        {"organization": "{organization}", "scope": "member", "member": "{member_user}", "period": "day", "limit": "5"},
    ),
    Row("PATCH", "/api/budgets/{budget_id}", in_team(403, 200, 200), {"limit": "9"}),
    Row("DELETE", "/api/budgets/{budget_id}", in_team(403, 204, 204)),
    # staff
    Row("GET", "/api/users/balances", "401 403 403 403 403 200"),
]


def build_world(make_user: Callable[..., User]) -> World:
    """Everybody, the team, and one of each thing that the rows speak of; they are the owner's or the team's."""
    people = {name: make_user(username=name, email_verified=True) for name in (*WHO[1:5], "bystander", "invited")}
    people["staff"] = make_user(username="staffer", role="admin")
    team = services.create_team(user_id=people["owner"].pk, name="The company")
    memberships = {
        name: Membership.objects.create(organization=team, user=people[name], role=name) for name in ("member", "admin")
    }
    tokens = {
        name: services.start_token_session(user=person, device=Device()).access for name, person in people.items()
    }
    owner = people["owner"]
    services.block(user_id=owner.pk, blocked_id=people["member"].pk)
    services.add_favourite(user_id=owner.pk, target_type="user", target_id=people["admin"].pk)
    session = AuthSession.objects.filter(user=owner).latest("id")
    services.start_token_session(user=owner, device=Device())
    things = {
        "organization": team.pk,
        "member": memberships["member"].pk,
        "owner_membership": Membership.objects.get(organization=team, user=owner).pk,
        "member_user": people["member"].pk,
        "admin": people["admin"].pk,
        "passer_by": people["bystander"].pk,
        "username": "bystander",
        "target_type": "user",
        "user": people["member"].pk,
        "target": people["admin"].pk,
        "purpose": "marketing",
        "provider": "local",
        "session": _another_session(owner, session),
        **_of_owner(owner),
        **_of_team(team, owner, people["invited"]),
    }
    return World(tokens, things)


def _another_session(owner: User, used: AuthSession) -> uuid.UUID:
    return AuthSession.objects.filter(user=owner).exclude(pk=used.pk).latest("id").pk


def _of_owner(owner: User) -> dict[str, Any]:
    personal = owner.memberships.get(personal=True).organization_id
    notification = Notification.objects.create(user=owner, kind="new_sign_in", title="New sign-in", body="Firefox")
    account = SocialAccount.objects.create(user=owner, provider="local", uid="1")
    owner.set_password(PASSWORD)
    owner.save()
    return {
        "key": create_api_key(organization_id=personal, user_id=owner.pk, name="Mine").row.pk,
        "notification": notification.pk,
        "connection": public_id(account),
        "export_key": _export(owner),
    }


def _export(owner: User) -> str:
    made = request_export(user_id=owner.pk)
    make_export(made.pk)
    return seal(EXPORT_PURPOSE, made.pk)


def _of_team(team: Organization, owner: User, invited: User) -> dict[str, Any]:
    asked = services.invite(organization_id=team.pk, actor_id=owner.pk, email=invited.email, role="member")
    budget = create_budget(organization_id=team.pk, scope="organization", period="month", limit="10", actor=owner)
    key = create_api_key(organization_id=team.pk, user_id=owner.pk, name="The team's")
    return {
        "invitation": asked.pk,
        "token": seal("invitation", asked.pk),
        "budget": budget.pk,
        "team_key": key.row.pk,
    }

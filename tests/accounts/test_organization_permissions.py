"""Who may do what to an organisation: every operation, everybody, one table. A refusal changes nothing."""

import re
import uuid

import pytest
from django.db import transaction

from tests.accounts.company import call, token_of
from tests.hostile.conftest import check_problem
from tests.hostile.doors import api_doors
from tests.tables import contents

pytestmark = pytest.mark.django_db

ELSEWHERE = ("/api-keys", "/api-keys/{key_id}")  # have a table of their own
WHO = ("anonymous", "stranger", "member", "admin", "owner", "staff")
# operation: status for anonymous, stranger, member, admin, owner, and staff who do not belong to it
TABLE = {
    "list mine": (401, 200, 200, 200, 200, 200),
    "create": (401, 201, 201, 201, 201, 201),
    "read": (401, 404, 200, 200, 200, 404),
    "rename": (401, 404, 403, 200, 200, 404),
    "delete": (401, 404, 403, 403, 204, 404),
    "leave": (401, 404, 204, 204, 409, 404),
    "transfer": (401, 404, 403, 403, 200, 404),
    "list members": (401, 404, 200, 200, 200, 404),
    "read a member": (401, 404, 200, 200, 200, 404),
    "make another a member": (401, 404, 403, 200, 200, 404),
    "make another an admin": (401, 404, 403, 200, 200, 404),
    "make another an owner": (401, 404, 403, 403, 200, 404),
    "demote an owner": (401, 404, 403, 403, 200, 404),
    "remove another": (401, 404, 403, 204, 204, 404),
    "remove an owner": (401, 404, 403, 403, 204, 404),
    "list invitations": (401, 404, 403, 200, 200, 404),
    "invite a member": (401, 404, 403, 201, 201, 404),
    "invite an admin": (401, 404, 403, 201, 201, 404),
    "invite an owner": (401, 400, 400, 400, 400, 400),
    "take an invitation back": (401, 404, 403, 204, 204, 404),
    "send an invitation again": (401, 404, 403, 200, 200, 404),
    "look at an invitation's link": (200, 200, 200, 200, 200, 200),
    "accept somebody's invitation": (401, 403, 403, 403, 403, 403),
    "my invitations": (401, 200, 200, 200, 200, 200),
    "look at the wallet": (401, 404, 200, 200, 200, 404),
}


@pytest.fixture(autouse=True)
def _unlimited(settings):
    """Rate limits have tests of their own."""
    settings.RATE_LIMIT_FACTOR = 1e6


@pytest.fixture
def operations(company, join):
    """Name: method, path, body. Besides the three there are an assistant (member) and a partner (owner)."""
    assistant, partner = join("anton"), join("petra")
    company.take_in(assistant)
    company.take_in(partner, "owner")
    invitation = company.invite("friend@troupe.example")
    path, at, token = company.path, company.place, token_of(invitation)
    one, another = f"{path}/members/{at(assistant).pk}", f"{path}/members/{at(partner).pk}"
    sent, link = f"{path}/invitations/{invitation.pk}", f"/api/invitations/{token}"
    new = {"email": f"{uuid.uuid4().hex}@troupe.example"}
    return {
        "partner": partner,
        "list mine": ("get", "/api/organizations", None),
        "create": ("post", "/api/organizations", {"name": "Another"}),
        "read": ("get", path, None),
        "rename": ("patch", path, {"name": "The Players"}),
        "delete": ("delete", path, None),
        "leave": ("post", f"{path}/leave", None),
        "transfer": ("post", f"{path}/transfer", {"user": str(assistant.id)}),
        "list members": ("get", f"{path}/members", None),
        "read a member": ("get", one, None),
        "make another a member": ("patch", one, {"role": "member"}),
        "make another an admin": ("patch", one, {"role": "admin"}),
        "make another an owner": ("patch", one, {"role": "owner"}),
        "demote an owner": ("patch", another, {"role": "member"}),
        "remove another": ("delete", one, None),
        "remove an owner": ("delete", another, None),
        "list invitations": ("get", f"{path}/invitations", None),
        "invite a member": ("post", f"{path}/invitations", new | {"role": "member"}),
        "invite an admin": ("post", f"{path}/invitations", new | {"role": "admin"}),
        "invite an owner": ("post", f"{path}/invitations", new | {"role": "owner"}),
        "take an invitation back": ("delete", sent, None),
        "send an invitation again": ("post", f"{sent}/resend", None),
        "look at an invitation's link": ("get", link, None),
        "accept somebody's invitation": ("post", f"{link}/accept", None),
        "my invitations": ("get", "/api/users/me/invitations", None),
        "look at the wallet": ("get", f"/api/wallet?organization={company.team.pk}", None),
    }


@pytest.mark.parametrize("operation", TABLE)
def test_everybody_at_every_operation(company, operations, staff, operation):
    if operation == "leave":  # the owner is to be the only one
        company.place(operations.pop("partner")).delete()
    people = {"anonymous": None, "staff": staff} | {name: getattr(company, name) for name in WHO[1:-1]}
    method, path, body = operations[operation]
    failures = []
    for who, expected in zip(WHO, TABLE[operation], strict=True):
        with transaction.atomic():  # what one person did does not meet the next
            before = contents()
            send = getattr(call(people[who]), method)
            response = send(path) if body is None else send(path, body)
            if response.status_code != expected:
                failures.append(f"{who}: {response.status_code}, not {expected}: {response.content!r}")
            if expected >= 400:
                check_problem(response)
                if contents() != before:
                    failures.append(f"{who}: something was changed")
            transaction.set_rollback(True)
    assert failures == []


def test_the_table_has_every_operation_of_organisations(operations):
    operations.pop("partner")
    knocked = {
        (method, re.sub(r"/([0-9a-f-]{36}|[\w-]{43})(?=/|$)", "/{}", path.partition("?")[0]))
        for method, path, _ in operations.values()
    }
    doors = [door for door in api_doors() if re.match("/api/(users/me/)?(organizations|invitations)", door.route)]
    ours = {(door.method, re.sub(r"{\w+}", "{}", door.route)) for door in doors if not door.route.endswith(ELSEWHERE)}
    assert ours <= knocked

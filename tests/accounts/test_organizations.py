"""Teams: made, run, handed over, left and ended; and that an owner always remains."""

import threading
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts import registry, services
from accounts.models import ApiKey, Invitation, Membership, Organization
from billing import services as billing
from billing.models import Wallet
from common.errors import Conflict
from common.models import AuditEntry, OutgoingMail
from tests.accounts.company import call, token_of
from tests.accounts.conftest import problem

pytestmark = pytest.mark.django_db


def a_key(company, person):
    return ApiKey.objects.create(
        organization=company.team,
        user=person.user,
        name="A program",
        prefix="tr_x",
        digest=uuid.uuid4().hex,
        scopes=["chat"],
    )


# --- made and shown ---------------------------------------------------------------------------------------------------


def test_a_team_is_created_with_its_owner_and_an_empty_wallet(owner):
    response = call(owner).post("/api/organizations", {"name": " The   Company "})
    assert response.status_code == 201
    body = response.json()
    team = Organization.objects.get(pk=body["id"])
    assert body == {
        "id": str(team.pk),
        "name": "The Company",
        "personal": False,
        "role": "owner",
        "members_count": 1,
        "total": "0",
        "created_at": body["created_at"],
    }
    assert Wallet.objects.get(organization=team).total == 0
    assert call(owner).get(f"/api/organizations/{team.pk}").json() == body


def test_the_same_key_creates_one_team(owner):
    answers = [
        call(owner).post("/api/organizations", {"name": "Once"}, **{"Idempotency-Key": "one"}).json() for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert Organization.objects.filter(name="Once").count() == 1


@pytest.mark.parametrize(
    "name", ["", "   ", "x" * 81, "a\x00b", "a\x07b", "\u202eevil", 7, None, ["a"], {"a": 1}, True], ids=repr
)
def test_an_odd_name_is_refused(owner, name):
    assert problem(call(owner).post("/api/organizations", {"name": name})) == (400, "VALIDATION_ERROR")
    assert not Organization.objects.filter(personal=False).exists()


def test_a_name_in_any_script_is_kept(owner):
    for name in ("Ансамбль", "劇団四季", "Compañía 🎭", "x" * 80):
        assert call(owner).post("/api/organizations", {"name": name}).json()["name"] == name


def test_ones_organisations_are_listed_with_role_and_credits(company):
    company.grant(30)
    listed = call(company.member).get("/api/organizations").json()
    assert [(item["name"], item["role"], item["members_count"], item["total"]) for item in listed["items"]] == [
        ("The Company", "member", 3, "30"),
        ("marta", "owner", 1, "20"),
    ]
    page = call(company.member).get("/api/organizations?limit=1&count=true").json()
    assert (len(page["items"]), page["total"]) == (1, 2)
    following = call(company.member).get(f"/api/organizations?cursor={page['next']}").json()
    assert [item["name"] for item in following["items"]] == ["marta"]


@pytest.mark.parametrize("what", ["organizations", "members", "invitations"])
def test_a_list_takes_a_fixed_number_of_queries(company, join, what):
    caller, path = call(company.owner), "/api/organizations" if what == "organizations" else f"{company.path}/{what}"

    def grow(number):
        if what == "organizations":
            services.create_team(user_id=company.owner.id, name=f"Team {number}")
        elif what == "members":
            company.take_in(join(f"guest{number}"))
        else:
            company.invite(f"guest{number}@troupe.example")

    grow(0)
    caller.get(path)
    with CaptureQueriesContext(connection) as for_few:
        few = caller.get(path).json()["items"]
    for number in range(1, 6):
        grow(number)
    with CaptureQueriesContext(connection) as for_many:
        many = caller.get(path).json()["items"]
    assert len(many) == len(few) + 5
    assert len(for_many) == len(for_few) <= 3


def test_addresses_of_members_are_for_who_manages(company):
    for person, shown in ((company.owner, True), (company.admin, True), (company.member, False)):
        members = call(person).get(f"{company.path}/members").json()["items"]
        assert [member["user"]["username"] for member in members] == ["marta", "adam", "olivia"]
        assert [set(member) for member in members] == [
            {"id", "user", "role", "created_at"} | ({"email"} if shown else set())
        ] * 3
        assert set(members[0]["user"]) == {"id", "username", "display_name", "avatar"}
        one = call(person).get(f"{company.path}/members/{members[0]['id']}").json()
        assert one == members[0]


def test_every_member_may_look_at_the_wallet_and_let_it_pay(company):
    company.grant(5)
    for person in (company.owner, company.admin, company.member):
        assert call(person).get(f"/api/wallet?organization={company.team.pk}").json()["total"] == "5"
    assert problem(call(company.stranger).get(f"/api/wallet?organization={company.team.pk}")) == (404, "NOT_FOUND")


# --- roles ------------------------------------------------------------------------------------------------------------


def test_renaming_is_for_who_manages(company):
    assert call(company.admin).patch(company.path, {"name": "The Players"}).json()["name"] == "The Players"
    assert problem(call(company.member).patch(company.path, {"name": "Mine"})) == (403, "FORBIDDEN")
    assert call(company.member).get(company.path).json()["name"] == "The Players"


def test_an_owner_gives_any_role(company):
    path = f"{company.path}/members/{company.place(company.member).pk}"
    for role in ("admin", "owner", "member"):
        response = call(company.owner).patch(path, {"role": role})
        assert (response.status_code, response.json()["role"]) == (200, role)
    assert [entry.data["after"] for entry in AuditEntry.objects.filter(action="membership.role").order_by("id")] == [
        "admin",
        "owner",
        "member",
    ]


def test_who_is_made_an_owner_hears_of_it(company):
    call(company.owner).patch(f"{company.path}/members/{company.place(company.admin).pk}", {"role": "owner"})
    mail = OutgoingMail.objects.get(kind="organization_owner")
    assert (mail.to, mail.context) == (
        company.admin.user.email,
        {"organization": "The Company", "previous": "olivia"},
    )


def test_an_admin_changes_members_and_admins_but_no_owners(company):
    admin = call(company.admin)
    member, owner = (f"{company.path}/members/{company.place(one).pk}" for one in (company.member, company.owner))
    assert admin.patch(member, {"role": "admin"}).json()["role"] == "admin"
    assert admin.patch(member, {"role": "member"}).json()["role"] == "member"
    before = company.roles()
    assert problem(admin.patch(member, {"role": "owner"})) == (403, "FORBIDDEN")
    assert problem(admin.patch(owner, {"role": "member"})) == (403, "FORBIDDEN")
    assert problem(admin.delete(owner)) == (403, "FORBIDDEN")
    assert company.roles() == before
    assert admin.delete(member).status_code == 204
    assert company.roles() == {"olivia": "owner", "adam": "admin"}


@pytest.mark.parametrize("role", ["emperor", "", None, 1, ["owner"], "OWNER"])
def test_an_unknown_role_is_refused(company, role):
    path = f"{company.path}/members/{company.place(company.member).pk}"
    assert problem(call(company.owner).patch(path, {"role": role})) == (400, "VALIDATION_ERROR")


def test_a_member_of_another_team_is_not_found_here(company, join):
    other = services.create_team(user_id=company.owner.id, name="Another")
    place = Membership.objects.get(organization=other)
    for response in (
        call(company.owner).patch(f"{company.path}/members/{place.pk}", {"role": "member"}),
        call(company.owner).delete(f"{company.path}/members/{place.pk}"),
        call(company.owner).get(f"{company.path}/members/{place.pk}"),
    ):
        assert problem(response) == (404, "NOT_FOUND")
    assert Membership.objects.filter(pk=place.pk).exists()


def test_the_team_changes_hands_in_one_step(company):
    response = call(company.owner).post(f"{company.path}/transfer", {"user": str(company.member.id)})
    assert (response.status_code, response.json()["role"]) == (200, "admin")
    assert company.roles() == {"olivia": "admin", "adam": "admin", "marta": "owner"}
    assert OutgoingMail.objects.get(kind="organization_owner").to == company.member.user.email


@pytest.mark.parametrize("heir", ["stranger", "owner", None])
def test_a_team_is_handed_to_other_members_only(company, heir):
    user_id = getattr(company, heir).id if heir else uuid.uuid4()
    response = call(company.owner).post(f"{company.path}/transfer", {"user": str(user_id)})
    assert problem(response) == (400, "VALIDATION_ERROR")
    assert response.json()["errors"].keys() == {"user"}
    assert company.roles()["olivia"] == "owner"


# --- leaving, and the owner who remains -------------------------------------------------------------------------------


def test_who_leaves_takes_no_key_along(company):
    key, others = a_key(company, company.member), a_key(company, company.owner)
    assert call(company.member).post(f"{company.path}/leave").status_code == 204
    key.refresh_from_db()
    others.refresh_from_db()
    assert (key.revoked_at is not None, others.revoked_at) == (True, None)
    assert problem(call(company.member).get(company.path)) == (404, "NOT_FOUND")
    assert AuditEntry.objects.get(action="membership.end").actor_id == company.member.id


def test_one_leaves_by_ones_own_membership_too(company):
    path = f"{company.path}/members/{company.place(company.member).pk}"
    assert call(company.member).delete(path).status_code == 204
    assert "marta" not in company.roles()


def test_who_is_removed_leaves_no_open_invitation_behind(company):
    invitation = company.invite("friend@troupe.example", by=company.admin)
    call(company.owner).delete(f"{company.path}/members/{company.place(company.admin).pk}")
    invitation.refresh_from_db()
    assert invitation.revoked_at is not None


def test_the_only_owner_can_not_go(company):
    owner, path = call(company.owner), f"{company.path}/members/{company.place(company.owner).pk}"
    for response in (owner.post(f"{company.path}/leave"), owner.delete(path), owner.patch(path, {"role": "admin"})):
        assert problem(response) == (409, "CONFLICT")
        assert "Make somebody else an owner first" in response.json()["detail"]
    assert company.roles()["olivia"] == "owner"


def test_the_last_member_is_told_to_delete_the_team(owner):
    team = services.create_team(user_id=owner.id, name="Alone")
    response = call(owner).post(f"/api/organizations/{team.pk}/leave")
    assert problem(response) == (409, "CONFLICT")
    assert "Delete it instead" in response.json()["detail"]


def test_a_personal_organisation_stays_as_it_is(owner, stranger):
    path, caller = f"/api/organizations/{owner.organization_id}", call(owner)
    place = Membership.objects.get(organization=owner.organization_id)
    for response in (
        caller.delete(path),
        caller.post(f"{path}/leave"),
        caller.delete(f"{path}/members/{place.pk}"),
        caller.patch(f"{path}/members/{place.pk}", {"role": "member"}),
        caller.post(f"{path}/transfer", {"user": str(stranger.id)}),
        caller.post(f"{path}/invitations", {"email": "friend@troupe.example", "role": "member"}),
    ):
        assert problem(response) == (409, "CONFLICT")
    assert caller.patch(path, {"name": "My own purse"}).json()["name"] == "My own purse"
    place.refresh_from_db()
    assert (place.role, place.organization.deleted_at) == ("owner", None)


# --- the end of a team ------------------------------------------------------------------------------------------------


def test_a_team_ends_for_everybody(company):
    key, invitation = a_key(company, company.member), company.invite("friend@troupe.example")
    assert call(company.owner).delete(company.path).status_code == 204
    for row in (key, invitation, company.team):
        row.refresh_from_db()
    assert all((key.revoked_at, invitation.revoked_at, company.team.deleted_at))
    assert company.roles() == {}
    for person in (company.owner, company.admin, company.member):
        assert problem(call(person).get(company.path)) == (404, "NOT_FOUND")
        assert problem(call(person).get(f"/api/wallet?organization={company.team.pk}")) == (404, "NOT_FOUND")
    assert problem(call().get(f"/api/invitations/{token_of(invitation)}")) == (410, "GONE")
    entry = AuditEntry.objects.get(action="organization.delete")
    assert (entry.actor_id, entry.target_id, len(entry.data["members"])) == (company.owner.id, str(company.team.pk), 3)


def test_a_team_with_credits_stays(company):
    company.grant(12)
    response = call(company.owner).delete(company.path)
    assert problem(response) == (409, "CONFLICT")
    assert "12 credits" in response.json()["detail"]
    billing.spend(organization_id=company.team.pk, amount=12, feature="story")
    assert call(company.owner).delete(company.path).status_code == 204


def test_a_team_whose_work_is_not_done_stays(company):
    from datetime import timedelta

    company.grant(2)
    held = billing.reserve(
        organization_id=company.team.pk, amount=2, feature="chat", key="held", expires_in=timedelta(minutes=5)
    )
    response = call(company.owner).delete(company.path)
    assert problem(response) == (409, "CONFLICT")
    assert "still going on" in response.json()["detail"]
    billing.capture(reservation_id=held.id, amount=2)
    assert call(company.owner).delete(company.path).status_code == 204


# --- leaving the site -------------------------------------------------------------------------------------------------


def test_leaving_all_teams_names_those_that_need_another_owner(company):
    second = services.create_team(user_id=company.owner.id, name="The Other")
    Membership.objects.create(organization=second, user=company.admin.user, role="owner")
    for attempt in (services.check_can_leave_all, services.leave_all):
        with pytest.raises(Conflict) as caught:
            attempt(user=company.owner.user)
        assert caught.value.extra["organizations"] == [{"id": str(company.team.pk), "name": "The Company"}]
        assert "The Company" in caught.value.detail
    assert company.owner.user.memberships.count() == 3


def test_leaving_all_teams_ends_those_of_nobody_else(company):
    alone = services.create_team(user_id=company.member.id, name="Alone")
    services.check_can_leave_all(user=company.member.user)
    assert company.member.user.memberships.count() == 3
    services.leave_all(user=company.member.user)
    assert [place.personal for place in company.member.user.memberships.all()] == [True]
    alone.refresh_from_db()
    company.team.refresh_from_db()
    assert (alone.deleted_at is not None, company.team.deleted_at) == (True, None)


def test_a_team_of_nobody_else_with_credits_holds_its_owner(company):
    alone = services.create_team(user_id=company.member.id, name="Alone")
    billing.grant_credits(organization_id=alone.pk, amount=3, key="gift")
    for attempt in (services.check_can_leave_all, services.leave_all):
        with pytest.raises(Conflict, match="3 credits"), transaction.atomic():
            attempt(user=company.member.user)
    assert company.member.user.memberships.count() == 3


# --- what the database holds ------------------------------------------------------------------------------------------


def broken_rule(caught):
    return caught.value.__cause__.diag.constraint_name


def check_now():
    connection.check_constraints()


@pytest.mark.parametrize("how", ["demoted", "removed", "moved away"])
def test_the_database_keeps_the_last_owner(company, how):
    place = company.place(company.owner)
    places = Membership.objects.filter(pk=place.pk)
    elsewhere = Organization.objects.create(name="Elsewhere")
    acts = {
        "demoted": lambda: places.update(role="member"),
        "removed": places.delete,
        "moved away": lambda: places.update(organization=elsewhere),
    }
    acts[how]()
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        check_now()
    with connection.cursor() as cursor:  # so that the test itself may end
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    transaction.set_rollback(True)
    assert broken_rule(caught) == "organization_has_an_owner"


def test_the_database_lets_ownership_change_hands_within_a_transaction(company):
    with transaction.atomic():
        Membership.objects.filter(pk=company.place(company.owner).pk).delete()
        Membership.objects.filter(pk=company.place(company.member).pk).update(role="owner")
        check_now()
    assert company.roles() == {"adam": "admin", "marta": "owner"}


def test_the_database_lets_a_deleted_team_lose_everybody(company):
    Organization.objects.filter(pk=company.team.pk).update(deleted_at=company.team.created_at)
    company.team.memberships.all().delete()
    check_now()


def test_the_rule_can_be_taken_back_and_put_in_again(company):
    from importlib import import_module

    migration = import_module("accounts.migrations.0004_keep_an_owner")
    with connection.cursor() as cursor:
        cursor.execute(migration.LET_GO)
        company.team.memberships.all().delete()
        cursor.execute(migration.KEEP_AN_OWNER)
    check_now()


# --- many at once -----------------------------------------------------------------------------------------------------


def together(calls):
    """Each call in a thread and on a connection of its own, all begun at once; what it returned or raised."""
    barrier = threading.Barrier(len(calls))

    def run(act):
        connection.ensure_connection()
        barrier.wait(30)
        try:
            return act()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def outcomes(results):
    return Counter(type(result).__name__ for result in results)


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def owners_of(self, team):
        return team.memberships.filter(role="owner").count()

    def two_owners(self, company, number):
        team = services.create_team(user_id=company.owner.id, name=f"Team {number}")
        Membership.objects.create(organization=team, user=company.admin.user, role="owner")
        Membership.objects.create(organization=team, user=company.member.user, role="member")
        return team

    def test_of_two_owners_who_leave_together_one_stays(self, company):
        for number in range(20):
            team = self.two_owners(company, number)
            results = together(
                [
                    lambda who=who, team=team: services.leave_team(organization_id=team.pk, user_id=who.id)
                    for who in (company.owner, company.admin)
                ]
            )
            assert outcomes(results) == {"NoneType": 1, "Conflict": 1}, results
            assert self.owners_of(team) == 1

    def test_two_owners_who_demote_each_other_leave_one(self, company):
        for number in range(20):
            team = self.two_owners(company, number)
            places = {place.user_id: place.pk for place in team.memberships.all()}
            pairs = [(company.owner.id, company.admin.id), (company.admin.id, company.owner.id)]
            results = together(
                [
                    lambda actor=actor, target=target, team=team, places=places: services.change_role(
                        organization_id=team.pk, actor_id=actor, membership_id=places[target], role="member"
                    )
                    for actor, target in pairs
                ]
            )
            # the second is no owner any more when it is its turn
            assert outcomes(results) == {"Membership": 1, "Forbidden": 1}, results
            assert self.owners_of(team) == 1

    def test_two_owners_who_close_their_accounts_together_leave_one(self, company, join):
        for number in range(10):
            pair = [join(f"left{number}"), join(f"right{number}")]
            team = services.create_team(user_id=pair[0].id, name=f"Team {number}")
            Membership.objects.create(organization=team, user=pair[1].user, role="owner")
            Membership.objects.create(organization=team, user=company.member.user)
            results = together([lambda who=who: services.leave_all(user=who.user) for who in pair])
            assert outcomes(results) == {"NoneType": 1, "Conflict": 1}, results
            assert self.owners_of(team) == 1

    def test_what_the_services_do_not_lock_the_database_still_holds(self, company):
        """Two raw deletes, each of which sees the other owner still there."""
        for number in range(20):
            team = self.two_owners(company, number)
            meeting = threading.Barrier(2)

            def drop(who, team=team, meeting=meeting):
                with transaction.atomic():
                    Membership.objects.filter(organization=team, user=who.user).delete()
                    meeting.wait(30)

            results = together([lambda who=who: drop(who) for who in (company.owner, company.admin)])
            assert outcomes(results) == {"NoneType": 1, "IntegrityError": 1}, results
            assert self.owners_of(team) == 1

    def test_a_team_is_handed_over_while_the_heir_leaves(self, company):
        for number in range(10):
            team = self.two_owners(company, number)
            Membership.objects.filter(organization=team, user=company.admin.user).update(role="admin")
            results = together(
                [
                    lambda team=team: services.transfer_team(
                        organization_id=team.pk, actor_id=company.owner.id, user_id=company.admin.id
                    ),
                    lambda team=team: services.leave_team(organization_id=team.pk, user_id=company.admin.id),
                ]
            )
            assert outcomes(results).keys() <= {"NoneType", "ValidationProblem", "Conflict"}, results
            assert self.owners_of(team) == 1

    def test_one_invitation_is_accepted_once(self, company):
        for _ in range(10):
            invitation = company.invite(company.stranger.user.email)
            token = token_of(invitation)
            results = together(
                [lambda token=token: services.accept_invitation(token=token, user_id=company.stranger.id)] * 4
            )
            assert outcomes(results) == {"Organization": 1, "Gone": 3}, results
            assert Membership.objects.filter(organization=company.team, user=company.stranger.user).count() == 1
            services.leave_team(organization_id=company.team.pk, user_id=company.stranger.id)

    def test_one_address_is_invited_once(self, company):
        for number in range(10):
            email = f"guest{number}@troupe.example"
            results = together(
                [lambda email=email, who=who: company.invite(email, by=who) for who in (company.owner, company.admin)]
                * 2
            )
            assert outcomes(results) == {"Invitation": 1, "Conflict": 3}, results
            assert OutgoingMail.objects.filter(to=email).count() == 1

    def test_somebody_joins_while_the_team_ends(self, company):
        for number in range(10):
            team = services.create_team(user_id=company.owner.id, name=f"Team {number}")
            invitation = services.invite(
                organization_id=team.pk, actor_id=company.owner.id, email=company.stranger.user.email, role="member"
            )
            token = token_of(invitation)
            results = together(
                [
                    lambda token=token: services.accept_invitation(token=token, user_id=company.stranger.id),
                    lambda team=team: services.delete_team(organization_id=team.pk, actor_id=company.owner.id),
                ]
            )
            assert outcomes(results).keys() <= {"Organization", "NoneType", "Gone"}, results
            assert not Membership.objects.filter(organization=team).exists()

    def test_credits_come_in_while_the_team_ends(self, company):
        """Either the team is gone with an empty wallet, or it stays with its credits."""
        for number in range(10):
            team = services.create_team(user_id=company.owner.id, name=f"Team {number}")
            granted, deleted = together(
                [
                    lambda team=team: billing.grant_credits(organization_id=team.pk, amount=1, key=f"gift:{team.pk}"),
                    lambda team=team: services.delete_team(organization_id=team.pk, actor_id=company.owner.id),
                ]
            )
            assert isinstance(granted, dict), granted
            assert deleted is None or isinstance(deleted, Conflict), deleted


def test_ones_own_copy_tells_of_organisations_and_invitations(company):
    company.invite("friend@troupe.example")
    files = dict(registry.export_parts()["organizations"].read(company.owner.user))
    assert {row["name"]: row["role"] for row in files["organizations.json"]} == {
        "olivia": "owner",
        "The Company": "owner",
    }
    assert [row["email"] for row in files["invitations.json"]["sent"]] == ["friend@troupe.example"]
    assert Invitation.objects.count() == 1

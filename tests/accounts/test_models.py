"""What the database itself holds about people and organisations, and how others read it."""

import uuid

import pytest
from django.db import IntegrityError, transaction

from accounts import registry, selectors
from accounts.authentication import person_of
from accounts.models import AuthSession, Membership, Organization, User
from accounts.names import clean_username
from accounts.tokens import Claims
from common.errors import NotFound, Unauthenticated

pytestmark = pytest.mark.django_db


def refused_by(act):
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        act()
    return caught.value.__cause__.diag.constraint_name


@pytest.fixture
def ann(make_user):
    return make_user(email="Ann@example.org", username="ann")


def claims_of(user):
    return Claims(user.pk, uuid.uuid4(), selectors.personal_organization_id(user.pk), user.role)


def test_an_address_is_unique_in_any_case_of_letters(ann):
    assert refused_by(lambda: User.objects.create_user("ANN@EXAMPLE.ORG")) == "user_email_once"


@pytest.mark.parametrize("username", ["Ann", "a", "an", "ann bell", "-ann"])
def test_a_username_has_its_shape_in_the_database_too(username):
    assert refused_by(lambda: User.objects.create_user("bob@example.org", username=username)) == "user_username_shape"


def test_a_person_has_one_personal_organisation(ann):
    second = Organization.objects.create(name="second", personal=True)
    assert (
        refused_by(lambda: Membership.objects.create(user=ann, organization=second, role="owner", personal=True))
        == "membership_one_personal"
    )


@pytest.mark.parametrize(
    ("fields", "constraints"),
    [
        ({}, {"membership_personal_as_organization"}),
        ({"personal": True, "role": "owner"}, {"membership_one_personal", "membership_personal_is_alone"}),
        ({"personal": True}, {"membership_personal_is_owned"}),
    ],
)
def test_a_personal_organisation_takes_in_nobody_else(ann, make_user, fields, constraints):
    personal = ann.organizations.get()
    bob = make_user()
    assert refused_by(lambda: Membership.objects.create(user=bob, organization=personal, **fields)) in constraints


def test_an_unknown_role_is_refused(ann):
    assert refused_by(lambda: User.objects.update(role="emperor")) == "user_role_known"


def test_a_session_that_ended_says_why(ann, sign_in):
    sign_in(ann)
    assert refused_by(lambda: AuthSession.objects.update(end_reason="ban")) == "auth_session_end_has_reason"


@pytest.mark.parametrize(
    ("role", "is_staff"),
    [("member", False), ("creator", False), ("moderator", True), ("support", True), ("finance", True), ("admin", True)],
)
def test_the_role_makes_the_staff(make_user, role, is_staff):
    user = make_user(role=role)
    assert user.is_staff is is_staff
    assert User.objects.get(pk=user.pk).is_staff is is_staff
    assert person_of(claims_of(user)).is_staff is is_staff


def test_a_superuser_is_an_administrator_with_everything_an_account_has():
    boss = User.objects.create_superuser("boss@example.org", "a password")
    assert (boss.role, boss.is_staff, boss.is_superuser) == ("admin", True, True)
    assert boss.check_password("a password")
    assert boss.organizations.get().personal


def test_an_address_is_found_in_any_case_of_letters(ann):
    assert User.objects.get_by_natural_key(" ann@EXAMPLE.org ") == ann
    with pytest.raises(User.DoesNotExist):
        User.objects.get_by_natural_key(None)


@pytest.mark.parametrize(("text", "name"), [(" Ann ", "ann"), ("a.b-c_9", "a.b-c_9"), ("007", "007")])
def test_a_username_is_stored_trimmed_and_lowered(text, name):
    assert clean_username(text) == name


def test_a_person_from_a_token_is_loaded_only_when_more_is_asked(ann, django_assert_num_queries):
    caller = person_of(claims_of(ann))
    with django_assert_num_queries(0):
        assert (caller.pk, caller.role, caller.is_authenticated, caller == ann) == (ann.pk, "member", True, True)
    with django_assert_num_queries(1):
        assert caller.username == "ann"


def test_the_personal_organisation_pays_without_a_query(ann, django_assert_num_queries):
    claims = claims_of(ann)
    with django_assert_num_queries(0):
        assert selectors.paying_organization(claims, None) == claims.organization_id
        assert selectors.paying_organization(claims, claims.organization_id) == claims.organization_id


def test_a_team_pays_for_its_members_and_for_nobody_else(ann, make_user, django_assert_num_queries):
    team = Organization.objects.create(name="The Company")
    Membership.objects.create(user=ann, organization=team)
    claims, stranger = claims_of(ann), claims_of(make_user())
    with django_assert_num_queries(1):
        assert selectors.paying_organization(claims, team.pk) == team.pk
    for caller, organization_id in [(stranger, team.pk), (stranger, claims.organization_id), (claims, uuid.uuid4())]:
        with pytest.raises(NotFound):
            selectors.paying_organization(caller, organization_id)
    team.deleted_at = team.created_at
    team.save()
    with pytest.raises(NotFound):
        selectors.paying_organization(claims, team.pk)


def test_others_see_little_of_a_person(ann):
    assert selectors.public_user_data(ann) == {"id": ann.pk, "username": "ann", "display_name": "", "avatar": None}


def test_a_plan_comes_from_who_registers_it(ann, monkeypatch):
    monkeypatch.setattr(registry, "_plan_reader", lambda user_id: registry.Plan("pro", is_premium=True))
    data = selectors.user_data(ann)
    assert (data["plan"], data["is_premium"]) == ("pro", True)


def test_parts_of_me_that_nobody_registered_are_null(ann, monkeypatch):
    monkeypatch.setattr(registry, "_me_parts", {"limits": lambda user, organization_id: {"tier": "free"}})
    data = selectors.me_data(ann.pk, selectors.personal_organization_id(ann.pk))
    assert (data["wallet"], data["subscription"], data["limits"]) == (None, None, {"tier": "free"})


def test_the_row_of_a_session_tells_whether_it_lives(ann, sign_in):
    sign_in(ann)
    session = AuthSession.objects.get()
    assert selectors.session_is_live(session.pk)
    assert not selectors.session_is_live(uuid.uuid4())
    AuthSession.objects.update(expires_at=session.created_at)
    assert not selectors.session_is_live(session.pk)


def test_who_has_gone_is_not_shown_to_their_old_token(ann):
    User.objects.update(is_active=False)
    with pytest.raises(Unauthenticated):
        selectors.me_data(ann.pk, uuid.uuid4())

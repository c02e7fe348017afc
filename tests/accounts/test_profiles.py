"""One's own profile, and what others see of it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from accounts import services
from accounts.models import FormerUsername, Organization, User
from accounts.services.profiles import KEPT_FOR
from tests.conftest import Api

pytestmark = pytest.mark.django_db
ME = "/api/users/me"


@pytest.fixture
def api():
    return Api


def row(person):
    return User.objects.get(pk=person.id)


def long_ago(**which):
    FormerUsername.objects.filter(**which).update(created_at=timezone.now() - timedelta(days=2))


class TestOwn:
    def test_a_person_reads_themselves(self, api, owner):
        body = api(owner).get(ME).json()
        assert body == api(owner).get("/api/auth/me").json()["user"]
        assert body["email"] == owner.user.email

    @pytest.mark.parametrize("method", ["patch", "post"])
    def test_patch_and_post_change_the_fields_given(self, api, owner, method):
        changes = {
            "username": "Olivia.Two",
            "display_name": "  Olivia   of the\tStage ",
            "bio": "Two lines\nof me",
            "locale": "pt_br",
            "timezone": "europe/berlin",
        }
        response = getattr(api(owner), method)(ME, changes)
        assert response.status_code == 200, response.content
        expected = {
            "username": "olivia.two",
            "display_name": "Olivia of the Stage",
            "bio": "Two lines\nof me",
            "locale": "pt-BR",
            "timezone": "Europe/Berlin",
        }
        assert response.json().items() >= expected.items()
        assert api(owner).patch(ME, {}).json()["bio"] == "Two lines\nof me"

    def test_the_personal_organisation_is_named_after_its_person(self, api, owner):
        api(owner).patch(ME, {"display_name": "Olivia Oak"})
        assert Organization.objects.get(pk=owner.organization_id).name == "Olivia Oak"

    def test_nobody_is_told_to_sign_in(self, api, problem):
        for call in (api().get, api().patch, api().post):
            assert problem(call(ME)) == (401, "UNAUTHENTICATED")

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("username", "no"),
            ("username", "with space"),
            ("username", "balances"),
            ("username", "me"),
            ("username", 7),
            ("username", None),
            ("username", "a" * 31),
            ("username", "ünïcode"),
            ("display_name", "x" * 81),
            ("display_name", "evil\u202ename"),
            ("display_name", "bell\u0007"),
            ("display_name", "nul\u0000"),
            ("display_name", ["a"]),
            ("bio", "x" * 2001),
            ("bio", {"a": 1}),
            ("locale", "xx"),
            ("locale", "en-"),
            ("locale", "../../etc"),
            ("locale", ""),
            ("timezone", "Mars/Olympus"),
            ("timezone", "../../../etc/passwd"),
            ("timezone", "localtime"),
            ("timezone", "x" * 65),
            ("avatar", "https://evil.example/a.png"),
            ("avatar", "avatars/../../etc/passwd"),
            ("role", "admin"),
            ("email", "other@troupe.example"),
            ("is_staff", True),
        ],
    )
    def test_what_does_not_fit_is_refused_and_changes_nothing(self, api, owner, problem, field, value):
        before = User.objects.filter(pk=owner.id).values().get()
        response = api(owner).patch(ME, {"bio": "changed", field: value})
        assert problem(response) == (400, "VALIDATION_ERROR")
        assert field in response.json()["errors"]
        assert User.objects.filter(pk=owner.id).values().get() == before

    def test_an_avatar_is_taken_off_with_null_and_may_stay_as_it_is(self, api, owner):
        services.set_avatar(user_id=owner.id, key="avatars/x.webp")
        address = api(owner).get(ME).json()["avatar"]
        assert address.endswith("/media/avatars/x.webp")
        assert api(owner).patch(ME, {"avatar": address}).json()["avatar"] == address
        assert api(owner).patch(ME, {"avatar": None}).json()["avatar"] is None


class TestUsernames:
    def test_a_name_that_is_taken_is_a_conflict(self, api, owner, stranger, problem):
        response = api(owner).patch(ME, {"username": stranger.user.username.upper(), "bio": "new"})
        assert problem(response) == (409, "CONFLICT")
        assert "username" in response.json()["errors"]
        assert (row(owner).username, row(owner).bio) == ("olivia", "")

    def test_it_changes_once_a_day(self, api, owner, problem):
        assert api(owner).patch(ME, {"username": "olga"}).status_code == 200
        assert problem(api(owner).patch(ME, {"username": "orla"})) == (400, "VALIDATION_ERROR")
        assert row(owner).username == "olga"
        long_ago(user=owner.user)
        assert api(owner).patch(ME, {"username": "orla"}).status_code == 200

    def test_the_old_one_is_nobody_elses_for_thirty_days(self, api, owner, stranger, problem, join):
        api(owner).patch(ME, {"username": "olga"})
        assert problem(api(stranger).patch(ME, {"username": "olivia"})) == (409, "CONFLICT")
        sign_up = {"email": "new@troupe.example", "password": "a good long password", "username": "olivia"}
        assert problem(api().post("/api/auth/signup", sign_up)) == (409, "CONFLICT")
        assert not User.objects.filter(email="new@troupe.example").exists()
        FormerUsername.objects.update(created_at=timezone.now() - KEPT_FOR)
        assert api(stranger).patch(ME, {"username": "olivia"}).status_code == 200

    def test_one_may_take_it_back_oneself(self, api, owner):
        api(owner).patch(ME, {"username": "olga"})
        long_ago(user=owner.user)
        assert api(owner).patch(ME, {"username": "olivia"}).status_code == 200
        assert [name.username for name in FormerUsername.objects.all()] == ["olga"]

    def test_a_stand_in_can_be_changed_at_once_and_is_not_kept(self, api, owner):
        User.objects.filter(pk=owner.id).update(username="guest-0123456789ab")
        assert api(owner).patch(ME, {"username": "olga"}).status_code == 200
        assert not FormerUsername.objects.exists()
        assert api(owner).patch(ME, {"username": "orla"}).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_of_many_who_want_one_name_at_once_one_gets_it(join):
    people = [join(f"runner{number}") for number in range(5)]

    def rename(person):
        try:
            return Api(person).patch(ME, {"username": "winner"}).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(5) as pool:
        statuses = list(pool.map(rename, people))
    assert sorted(statuses) == [200, 409, 409, 409, 409]
    assert User.objects.filter(username="winner").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_name_that_is_being_given_up_is_not_free_in_between(join):
    owner, others = join("olivia"), [join(f"taker{number}") for number in range(3)]

    def rename(person, name):
        try:
            return Api(person).patch(ME, {"username": name}).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        tries = [pool.submit(rename, person, "olivia") for person in others]
        given_up = pool.submit(rename, owner, "olga")
        assert given_up.result() == 200
        assert [one.result() for one in tries] == [409, 409, 409]


class TestPublic:
    def test_everybody_sees_what_is_public_and_nothing_else(self, api, owner, stranger):
        for caller in (api(), api(stranger), api(owner)):
            body = caller.get("/api/users/OLIVIA").json()
            assert set(body) == {
                *("id", "username", "display_name", "avatar", "bio", "is_creator", "last_seen_at"),
                *("created_at", "characters_amount"),
            }

    @pytest.mark.parametrize("change", [{"deleted_at": timezone.now()}, {"is_active": False}])
    def test_who_has_gone_is_not_found(self, api, owner, problem, change):
        User.objects.filter(pk=owner.id).update(**change)
        assert problem(api().get("/api/users/olivia")) == (404, "NOT_FOUND")

    @pytest.mark.parametrize("name", ["nobody-here", "a", "%00", "x" * 200, "ü", "..%2F.."])
    def test_a_name_that_is_nobodys_is_not_found(self, api, owner, name):
        assert api().get(f"/api/users/{name}").status_code == 404

    def test_staff_are_not_shown_as_staff(self, api, staff):
        body = api().get(f"/api/users/{staff.user.username}").json()
        assert body["is_creator"] is False
        assert "role" not in body

    def test_last_seen_is_told_to_the_hour_and_then_to_the_day(self, api, owner):
        now = timezone.now()
        for ago in (timedelta(minutes=61), timedelta(days=3)):
            User.objects.filter(pk=owner.id).update(last_seen_at=now - ago)
            seen = api().get("/api/users/olivia").json()["last_seen_at"]
            assert seen.endswith(":00:00Z")
            assert ago < timedelta(days=1) or seen.endswith("T00:00:00Z")

    def test_who_does_not_show_it_is_not_seen(self, api, owner):
        services.see({owner.id: timezone.now()})
        api(owner).patch("/api/users/me/preferences", {"show_last_seen": False})
        assert api().get("/api/users/olivia").json()["last_seen_at"] is None

    def test_a_profile_costs_the_same_queries_for_everybody(self, api, owner, stranger, django_assert_num_queries):
        api(stranger).get("/api/users/olivia")
        with django_assert_num_queries(2):
            api().get("/api/users/olivia")
        with django_assert_num_queries(3):
            api(stranger).get("/api/users/olivia")

"""The list over REST, and what can be done with what is on it."""

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Block
from notifications import services
from notifications.models import Notification
from notifications.selectors import unread_count
from tests.hostile.conftest import unchanged

pytestmark = pytest.mark.django_db
NOBODYS = uuid.UUID("0190a000-0000-7000-8000-000000000000")


def titles(response):
    return [item["title"] for item in response.json()["items"]]


class TestTheList:
    def test_is_ones_own_with_the_newest_first(self, tell, api, owner, stranger):
        for title in ("one", "two", "three"):
            tell(owner, title)
        tell(stranger, "not yours")
        body = api(owner).get("/api/notifications").json()
        assert [item["title"] for item in body["items"]] == ["three", "two", "one"]
        assert (body["next"], body["unread"]) == (None, 3)
        assert "total" not in body

    def test_goes_on_by_its_cursor_without_missing_or_repeating(self, tell, api, owner):
        for number in range(7):
            tell(owner, str(number))
        seen, query = [], "?limit=3&count=true"
        while True:
            response = api(owner).get(f"/api/notifications{query}")
            seen += titles(response)
            tell(owner, "meanwhile")
            if (cursor := response.json()["next"]) is None:
                break
            query = f"?limit=3&cursor={cursor}"
        assert seen == ["6", "5", "4", "3", "2", "1", "0"]

    def test_counts_where_it_is_asked_to(self, tell, api, owner):
        first, _ = tell(owner), tell(owner)
        services.mark_read(user_id=owner.id, notification_id=first.pk)
        body = api(owner).get("/api/notifications?count=true&limit=1").json()
        assert (body["total"], body["unread"], len(body["items"])) == (2, 1, 1)

    def test_gives_the_unread_alone(self, tell, api, owner):
        read, _ = tell(owner, "read"), tell(owner, "unread")
        services.mark_read(user_id=owner.id, notification_id=read.pk)
        assert titles(api(owner).get("/api/notifications?unread=true")) == ["unread"]
        assert titles(api(owner).get("/api/notifications?unread=false")) == ["unread", "read"]

    def test_keeps_what_was_told_before_a_block(self, tell, api, owner, teammate):
        tell(owner, "before", actor_id=teammate.id)
        Block.objects.create(user=owner.user, blocked=teammate.user)
        tell(owner, "after", actor_id=teammate.id)
        assert titles(api(owner).get("/api/notifications")) == ["before"]

    def test_costs_the_same_at_any_size(self, tell, api, owner, join):
        costs = []
        for size in (2, 40):
            for number in range(size):
                tell(owner, actor_id=join(f"actor-{size}-{number}").id)
            client = api(owner)
            client.get("/api/notifications")  # the session is known from now on
            with CaptureQueriesContext(connection) as queries:
                assert client.get("/api/notifications?limit=100&count=true").status_code == 200
            costs.append(len(queries))
        assert costs == [3, 3]  # the rows with who acted, the total, the unread

    @pytest.mark.parametrize(
        "query",
        [
            "unread=maybe",
            "unread=1",
            "cursor=x",
            "cursor=%00",
            "cursor=WzFd",
            "cursor=WyJ4Il0",
            "limit=0",
            "limit=x",
            "count=x",
        ],
    )
    def test_refuses_what_it_does_not_understand(self, api, owner, problem, query):
        assert problem(api(owner).get(f"/api/notifications?{query}")) == (400, "VALIDATION_ERROR")


class TestReading:
    def test_marks_it_and_tells_how_many_are_left(self, tell, api, owner):
        told, _ = tell(owner), tell(owner)
        body = api(owner).post(f"/api/notifications/{told.pk}/read").json()
        assert (body["id"], body["unread"]) == (str(told.pk), 1)
        assert body["read_at"] is not None

    def test_again_keeps_the_first_time(self, tell, api, owner):
        told = tell(owner)
        first, second = (api(owner).post(f"/api/notifications/{told.pk}/read").json() for _ in range(2))
        assert first == second

    def test_is_undone_by_unread(self, tell, api, owner):
        told = tell(owner)
        for _ in range(2):
            api(owner).post(f"/api/notifications/{told.pk}/read")
        for _ in range(2):
            body = api(owner).post(f"/api/notifications/{told.pk}/unread").json()
        assert (body["read_at"], body["unread"]) == (None, 1)

    def test_all_marks_all_of_ones_own(self, tell, api, owner, stranger):
        for person in (owner, owner, stranger):
            tell(person)
        assert api(owner).post("/api/notifications/read-all").json() == {"read": 2, "unread": 0}
        assert api(owner).post("/api/notifications/read-all").json() == {"read": 0, "unread": 0}
        assert unread_count(stranger.id) == 1

    def test_all_until_one_leaves_those_after_it(self, tell, api, owner):
        seen, new = tell(owner), tell(owner)
        body = {"until": str(seen.pk)}
        assert api(owner).post("/api/notifications/read-all", body).json() == {"read": 1, "unread": 1}
        new.refresh_from_db()
        assert new.read_at is None

    @pytest.mark.parametrize("body", [{"until": 7}, {"until": "x"}, {"until": []}, {"other": 1}, {"until": "\x00"}])
    def test_all_refuses_a_body_that_is_not_right(self, tell, api, owner, problem, body):
        tell(owner)
        with unchanged():
            assert problem(api(owner).post("/api/notifications/read-all", body)) == (400, "VALIDATION_ERROR")


class TestDeleting:
    def test_takes_it_off_the_list_for_good(self, tell, api, owner, problem):
        told = tell(owner)
        path = f"/api/notifications/{told.pk}"
        assert api(owner).delete(path).status_code == 204
        assert titles(api(owner).get("/api/notifications")) == []
        assert unread_count(owner.id) == 0
        for method, address in (("delete", path), ("post", f"{path}/read"), ("post", f"{path}/unread")):
            assert problem(getattr(api(owner), method)(address)) == (404, "NOT_FOUND")


class TestOthers:
    DOORS = [("post", "/read"), ("post", "/unread"), ("delete", "")]

    @pytest.mark.parametrize("who", ["teammate", "stranger", "staff"])
    @pytest.mark.parametrize(("method", "path"), DOORS)
    def test_find_nothing_of_ones_own_and_change_nothing(self, request, tell, api, problem, owner, who, method, path):
        person, told = request.getfixturevalue(who), tell(owner)
        answers = []
        with unchanged():
            for notification_id in (told.pk, NOBODYS):
                response = getattr(api(person), method)(f"/api/notifications/{notification_id}{path}")
                assert problem(response) == (404, "NOT_FOUND")
                answers.append(response.json() | {"request_id": ""})
        assert answers[0] == answers[1]

    def test_do_not_see_the_list(self, tell, api, owner, stranger, staff):
        tell(owner)
        for person in (stranger, staff):
            assert api(person).get("/api/notifications?count=true").json() == {
                "items": [], "next": None, "total": 0, "unread": 0
            }  # fmt: skip

    def test_who_is_not_signed_in_gets_no_further(self, tell, api, problem, owner):
        told = tell(owner)
        with unchanged():
            assert problem(api().get("/api/notifications")) == (401, "UNAUTHENTICATED")
            assert problem(api().post("/api/notifications/read-all")) == (401, "UNAUTHENTICATED")
            for method, path in self.DOORS:
                response = getattr(api(), method)(f"/api/notifications/{told.pk}{path}")
                assert problem(response) == (401, "UNAUTHENTICATED")
        assert Notification.objects.filter(read_at=None).count() == 1

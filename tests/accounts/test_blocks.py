"""Keeping somebody out, and finding things again."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from accounts import selectors, services, viewers
from accounts.models import Block, Favourite, User
from accounts.services.blocks import BLOCKS_AT_MOST
from common import redis
from common.errors import Unprocessable
from common.models import new_id
from tests.conftest import Api

pytestmark = pytest.mark.django_db
BLOCKS, FAVOURITES = "/api/users/me/blocks", "/api/users/me/favourites"


@pytest.fixture
def api():
    return Api


@pytest.fixture
def crowd(db):
    def make(amount):
        return [
            User.objects.create_user(f"c{number}@troupe.example", username=f"crowd{number}") for number in range(amount)
        ]

    return make


class TestBlocks:
    def test_one_blocks_by_name_or_id_and_sees_the_list(self, api, owner, stranger, teammate):
        by_name = api(owner).post(BLOCKS, {"user": "Stella"})
        assert by_name.status_code == 201
        assert by_name.json()["user"]["username"] == "stella"
        assert api(owner).post(BLOCKS, {"user": str(teammate.id)}).status_code == 201
        items = api(owner).get(f"{BLOCKS}?count=true").json()
        assert [item["id"] for item in items["items"]] == [str(teammate.id), str(stranger.id)]
        assert items["total"] == 2
        assert api(stranger).get(BLOCKS).json()["items"] == []

    def test_a_repeat_changes_nothing(self, api, owner, stranger):
        assert [api(owner).post(BLOCKS, {"user": "stella"}).status_code for _ in range(2)] == [201, 200]
        assert Block.objects.count() == 1
        assert [api(owner).delete(f"{BLOCKS}/{stranger.id}").status_code for _ in range(2)] == [204, 404]
        assert not Block.objects.exists()

    def test_nobody_blocks_themselves(self, api, owner, problem):
        assert problem(api(owner).post(BLOCKS, {"user": "olivia"})) == (422, "UNPROCESSABLE_ENTITY")
        assert not Block.objects.exists()

    @pytest.mark.parametrize("user", ["nobody-here", str(uuid.UUID(int=7)), "' OR 1=1", "ü" * 60])
    def test_nobody_is_not_found(self, api, owner, problem, user):
        assert problem(api(owner).post(BLOCKS, {"user": user})) == (404, "NOT_FOUND")

    @pytest.mark.parametrize("user", [None, 7, [], "x" * 65, "a\u0000b", ""])
    def test_what_is_no_person_is_refused(self, api, owner, problem, user):
        assert problem(api(owner).post(BLOCKS, {"user": user})) == (400, "VALIDATION_ERROR")

    def test_only_who_blocked_ends_it(self, api, owner, stranger, problem):
        api(owner).post(BLOCKS, {"user": "stella"})
        assert problem(api(stranger).delete(f"{BLOCKS}/{owner.id}")) == (404, "NOT_FOUND")
        assert Block.objects.count() == 1
        for call in (api().get(BLOCKS), api().post(BLOCKS, {"user": "stella"}), api().delete(f"{BLOCKS}/{owner.id}")):
            assert problem(call) == (401, "UNAUTHENTICATED")

    def test_it_holds_in_both_directions(self, api, owner, stranger, problem):
        services.block(user_id=owner.id, blocked_id=stranger.id)
        assert selectors.is_blocked_between(owner.id, stranger.id)
        assert selectors.is_blocked_between(stranger.id, owner.id)
        assert problem(api(owner).get("/api/users/stella")) == (404, "NOT_FOUND")
        assert problem(api(stranger).get("/api/users/olivia")) == (404, "NOT_FOUND")
        assert api().get("/api/users/olivia").status_code == 200

    def test_who_is_blocked_may_block_back(self, api, owner, stranger):
        services.block(user_id=owner.id, blocked_id=stranger.id)
        assert api(stranger).post(BLOCKS, {"user": "olivia"}).status_code == 201
        services.unblock(user_id=owner.id, blocked_id=stranger.id)
        assert selectors.is_blocked_between(owner.id, stranger.id)

    def test_there_is_a_most(self, owner, stranger, monkeypatch):
        monkeypatch.setattr("accounts.services.blocks.BLOCKS_AT_MOST", 0)
        with pytest.raises(Unprocessable):
            services.block(user_id=owner.id, blocked_id=stranger.id)
        assert BLOCKS_AT_MOST == 1000

    @pytest.mark.parametrize("amount", [2, 12])
    def test_the_list_costs_one_query(self, api, owner, crowd, django_assert_num_queries, amount):
        for person in crowd(amount):
            services.block(user_id=owner.id, blocked_id=person.pk)
        api(owner).get(BLOCKS)  # that the session lives is remembered from here on
        with django_assert_num_queries(1):
            assert len(api(owner).get(f"{BLOCKS}?limit=100").json()["items"]) == amount


@pytest.mark.django_db(transaction=True)
def test_ten_who_block_at_once_make_one_block(join):
    owner, stranger = join("olivia"), join("stella")

    def block(_):
        try:
            return Api(owner).post(BLOCKS, {"user": "stella"}).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(5) as pool:
        statuses = list(pool.map(block, range(5)))
    assert sorted(statuses) == [200, 200, 200, 200, 201]
    assert Block.objects.filter(user_id=owner.id, blocked_id=stranger.id).count() == 1


class TestWhatIsRemembered:
    def queries(self, action):
        with CaptureQueriesContext(connection) as captured:
            result = action()
        return len(captured), result

    def test_who_hides_nobody_costs_no_query_after_the_first(self, owner):
        assert self.queries(lambda: selectors.hidden_people(owner.id)) == (1, frozenset())
        assert self.queries(lambda: selectors.hidden_people(owner.id)) == (0, frozenset())

    def test_a_block_is_felt_at_once_by_both(self, owner, stranger, django_capture_on_commit_callbacks):
        for person in (owner, stranger):
            selectors.hidden_people(person.id)
        with django_capture_on_commit_callbacks(execute=True):
            services.block(user_id=owner.id, blocked_id=stranger.id)
        assert selectors.hidden_people(owner.id) == {stranger.id}
        assert selectors.hidden_people(stranger.id) == {owner.id}
        with django_capture_on_commit_callbacks(execute=True):
            services.unblock(user_id=owner.id, blocked_id=stranger.id)
        assert selectors.hidden_people(owner.id) == frozenset()

    def test_who_read_just_before_does_not_write_the_old_state_down(self, owner, stranger):
        viewers._mark_unsure((owner.id,))
        assert viewers.recall(owner.id) == viewers.Viewer()
        assert redis.client().get(f"viewer:{owner.id}") == viewers.UNSURE

    def test_without_redis_the_rows_are_asked(self, owner, stranger, monkeypatch):
        services.block(user_id=owner.id, blocked_id=stranger.id)

        def away(*_):
            raise redis.RedisError

        monkeypatch.setattr(redis, "ask", away)
        monkeypatch.setattr(redis, "tell", away)
        assert selectors.hidden_people(owner.id) == {stranger.id}


class TestFavourites:
    def keep(self, api, person, **body):
        return api(person).post(FAVOURITES, body)

    def test_people_are_kept_and_taken_off(self, api, owner, stranger):
        kept = self.keep(api, owner, type="user", id=str(stranger.id))
        assert kept.status_code == 201
        assert kept.json()["target"]["username"] == "stella"
        assert self.keep(api, owner, type="user", id=str(stranger.id)).status_code == 200
        assert len(api(owner).get(FAVOURITES).json()["items"]) == 1
        assert api(stranger).get(FAVOURITES).json()["items"] == []
        assert api(owner).delete(f"{FAVOURITES}/user/{stranger.id}").status_code == 204
        assert api(owner).delete(f"{FAVOURITES}/user/{stranger.id}").status_code == 404
        assert api(owner).delete(f"{FAVOURITES}/a\u0000b/{stranger.id}").status_code == 404
        assert not Favourite.objects.exists()

    def test_a_body_takes_it_off_as_well(self, api, owner, stranger):
        self.keep(api, owner, type="user", id=str(stranger.id))
        body = {"type": "user", "id": str(stranger.id)}
        response = api(owner).client.delete(FAVOURITES, body, content_type="application/json")
        assert response.status_code == 204
        assert not Favourite.objects.exists()

    def test_what_is_not_there_is_not_found(self, api, owner, problem):
        for kind in ("user", "character"):
            assert problem(self.keep(api, owner, type=kind, id=str(new_id()))) == (404, "NOT_FOUND")
        assert not Favourite.objects.exists()

    @pytest.mark.parametrize(
        "body",
        [{}, {"type": "spaceship", "id": str(new_id())}, {"type": "user", "id": "7"}, {"type": 7, "id": str(new_id())}],
    )
    def test_what_can_be_no_favourite_is_refused(self, api, owner, problem, body):
        assert problem(api(owner).post(FAVOURITES, body)) == (400, "VALIDATION_ERROR")
        assert api(owner).get(f"{FAVOURITES}?type=spaceship").status_code == 400

    def test_who_has_gone_or_is_apart_is_left_out(
        self, api, owner, stranger, teammate, django_capture_on_commit_callbacks
    ):
        for person in (stranger, teammate):
            self.keep(api, owner, type="user", id=str(person.id))
        with django_capture_on_commit_callbacks(execute=True):
            services.block(user_id=stranger.id, blocked_id=owner.id)
        User.objects.filter(pk=teammate.id).update(is_active=False)
        assert api(owner).get(FAVOURITES).json()["items"] == []
        assert self.keep(api, owner, type="user", id=str(stranger.id)).status_code == 404

    def test_nobody_has_favourites(self, api, problem):
        assert problem(api().get(FAVOURITES)) == (401, "UNAUTHENTICATED")
        assert problem(api().post(FAVOURITES, {"type": "user", "id": str(new_id())})) == (401, "UNAUTHENTICATED")

    @pytest.mark.parametrize("amount", [2, 12])
    def test_the_list_costs_the_same_queries_however_long(self, api, owner, crowd, django_assert_num_queries, amount):
        for person in crowd(amount):
            services.add_favourite(user_id=owner.id, target_type="user", target_id=person.pk)
        api(owner).get(FAVOURITES)  # what Redis remembers of a session and a viewer is there from here on
        with django_assert_num_queries(2):
            assert len(api(owner).get(f"{FAVOURITES}?limit=100").json()["items"]) == amount

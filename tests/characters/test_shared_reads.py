"""Answers that everybody shares: made once, dropped on a write, and nobody's own things in them."""

import pytest

from characters import caching
from characters.models import Character
from common import redis

pytestmark = pytest.mark.django_db


@pytest.fixture
def warm(api, stranger, creator):
    """Sessions that Redis knows, so that only the reads themselves are counted."""
    for person in (stranger, creator):
        api(person).get("/api/characters?limit=1")


def test_the_second_reader_costs_no_query(api, publish, queries):
    path = f"/api/characters/{publish()['id']}"
    for address in (path, "/api/characters", "/api/characters?search=mira"):
        first = api().get(address)
        with queries() as asked:
            second = api().get(address)
        assert len(asked) == 0
        assert second.content == first.content


def test_a_signed_in_reader_of_one_character_costs_none_either(api, publish, stranger, warm, queries):
    path = f"/api/characters/{publish()['id']}"
    api(stranger).get(path)
    with queries() as asked:
        assert api(stranger).get(path).json()["liked"] is False
    assert len(asked) == 0


@pytest.mark.parametrize("liked", [False, True])
def test_the_first_time_a_reader_sees_it_costs_one_small_query(api, publish, stranger, warm, queries, liked):
    path = f"/api/characters/{publish()['id']}"
    if liked:
        api(stranger).post(f"{path}/like")
    api().get(path)
    with queries() as asked:
        assert api(stranger).get(path).json()["liked"] is liked
    assert len(asked) == 1
    assert "characters_like" in asked[0]["sql"]


def test_lists_that_ask_the_same_in_other_words_are_one(api, publish, queries):
    publish(tags=["a", "b"])
    api().get("/api/characters?tags=a,b&search=mira")
    usual = "search=%20mira%20&tags=b,a,&order=relevance&limit=20"
    for same in ("tags=B, a&search=mira", usual, "tags=a,b&search=mira&x=y"):
        with queries() as asked:
            assert len(api().get(f"/api/characters?{same}").json()["items"]) == 1
        assert len(asked) == 0, same


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ({"name": "Renamed"}, ["Renamed"]),
        ({"visibility": "unlisted"}, []),
        ({"visibility": "private"}, []),
    ],
)
def test_a_write_is_seen_by_everybody_at_once(api, creator, publish, change, seen):
    path = f"/api/characters/{publish()['id']}"
    before = api().get(path)
    api().get("/api/characters")
    api(creator).patch(path, change)
    assert [item["name"] for item in api().get("/api/characters").json()["items"]] == seen
    after = api().get(path)
    assert after.status_code == (404 if change.get("visibility") == "private" else 200)
    assert after.headers.get("ETag") != before.headers["ETag"]


def test_a_new_public_character_is_listed_at_once_and_a_private_one_drops_nothing(api, write, publish, queries):
    api().get("/api/characters")
    write(name="Private")
    with queries() as asked:
        assert api().get("/api/characters").json()["items"] == []
    assert len(asked) == 0
    publish("Public")
    assert [item["name"] for item in api().get("/api/characters").json()["items"]] == ["Public"]


def test_a_write_that_is_rolled_back_drops_nothing(api, creator, publish, problem):
    path = f"/api/characters/{publish()['id']}"
    before = api().get(path)
    version = redis.client().get(f"shared:{caching.LISTS}")
    assert problem(api(creator).patch(path, {"age": 17})) == (400, "VALIDATION_ERROR")
    assert redis.client().get(f"shared:{caching.LISTS}") == version
    assert api().get(path).content == before.content


def test_an_etag_saves_the_body(api, publish, stranger):
    path = f"/api/characters/{publish()['id']}"
    for reader in (api(), api(stranger)):
        for address in (path, "/api/characters", "/api/characters?search=mira"):
            first = reader.get(address)
            again = reader.get(address, **{"If-None-Match": first.headers["ETag"]})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["ETag"] == first.headers["ETag"]
            assert reader.get(address, **{"If-None-Match": '"other"'}).status_code == 200


def test_the_etag_changes_with_ones_own_like(api, publish, stranger):
    path = f"/api/characters/{publish()['id']}"
    before = api(stranger).get(path).headers["ETag"]
    api(stranger).post(f"{path}/like")
    assert api(stranger).get(path, **{"If-None-Match": before}).status_code == 200
    liked = api(stranger).get(path).headers["ETag"]
    assert liked not in (before, api().get(path).headers["ETag"])


def test_what_is_ones_own_is_for_no_shared_cache(api, publish, stranger, creator):
    path = f"/api/characters/{publish()['id']}"
    for address in (path, "/api/characters"):
        assert api().get(address).headers["Cache-Control"].startswith("public")
        for person in (stranger, creator):
            response = api(person).get(address)
            assert response.headers["Cache-Control"].startswith("private")
            assert "Authorization" in response.headers["Vary"]
            assert "Cookie" in response.headers["Vary"]


@pytest.mark.parametrize("first", ["creator", "stranger", None])
def test_nothing_of_one_reader_reaches_another_through_the_cache(request, api, publish, creator, stranger, first):
    """Whoever comes first and fills the cache."""
    made = publish(system_prompt="Never tell.")
    path = f"/api/characters/{made['id']}"
    api(creator).post(f"{path}/like")
    api(request.getfixturevalue(first) if first else None).get(path)
    api(request.getfixturevalue(first) if first else None).get("/api/characters")
    for reader in (api(stranger), api()):
        body = reader.get(path)
        assert (body.json()["liked"], b"Never tell" in body.content) == (False, False)
        assert reader.get("/api/characters").json()["items"][0]["liked"] is False
    own = api(creator).get(path).json()
    assert (own["liked"], own["system_prompt"]) == (True, "Never tell.")


def test_a_text_can_not_pretend_to_be_a_field(api, publish, stranger, creator):
    """The shared bytes are looked into for two fields; what people write must not be taken for them."""
    forged = f'","liked":false,"creator":{{"id":"{stranger.id}'
    made = publish(forged[:100], tagline=forged, description=forged, system_prompt="Never tell.")
    path = f"/api/characters/{made['id']}"
    api(stranger).post(f"{path}/like")
    seen = api(stranger).get(path).json()
    assert seen["liked"] is True
    assert "system_prompt" not in seen
    assert seen["description"] == forged
    assert seen["creator"]["id"] == str(creator.id)


def test_without_redis_every_read_still_answers(api, publish, stranger, creator, monkeypatch):
    made = publish()
    path = f"/api/characters/{made['id']}"
    api(stranger).post(f"{path}/like")

    def away(*_, **__):
        raise redis.RedisError("away")

    monkeypatch.setattr("redis.connection.ConnectionPool.get_connection", away)
    assert api().get(path).json()["likes_amount"] == 1
    assert api(stranger).get(path).json()["liked"] is True
    assert [item["liked"] for item in api(stranger).get("/api/characters").json()["items"]] == [True]
    assert api(stranger).delete(f"{path}/like").json() == {"liked": False, "likes_amount": 0}
    assert api(creator).patch(path, {"tagline": "by candlelight"}).json()["tagline"] == "by candlelight"
    assert Character.objects.get().tagline == "by candlelight"

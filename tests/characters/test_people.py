"""People in lists of characters: who is apart, who may see what is mature, and names that change."""

import pytest

from accounts import services, viewers
from accounts.models import User
from characters.models import Character

pytestmark = pytest.mark.django_db


@pytest.fixture
def apart(owner, stranger, django_capture_on_commit_callbacks):
    def block(one, other):
        with django_capture_on_commit_callbacks(execute=True):
            services.block(user_id=one.id, blocked_id=other.id)

    return block


def names(api, person, query=""):
    return [item["name"] for item in api(person).get(f"/api/characters{query}").json()["items"]]


@pytest.mark.parametrize("who_blocks", ["reader", "creator"])
@pytest.mark.parametrize("query", ["", "?search=Mira", "?creator=olivia", "?order=new", "?order=trending&count=true"])
def test_a_block_hides_characters_in_every_list(api, publish, owner, stranger, apart, who_blocks, query):
    publish("Mira")
    assert names(api, stranger, query) == ["Mira"]
    apart(*((stranger, owner) if who_blocks == "reader" else (owner, stranger)))
    assert names(api, stranger, query) == []
    assert names(api, None, query) == ["Mira"]
    assert names(api, owner, "?mine=true") == ["Mira"]


def test_it_hides_them_on_the_playbill_and_comes_back_with_the_block_ended(
    publish, owner, stranger, apart, client, django_capture_on_commit_callbacks
):
    publish("Mira of the Docks")
    client.force_login(stranger.user)
    assert "Mira of the Docks" in client.get("/").content.decode()
    apart(owner, stranger)
    assert "Mira of the Docks" not in client.get("/").content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        services.unblock(user_id=owner.id, blocked_id=stranger.id)
    assert "Mira of the Docks" in client.get("/").content.decode()


def test_pages_of_a_list_go_on_without_who_is_apart(api, publish, write, owner, stranger, teammate, confirmed, apart):
    confirmed(teammate)
    for number in range(3):
        publish(f"Mira {number}")
        write(teammate, name=f"Tam {number}", visibility="public")
    apart(stranger, owner)
    first = api(stranger).get("/api/characters?order=new&limit=2").json()
    second = api(stranger).get(f"/api/characters?order=new&limit=2&cursor={first['next']}").json()
    assert [item["name"] for item in first["items"] + second["items"]] == ["Tam 2", "Tam 1", "Tam 0"]


def test_who_keeps_nobody_out_shares_the_bytes_at_no_further_cost(
    api, publish, stranger, teammate, queries, monkeypatch
):
    from common import redis

    publish("Mira")
    names(api, stranger)
    waited = []
    exchange = redis._exchange
    monkeypatch.setattr(redis, "_exchange", lambda packed, count: waited.append(count) or exchange(packed, count))
    with queries() as asked:
        names(api, stranger)
    # one for likes; the list itself and whom they don't meet come from Redis: the gate's round trip, and the body's
    assert len(asked) == 1
    assert len(waited) == 2


def test_what_is_mature_is_listed_for_who_asks_for_it(
    api, publish, stranger, owner, django_capture_on_commit_callbacks
):
    publish("Mira")
    publish("Nox", content_rating="mature")
    for query in ("?order=new", "?order=new&search=Nox or Mira"):
        assert names(api, None, query) == names(api, stranger, query) == ["Mira"]
    with django_capture_on_commit_callbacks(execute=True):
        services.update_preferences(user_id=stranger.id, changes={"mature": True})
    assert names(api, stranger, "?order=new") == ["Nox", "Mira"]
    assert names(api, None, "?order=new") == ["Mira"]
    assert names(api, owner, "?mine=true") == ["Nox", "Mira"]


@pytest.mark.parametrize("change", [{"display_name": "Olivia Oak"}, {"username": "olga"}])
def test_a_new_name_is_shown_at_once_wherever_it_is_shared(api, publish, write, owner, stranger, change):
    made, private = publish("Mira"), write(name="Draft")
    for reader in (None, stranger):
        api(reader).get("/api/characters")
        api(reader).get(f"/api/characters/{made['id']}")
    assert api(owner).patch("/api/users/me", change).status_code == 200
    ((field, value),) = change.items()
    for reader in (None, stranger):
        assert api(reader).get("/api/characters").json()["items"][0]["creator"][field] == value
        assert api(reader).get(f"/api/characters/{made['id']}").json()["creator"][field] == value
    assert api(owner).get(f"/api/characters/{private['id']}").json()["creator"][field] == value


class TestProfiles:
    def test_they_count_and_show_public_characters(self, api, publish, write, owner, client):
        publish("Mira of the Docks")
        write(name="Draft of a Duke")
        publish("Nox", content_rating="mature")
        assert api().get("/api/users/olivia").json()["characters_amount"] == 1
        page = client.get("/people/olivia").content.decode()
        assert "Mira of the Docks" in page
        assert "Draft of a Duke" not in page
        assert "Nox" not in page

    def test_a_poster_leads_to_its_creator(self, publish, client):
        made = publish("Mira")
        assert 'href="/people/olivia"' in client.get(f"/characters/{made['id']}").content.decode()


class TestFavourites:
    PATH = "/api/users/me/favourites"

    def test_a_character_is_kept(self, api, publish, stranger):
        made = publish("Mira")
        kept = api(stranger).post(self.PATH, {"type": "character", "id": made["id"]})
        assert kept.status_code == 201
        assert kept.json()["target"]["name"] == "Mira"

    def test_what_is_private_is_its_creators_alone(self, api, write, owner, stranger, problem):
        draft = {"type": "character", "id": write(name="Draft")["id"]}
        assert problem(api(stranger).post(self.PATH, draft)) == (404, "NOT_FOUND")
        assert api(owner).post(self.PATH, draft).status_code == 201

    @pytest.mark.parametrize("how", ["private", "deleted", "apart", "creator gone"])
    def test_what_is_gone_or_hidden_is_left_out(self, api, publish, owner, stranger, apart, how):
        made = publish("Mira")
        api(stranger).post(self.PATH, {"type": "character", "id": made["id"]})
        assert len(api(stranger).get(self.PATH).json()["items"]) == 1
        if how == "private":
            api(owner).patch(f"/api/characters/{made['id']}", {"visibility": "private"})
        elif how == "deleted":
            api(owner).delete(f"/api/characters/{made['id']}")
        elif how == "apart":
            apart(owner, stranger)
        else:
            User.objects.filter(pk=owner.id).update(is_active=False)
        assert api(stranger).get(self.PATH).json()["items"] == []

    def test_the_star_on_a_poster_needs_no_script(self, publish, stranger, client):
        made = publish("Mira")
        poster = f"/characters/{made['id']}"
        assert client.post(f"/favourites/character/{made['id']}").headers["Location"].startswith("/sign-in")
        client.force_login(stranger.user)
        response = client.post(f"/favourites/character/{made['id']}", {"kept": "1", "next": poster})
        assert (response.status_code, response.headers["Location"]) == (302, poster)
        assert 'aria-pressed="true"' in client.get(poster).content.decode()
        by_htmx = client.post(
            f"/favourites/character/{made['id']}", {"kept": "0", "next": poster}, headers={"HX-Request": "true"}
        )
        assert 'aria-pressed="false"' in by_htmx.content.decode()
        assert client.post(f"/favourites/spaceship/{made['id']}").status_code == 404


def test_a_viewer_is_remembered_by_two_digits():
    assert viewers.KINDS[b"10"] == viewers.Viewer(has_hidden=True)
    assert viewers.KINDS[b"01"] == viewers.Viewer(mature=True)
    assert len(viewers.KINDS) == 4


def test_demo_people_have_names_and_bios(db):
    from characters.demo import load_demo_characters

    load_demo_characters()
    creators = User.objects.filter(pk__in=Character.objects.values("creator"))
    assert creators
    assert all(creator.display_name and creator.bio for creator in creators)

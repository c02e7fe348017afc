"""Finding characters: search, filters, orders, and pages that hold still while scores move."""

import base64
import json
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from characters import discovery
from characters.models import Character, DailyActivity, ScoreGeneration
from characters.services import fold_counters, refresh_scores
from common.models import new_id

pytestmark = pytest.mark.django_db


def names(response):
    assert response.status_code == 200, response.content
    return [item["name"] for item in response.json()["items"]]


@pytest.fixture
def crowd(creator):
    """`crowd(10)`: public characters "C0", "C1" …, the first the most popular and the newest trend."""

    def make(amount, **fields):
        now = timezone.now()
        made = Character.objects.bulk_create(
            Character(
                id=new_id(),
                creator=creator.user,
                name=f"C{number}",
                age=30,
                gender="other",
                visibility="public",
                published_at=now - timedelta(minutes=number),
                likes_amount=(amount - number) * 10,
                **fields,
            )
            for number in range(amount)
        )
        refresh_scores(everyone=True)
        refresh_scores(everyone=True)
        return made

    return make


def all_pages(caller, path, between=None):
    """Every name of a list, page by page; `between` is called after each page."""
    seen, cursor = [], None
    while True:
        page = caller.get(f"{path}&cursor={cursor}" if cursor else path).json()
        seen += [item["name"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            return seen
        if between:
            between()


# --- what is listed ---------------------------------------------------------------------------------------------------


def test_only_public_characters_are_listed(api, write, publish, stranger, staff):
    publish("Public")
    write(name="Private")
    write(name="Unlisted", visibility="unlisted")
    for reader in (api(), api(stranger), api(staff)):
        assert names(reader.get("/api/characters")) == ["Public"]
        assert reader.get("/api/characters?count=true").json()["total"] == 1


def test_mine_lists_ones_own_whatever_their_visibility_newest_first(api, creator, write, publish, stranger, problem):
    publish("Public")
    write(name="Private")
    write(name="Unlisted", visibility="unlisted")
    assert names(api(creator).get("/api/characters?mine=true")) == ["Unlisted", "Private", "Public"]
    assert names(api(stranger).get("/api/characters?mine=true")) == []
    assert problem(api().get("/api/characters?mine=true")) == (401, "UNAUTHENTICATED")


def test_an_item_has_what_a_card_needs_and_no_long_texts(api, publish):
    made = publish(greeting="Hello", example_dialogue="…", system_prompt="Never tell.", tags=["sea"])
    (item,) = api().get("/api/characters").json()["items"]
    for name in ("system_prompt", "greeting", "example_dialogue"):
        assert name not in item
    assert item == {name: made[name] for name in item}


def test_filters_narrow_the_list(api, publish, creator, stranger):
    publish("Ada", gender="female", category="sci-fi", tags=["space", "logic"])
    publish("Bo", gender="male", category="comedy", tags=["space"])
    for query, found in {
        "gender=female": ["Ada"],
        "category=comedy": ["Bo"],
        "tags=space": ["Ada", "Bo"],
        "tags=space,logic": ["Ada"],
        "tags=SPACE, Logic ,": ["Ada"],
        "tags=space,nothing": [],
        "creator=olivia": ["Ada", "Bo"],
        "creator=OLIVIA": ["Ada", "Bo"],
        f"creator={creator.id}": ["Ada", "Bo"],
        f"creator={stranger.id}": [],
        "creator=nobody": [],
        "gender=male&tags=space&category=comedy&creator=olivia&search=bo": ["Bo"],
    }.items():
        assert sorted(names(api().get(f"/api/characters?{query}"))) == found, query
        total = api().get(f"/api/characters?{query}&count=true").json()["total"]
        assert total == len(found), query


# --- search -----------------------------------------------------------------------------------------------------------


def test_a_name_weighs_more_than_a_description(api, publish):
    publish("Keeper", description="A dragon sleeps under the lighthouse.")
    publish("Dragon of the Lighthouse", description="Old and kind.")
    publish("Nobody", description="Nothing of the kind.")
    assert names(api().get("/api/characters?search=dragon")) == ["Dragon of the Lighthouse", "Keeper"]


def test_words_are_found_in_their_other_forms_and_all_must_be_there(api, publish):
    publish("Rider", description="She rides dragons over frozen forests.")
    publish("Tamer", description="He tames dragons.")
    assert names(api().get("/api/characters?search=dragon riding")) == ["Rider"]
    assert sorted(names(api().get("/api/characters?search=DRAGON"))) == ["Rider", "Tamer"]
    assert names(api().get("/api/characters?search=dragon -tame")) == ["Rider"]
    assert names(api().get('/api/characters?search="frozen forest"')) == ["Rider"]
    assert sorted(names(api().get("/api/characters?search=forest or tamer"))) == ["Rider", "Tamer"]


def test_a_name_of_common_words_is_found(api, publish):
    publish("Will")
    publish("The Who")
    assert names(api().get("/api/characters?search=will")) == ["Will"]
    assert names(api().get("/api/characters?search=the who")) == ["The Who"]


def test_a_search_sees_an_edit_at_once(api, creator, publish):
    made = publish("Mira", description="A sailor.")
    assert names(api().get("/api/characters?search=sailor")) == ["Mira"]
    api(creator).patch(f"/api/characters/{made['id']}", {"description": "A baker."})
    assert names(api().get("/api/characters?search=sailor")) == []
    assert names(api().get("/api/characters?search=baker")) == ["Mira"]


def test_a_search_may_be_ordered_otherwise(api, crowd):
    crowd(5, description="dragon")
    assert names(api().get("/api/characters?search=dragon&order=popular")) == ["C0", "C1", "C2", "C3", "C4"]
    assert names(api().get("/api/characters?search=dragon&order=new")) == ["C0", "C1", "C2", "C3", "C4"]


def test_pages_of_a_search_are_complete(api, crowd):
    crowd(7, description="dragon")
    seen = all_pages(api(), "/api/characters?search=dragon&limit=2")
    assert sorted(seen) == [f"C{n}" for n in range(7)]


@pytest.mark.parametrize(
    "search",
    ["'", "''; DROP TABLE characters_character; --", "\\", "%", "%(search)s", "{}", "!!!", "&|!()<->:*", '"', "-",
     "the", "a:*", "☃", "𝔘𝔫𝔦", "or", "-or", "<script>", "\u202e", "x" * 200, "(" * 200, "! ! !"],
)  # fmt: skip
def test_any_text_may_be_searched_for(api, publish, search):
    publish()
    response = api().client.get("/api/characters", {"search": search, "count": "true"})
    assert response.status_code == 200, response.content
    assert Character.objects.count() == 1


# --- orders -----------------------------------------------------------------------------------------------------------


def test_popular_is_the_usual_order(api, crowd):
    crowd(5)
    expected = ["C0", "C1", "C2", "C3", "C4"]
    assert names(api().get("/api/characters")) == expected
    assert names(api().get("/api/characters?order=popular")) == expected


def test_new_is_by_debut_and_not_by_the_day_of_writing(api, creator, write):
    early, late = write(name="Early"), write(name="Late")
    for made in (late, early):
        api(creator).patch(f"/api/characters/{made['id']}", {"visibility": "public"})
    assert names(api().get("/api/characters?order=new")) == ["Early", "Late"]


def test_trending_counts_what_is_recent(api, crowd):
    old_star, rising = crowd(2)
    today = timezone.now().date()
    DailyActivity.objects.create(character=old_star, day=today - timedelta(days=10), likes=20)
    DailyActivity.objects.create(character=rising, day=today, likes=2, messages=5)
    refresh_scores()
    assert names(api().get("/api/characters?order=trending")) == ["C1", "C0"]
    assert names(api().get("/api/characters?order=popular")) == ["C0", "C1"]


def test_a_trend_ends(crowd):
    (once,) = crowd(1)
    activity = DailyActivity.objects.create(character=once, day=timezone.now().date(), messages=5)
    refresh_scores()
    once.refresh_from_db()
    assert once.trend == 5000
    DailyActivity.objects.filter(pk=activity.pk).update(day=timezone.now().date() - timedelta(days=14))
    refresh_scores()
    once.refresh_from_db()
    assert (once.trend, once.trend_previous) == (0, 5000)


def test_ones_own_can_be_ordered_too(api, creator, crowd):
    crowd(3)
    for order in ("popular", "trending", "new"):
        assert len(names(api(creator).get(f"/api/characters?mine=true&order={order}"))) == 3
    assert names(api(creator).get("/api/characters?mine=true&order=popular")) == ["C0", "C1", "C2"]


# --- pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["popular", "new", "trending"])
def test_pages_give_everybody_once(api, crowd, order):
    crowd(11)
    seen = all_pages(api(), f"/api/characters?order={order}&limit=3")
    assert sorted(seen, key=lambda name: int(name[1:])) == [f"C{n}" for n in range(11)]


def test_characters_of_the_same_score_are_each_given_once(api, crowd):
    crowd(9)
    Character.objects.update(popularity=5, popularity_previous=5)
    seen = all_pages(api(), "/api/characters?limit=2")
    assert len(seen) == len(set(seen)) == 9


def test_a_reader_in_the_middle_keeps_the_order_of_their_first_page(api, crowd, django_capture_on_commit_callbacks):
    crowd(10)

    def turn_everything_round():
        if turned:
            return
        turned.append(True)
        for number in range(10):
            Character.objects.filter(name=f"C{number}").update(likes_amount=number * 1000)
        with django_capture_on_commit_callbacks(execute=True):
            refresh_scores(everyone=True)

    turned = []
    seen = all_pages(api(), "/api/characters?limit=3", between=turn_everything_round)
    assert seen == [f"C{n}" for n in range(10)]
    assert names(api().get("/api/characters?limit=3")) == ["C9", "C8", "C7"]


def test_a_reader_two_refreshes_late_goes_on_in_the_present_order(api, crowd):
    made = crowd(6)
    page = api().get("/api/characters?limit=2").json()
    for step in (1, 2):
        for number, character in enumerate(made):
            Character.objects.filter(pk=character.pk).update(likes_amount=number * 1000 * step)
        refresh_scores(everyone=True)
    late = api().get(f"/api/characters?limit=10&cursor={page['next']}")
    assert late.status_code == 200
    assert names(late) == ["C0"]  # the only one whose score is still below that of the second of the old order


def test_who_comes_meanwhile_disturbs_no_page(api, crowd, publish):
    crowd(6)
    seen = all_pages(api(), "/api/characters?limit=2", between=lambda: publish("Newcomer"))
    assert [name for name in seen if name != "Newcomer"] == [f"C{n}" for n in range(6)]
    assert len([name for name in seen if name == "Newcomer"]) <= 3


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "1.5", "9" * 30, "１"])
def test_a_limit_out_of_bounds_is_an_error(api, problem, limit):
    assert problem(api().get(f"/api/characters?limit={limit}")) == (400, "VALIDATION_ERROR")


def cursor(*values):
    return base64.urlsafe_b64encode(json.dumps(values).encode()).rstrip(b"=").decode()


SOMEBODY = "01890000-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    "forged",
    [
        "x",
        "%00",
        "====",
        "a" * 10_000,
        cursor(),
        cursor("popular", 1, 2),
        cursor("new", 1, 2, SOMEBODY),
        cursor("popular", "1", 2, SOMEBODY),
        cursor("popular", 1, "2", SOMEBODY),
        cursor("popular", 1, 2, "x"),
        cursor("popular", 1, 2, None),
        cursor("popular", True, 2, SOMEBODY),
        cursor("popular", 1, 2.5, SOMEBODY),
        cursor("popular", 2**63, 2, SOMEBODY),
        cursor("popular", 1, -(2**63) - 1, SOMEBODY),
        cursor("popular", 1, [2], SOMEBODY),
        cursor(["popular"], 1, 2, SOMEBODY),
        cursor("popular", 1, 2, "'; DROP TABLE characters_character; --"),
    ],
)
def test_a_forged_cursor_is_an_error(api, problem, forged):
    response = api().get(f"/api/characters?order=popular&cursor={forged}")
    assert problem(response) == (400, "VALIDATION_ERROR")
    assert set(response.json()["errors"]) == {"cursor"}


@pytest.mark.parametrize("position", ["x", "2026-01-01", "2026-01-01T00:00:00", "9" * 50, 7, None, "0001-01-01T00:00Z"])
def test_a_forged_time_is_an_error_or_an_empty_page(api, position):
    response = api().get(f"/api/characters?order=new&cursor={cursor('new', 0, position, SOMEBODY)}")
    assert response.status_code in (200, 400)


@pytest.mark.parametrize("position", [1e308, -1e308, 5e-324, 0, -7, "1", True])
def test_a_forged_rank_is_an_error_or_a_page(api, position):
    forged = cursor("relevance", 0, position, SOMEBODY)
    assert api().get(f"/api/characters?search=x&cursor={forged}").status_code in (200, 400)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("order=oldest", "order"),
        ("order=changed", "order"),
        ("order=relevance", "order"),
        ("order=relevance&search=%20", "order"),
        ("gender=x", "gender"),
        ("gender=%00", "gender"),
        ("category=x", "category"),
        ("search=" + "x" * 201, "search"),
        ("search=a%00b", "search"),
        ("tags=a%00b", "tags"),
        ("tags=" + "x" * 41, "tags"),
        ("tags=" + ",".join(f"t{n}" for n in range(21)), "tags"),
        ("creator=" + "x" * 65, "creator"),
        ("creator=a%00b", "creator"),
    ],
)
def test_a_filter_that_makes_no_sense_is_named(api, problem, query, field):
    response = api().get(f"/api/characters?{query}")
    assert problem(response) == (400, "VALIDATION_ERROR")
    assert set(response.json()["errors"]) == {field}


# --- scores -----------------------------------------------------------------------------------------------------------


def test_a_refresh_writes_only_what_moved(crowd):
    made = crowd(5)
    assert refresh_scores() == 0
    generation = ScoreGeneration.objects.get().number
    DailyActivity.objects.create(character=made[2], day=timezone.now().date(), messages=1)
    assert refresh_scores() == 1
    assert ScoreGeneration.objects.get().number == generation + 1
    assert refresh_scores() == 1, "its previous score catches up"
    assert refresh_scores() == 0
    assert ScoreGeneration.objects.get().number == generation + 2


def test_a_refresh_finds_who_was_liked_without_looking_at_everybody(api, publish, stranger, row):
    made = publish()
    api(stranger).post(f"/api/characters/{made['id']}/like")
    fold_counters()
    assert refresh_scores() == 1
    assert (row(made).popularity, row(made).trend) == (10, 10_000)


# --- cost -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [3, 30])
def test_a_list_costs_the_same_queries_however_long(api, stranger, crowd, queries, amount):
    made = crowd(amount)
    api(stranger).post(f"/api/characters/{made[0].pk}/like")
    api(stranger).get("/api/characters?limit=1")  # whom they don't meet is remembered from here on
    with queries() as anonymous:
        api().get("/api/characters?limit=100")
    with queries() as signed_in:
        api(stranger).get("/api/characters?limit=100")
    with queries() as counted:
        api().get("/api/characters?limit=99&count=true")
    with queries() as own:
        api(stranger).get("/api/characters?limit=100&mine=true")
    assert [len(asked) for asked in (anonymous, signed_in, counted, own)] == [1, 1, 2, 2]


def test_public_lists_are_read_from_the_replica_where_there_is_one(api, creator, publish, monkeypatch):
    publish()
    asked = []

    def note(fetch):
        return lambda sql, params, using: (asked.append(using), fetch(sql, params))[1]

    monkeypatch.setitem(connections.databases, "replica", connections.databases["default"])
    monkeypatch.setattr("characters.discovery.fetch_all", note(discovery.fetch_all))
    monkeypatch.setattr("characters.discovery.fetch_one", note(discovery.fetch_one))
    assert api().get("/api/characters?count=true").json()["total"] == 1
    assert asked == ["replica", "replica"]
    assert len(api(creator).get("/api/characters?mine=true").json()["items"]) == 1
    assert asked[2:] == ["default"], "one's own must not be behind"

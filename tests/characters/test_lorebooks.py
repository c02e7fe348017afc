"""Lorebooks: what the card format knows is checked, and what it does not know survives."""

import pytest

from characters.models import Lorebook

pytestmark = pytest.mark.django_db

ENTRY = {"keys": ["lamp"], "content": "The lamp never goes out."}


@pytest.fixture
def path(write):
    return f"/api/characters/{write()['id']}/lorebook"


def test_a_character_without_a_book_has_an_empty_one(api, creator, path):
    assert api(creator).get(path).json() == {"entries": [], "extensions": {}}


def test_what_the_format_demands_is_filled_in(api, creator, path):
    response = api(creator).put(path, {"entries": [ENTRY, ENTRY]})
    assert response.status_code == 200
    assert response.json()["entries"][1] == ENTRY | {
        "extensions": {}, "enabled": True, "insertion_order": 1, "use_regex": False,
    }  # fmt: skip
    assert api(creator).get(path).json() == response.json()


def test_keys_that_nobody_knows_survive(api, creator, path):
    document = {
        "name": "Lore", "description": None, "scan_depth": 4, "token_budget": 512.5, "recursive_scanning": True,
        "extensions": {"x/keep": [1, {"a": None}]}, "another_program": {"deep": {"er": True}},
        "entries": [ENTRY | {
            "extensions": {"position": 4, "depth": 2}, "enabled": False, "insertion_order": -3, "use_regex": True,
            "case_sensitive": None, "constant": True, "name": "Lamp", "priority": 10, "id": "a", "comment": "",
            "selective": True, "secondary_keys": ["oil"], "position": "after_char", "probability": 70,
        }],
    }  # fmt: skip
    assert api(creator).put(path, document).json() == document
    assert api(creator).get(path).json() == document


def test_the_whole_book_is_replaced(api, creator, path):
    api(creator).put(path, {"name": "Old", "entries": [ENTRY]})
    api(creator).put(path, {"entries": []})
    assert api(creator).get(path).json() == {"entries": [], "extensions": {}}
    assert Lorebook.objects.count() == 1


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({}, "entries"),
        ({"entries": None}, "entries"),
        ({"entries": {"0": ENTRY}}, "entries"),
        ({"entries": [ENTRY] * 1001}, "entries"),
        ({"entries": [], "name": 7}, "name"),
        ({"entries": [], "name": "x" * 20_001}, "name"),
        ({"entries": [], "scan_depth": "4"}, "scan_depth"),
        ({"entries": [], "scan_depth": True}, "scan_depth"),
        ({"entries": [], "recursive_scanning": 1}, "recursive_scanning"),
        ({"entries": [], "extensions": []}, "extensions"),
        ({"entries": [], "extensions": None}, "extensions"),
        ({"entries": ["x"]}, "entries.0"),
        ({"entries": [ENTRY, {"keys": "lamp"}]}, "entries.1.keys"),
        ({"entries": [{"keys": [1]}]}, "entries.0.keys"),
        ({"entries": [{"keys": None}]}, "entries.0.keys"),
        ({"entries": [{"keys": ["x"] * 101}]}, "entries.0.keys"),
        ({"entries": [{"secondary_keys": "x"}]}, "entries.0.secondary_keys"),
        ({"entries": [{"content": None}]}, "entries.0.content"),
        ({"entries": [{"content": "x" * 20_001}]}, "entries.0.content"),
        ({"entries": [{"enabled": "yes"}]}, "entries.0.enabled"),
        ({"entries": [{"insertion_order": "1"}]}, "entries.0.insertion_order"),
        ({"entries": [{"id": []}]}, "entries.0.id"),
        ({"entries": [{"position": "elsewhere"}]}, "entries.0.position"),
        ({"entries": [{"position": []}]}, "entries.0.position"),
        ({"entries": [], "x": "a\x00b"}, "__all__"),
        ({"entries": [], "a\x00b": 1}, "__all__"),
        ({"entries": [{"content": "a\x00b"}]}, "__all__"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_kept(api, creator, path, problem, document, field):
    api(creator).put(path, {"name": "Before", "entries": []})
    response = api(creator).put(path, document)
    assert problem(response) == (400, "VALIDATION_ERROR")
    assert set(response.json()["errors"]) == {field}
    assert api(creator).get(path).json()["name"] == "Before"


@pytest.mark.parametrize("levels", [60, 500, 1000])
def test_endless_nesting_is_an_error(api, creator, path, problem, levels):
    deep = '{"entries": [], "x": ' + "[" * levels + "]" * levels + "}"
    response = api(creator).client.put(path, deep, content_type="application/json")
    assert problem(response) == (400, "VALIDATION_ERROR")


def test_a_book_is_read_by_others_only_where_the_character_is_downloadable(api, creator, publish, stranger, problem):
    closed = f"/api/characters/{publish()['id']}/lorebook"
    opened = f"/api/characters/{publish(downloadable=True)['id']}/lorebook"
    for path in (closed, opened):
        api(creator).put(path, {"entries": [ENTRY]})
    for reader in (api(stranger), api()):
        assert problem(reader.get(closed)) == (404, "NOT_FOUND")
        assert reader.get(opened).json()["entries"][0]["content"] == ENTRY["content"]
    assert problem(api(stranger).put(opened, {"entries": []})) == (404, "NOT_FOUND")
    assert problem(api().put(opened, {"entries": []})) == (401, "UNAUTHENTICATED")
    assert len(api(creator).get(opened).json()["entries"]) == 1

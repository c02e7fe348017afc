"""Every error is a problem document with a stable code, or a page for people."""

import pytest

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "path", ["/api/nothing", "/api/characters/not-an-id", "/api/conversations/1/messages", "/v1/nope"]
)
def test_an_unknown_address_of_the_api_is_a_problem(api, path, problem):
    assert problem(api().get(path)) == (404, "NOT_FOUND")


def test_an_unknown_page_is_a_page(api):
    response = api().get("/nowhere")
    assert response.status_code == 404
    assert response.headers["Content-Type"].startswith("text/html")


def test_a_wrong_method_is_named(api, owner, problem):
    assert problem(api(owner).put("/api/conversations", {})) == (405, "METHOD_NOT_ALLOWED")


def test_what_is_not_json_is_refused(api, owner, problem):
    client = api(owner).client
    broken = client.post("/api/conversations", "{", content_type="application/json")
    assert problem(broken) == (400, "VALIDATION_ERROR")
    assert problem(client.post("/api/conversations", "[1]", content_type="application/json")) == (
        400,
        "VALIDATION_ERROR",
    )
    assert problem(client.post("/api/conversations", "a=b", content_type="text/plain")) == (
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    )
    form = client.post("/api/conversations", {"character": "x"})
    assert problem(form) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_an_answer_in_another_form_is_not_offered(api, owner, problem):
    assert problem(api(owner).get("/api/conversations", Accept="image/png")) == (406, "NOT_ACCEPTABLE")


def test_deeply_nested_json_is_refused_not_fatal(api, owner, problem):
    client = api(owner).client
    deep = "[" * 100_000 + "]" * 100_000
    response = client.post("/api/conversations", '{"title": ' + deep + "}", content_type="application/json")
    assert problem(response) == (400, "VALIDATION_ERROR")


def test_a_body_over_a_megabyte_is_too_large(api, owner, problem):
    response = api(owner).post("/api/conversations", {"title": "x" * 1_200_000})
    assert problem(response) == (413, "PAYLOAD_TOO_LARGE")


def test_the_callers_request_id_is_kept_if_it_is_well_formed(api):
    assert api().get("/health/live", **{"X-Request-ID": "abcd-1234"}).headers["X-Request-ID"] == "abcd-1234"
    for strange in ("x", "a b c d e f g h", "ä" * 10, "x" * 65):
        assert api().get("/health/live", **{"X-Request-ID": strange}).headers["X-Request-ID"] != strange


def test_a_surprise_says_nothing_but_its_request_id(api, owner, problem, monkeypatch):
    from chat import selectors

    def explode(*_, **__):
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(selectors, "conversations_of", explode)
    caller = api(owner)
    caller.client.raise_request_exception = False
    response = caller.get("/api/conversations")
    assert problem(response) == (500, "SERVER_ERROR")
    assert b"secret" not in response.content
    assert response.json()["request_id"] == response.headers["X-Request-ID"]

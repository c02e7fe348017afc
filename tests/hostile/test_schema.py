"""The OpenAPI document keeps its word: schemathesis makes requests from it and holds every answer against it.

Each request is undone, so all of them meet the same things of the owner's. `--examples 500` looks longer than usual.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from django.core.management import call_command
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi import checks

from tests.hostile import doors
from tests.hostile.conftest import CODES, Trying

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unlimited")]

CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture
def schema(application: Any) -> Any:
    return schemathesis.openapi.from_wsgi("/api/schema?format=json", application)


@pytest.fixture
def examples(request: pytest.FixtureRequest) -> int:
    return request.config.getoption("--examples")


def operations(schema: Any) -> Iterator[Any]:
    for result in schema.get_all_operations():
        yield result.ok()


def attempt(operation: Any, mode: GenerationMode, examples: int, send: Callable[[Case, int], None]) -> None:
    """`send(case, luck)` for so many cases, the same ones every time."""

    @seed(1)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), luck=st.sampled_from([0, 1, 2, 2, 3, 3]))
    def run(case: Case, luck: int) -> None:
        send(case, luck)

    run()


def has_input(operation: Any) -> bool:
    """Whether there is anything that a request could get wrong."""
    raw = operation.definition.raw
    return bool(raw.get("parameters") or raw.get("requestBody") or any(raw.get("security", [])))


def be_lucky(case: Case, luck: int, things: dict[str, Any]) -> None:
    """What chance alone would hardly find: real ids from 1 on, no cursor from 2 on, and at 3 a character's message."""
    if luck == 0:
        return
    if luck > 1:
        case.query.pop("cursor", None)
        case.headers.pop("Idempotency-Key", None)
    if luck == 3:
        things = things | {"message": things["written"]}
    for name in case.path_parameters or {}:
        if (thing := name.removesuffix("_id")) in things:
            case.path_parameters[name] = str(things[thing])
    for part in (case.body, case.query):
        if isinstance(part, dict):
            part.update({name: str(things[name]) for name in part.keys() & things.keys()})


def judge(case: Case, headers: dict[str, str], checks: list[Any]) -> None:
    response = case.call(headers=headers)
    case.validate_response(response, checks=checks)
    if response.status_code >= 400:
        assert response.status_code in CODES, response.status_code
        assert response.headers["content-type"] == ["application/problem+json"]
        assert response.json()["code"] in CODES[response.status_code]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("who", ["owner", "stranger", None])
def test_every_answer_is_as_the_document_says(
    who: str | None,
    mode: GenerationMode,
    schema: Any,
    things: dict[str, Any],
    examples: int,
    request: pytest.FixtureRequest,
    trying: Trying,
) -> None:
    headers = request.getfixturevalue(who).headers if who else {}
    few = examples if who == "owner" else max(examples // 4, 2)

    def send(case: Case, luck: int) -> None:
        with transaction.atomic():
            be_lucky(case, luck, things)
            # what was put right by hand may no longer be what the library takes it for
            judge(case, headers, [*CHECKS, checks.negative_data_rejection] if luck == 0 else CHECKS)
            transaction.set_rollback(True)

    for operation in operations(schema):
        if mode is GenerationMode.NEGATIVE and not has_input(operation):
            continue
        with trying(operation.label):
            attempt(operation, mode, few, send)


def test_the_document_is_valid_and_names_everything_once() -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", "/dev/null")
    ids = [operation["operationId"] for _, _, operation in documented()]
    assert len(ids) == len(set(ids))


NO_IDS = {"token", "username", "target_type", "purpose", "provider", "intent_id"}


def test_every_door_is_in_the_document_and_every_id_is_a_uuid() -> None:
    known = {(method, route) for route, method, _ in documented()}
    assert {(door.method, door.route) for door in doors.api_doors()} - known == {
        ("get", "/api/schema"),
        ("get", "/api/docs"),
    }
    for route, method, operation in documented():
        parts = [part for part in operation.get("parameters", []) if part["in"] == "path"]
        assert {part["name"] for part in parts} == set(doors.Door(method, route, None).names)
        ids = [part["schema"] for part in parts if "enum" not in part["schema"] and part["name"] not in NO_IDS]
        assert all(schema.get("format") == "uuid" for schema in ids), route


def test_every_error_is_told_as_a_problem() -> None:
    for route, _, operation in documented():
        content = operation["responses"]["default"]["content"]
        assert content.keys() == {"application/problem+json"}, route


def documented() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for route, methods in doors.document()["paths"].items():
        for method, operation in methods.items():
            if method in doors.METHODS:
                yield route, method, operation

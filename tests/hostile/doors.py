"""Every door of the site, found by walking the URL conf, so that a new endpoint is tried by itself.

A door is one method of one address. What to knock with comes from the OpenAPI document: its query parameters, and a
body that would be right.
"""

import functools
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from tests.people import PASSWORD

METHODS = ("get", "post", "put", "patch", "delete")
CONVERTER = re.compile(r"<(?:\w+:)?(\w+)>")
NOT_OURS = ("admin/",)  # Django's and unfold's own; tests/accounts/test_admin.py and test_secrets.py look at them


@dataclass(frozen=True)
class Door:
    """`route` is the OpenAPI document's: `/api/characters/{character_id}`."""

    method: str
    route: str
    view: Any

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.route}"

    @property
    def names(self) -> list[str]:
        """The ids in the address."""
        return re.findall(r"{(\w+)}", self.route)

    @property
    def operation(self) -> dict[str, Any]:
        return document()["paths"].get(self.route, {}).get(self.method, {})

    @property
    def body_schema(self) -> dict[str, Any] | None:
        content = self.operation.get("requestBody", {}).get("content", {})
        return resolved(content["application/json"]["schema"]) if "application/json" in content else None

    @property
    def query(self) -> list[str]:
        return [part["name"] for part in self.operation.get("parameters", []) if part["in"] == "query"]

    def body(self, things: Mapping[str, Any]) -> dict[str, Any]:
        """A body that is right; `things["bodies"]` knows what a schema can't tell of a route."""
        assert self.body_schema
        return example(self.body_schema, things) | things.get("bodies", {}).get(self.route, {})

    def path(self, things: Mapping[str, Any]) -> str:
        """The address with these ids; one that is not among them is nobody's."""
        return re.sub(r"{(\w+)}", lambda match: str(things.get(match[1].removesuffix("_id"), uuid.uuid4())), self.route)


def api_doors(*methods: str) -> list[Door]:
    """The doors of REST views."""
    return [door for door in _all() if hasattr(door.view, "cls") and door.method in (methods or METHODS)]


def pages() -> list[str]:
    """The addresses of pages and of the plain views beside the API."""
    return [door.route for door in _all() if not hasattr(door.view, "cls")]


@functools.cache
def _all() -> tuple[Door, ...]:
    return tuple(_walk("/", get_resolver().url_patterns))


def _walk(prefix: str, patterns: list[URLPattern | URLResolver]) -> Iterator[Door]:
    for pattern in patterns:
        route = prefix + CONVERTER.sub(r"{\1}", str(pattern.pattern))
        if route.removeprefix("/").startswith(NOT_OURS):
            continue
        if isinstance(pattern, URLResolver):
            yield from _walk(route, pattern.url_patterns)
        elif view_class := getattr(pattern.callback, "cls", None):
            yield from (Door(method, route, pattern.callback) for method in METHODS if hasattr(view_class, method))
        else:
            yield Door("get", route, pattern.callback)


@functools.cache
def document() -> dict[str, Any]:
    """The OpenAPI document as callers get it."""
    import orjson
    from drf_spectacular.generators import SchemaGenerator

    from common.rendering import to_json

    return orjson.loads(to_json(SchemaGenerator().get_schema(request=None, public=True)))


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    if "allOf" in schema and len(schema["allOf"]) == 1:
        return resolved(schema["allOf"][0]) | {name: value for name, value in schema.items() if name != "allOf"}
    return schema


# What a schema alone does not tell.
KNOWN: dict[str, Any] = {
    "email": "somebody.new@troupe.example",
    "password": PASSWORD,
    "username": "somebody-new",
    "amount": "0.5",
    "reference": {"type": "test", "id": "1"},
    "model": "local/local",
    "title": "A title",
    "avatar": None,  # another is uploaded
    "budget": "5",
    "limit": "5",
    "locale": "de",
    "timezone": "Europe/Berlin",
}


def example(schema: dict[str, Any], things: Mapping[str, Any], name: str = "") -> Any:
    """A value that fits; ids are those of `things` with the field's name."""
    schema = resolved(schema)
    if name in KNOWN:
        return KNOWN[name]
    if name in things:
        return str(things[name])
    for choice in schema.get("oneOf") or schema.get("anyOf") or ():
        return example(choice, things, name)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {key: example(part, things, key) for key, part in schema.get("properties", {}).items()}
    if kind == "array":
        return [example(schema["items"], things)]
    if kind in ("integer", "number"):
        return schema.get("minimum", 1)
    if kind == "boolean":
        return True
    return _text(schema)


def _text(schema: dict[str, Any]) -> str:
    formats = {"uuid": str(uuid.uuid4()), "email": KNOWN["email"], "date-time": "2031-05-04T10:00:00Z"}
    return formats.get(schema.get("format", ""), "word" * max(schema.get("minLength", 1), 1))[: schema.get("maxLength")]

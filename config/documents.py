"""The three documents that are made from the code: OpenAPI, the API as Markdown, and llms.txt."""

from collections.abc import Iterator
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer

METHODS = ("get", "post", "put", "patch", "delete")


def openapi() -> dict[str, Any]:
    return SchemaGenerator().get_schema(request=None, public=True)


def openapi_yaml() -> str:
    return OpenApiYamlRenderer().render(openapi(), renderer_context={}).decode()


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in sorted(schema["paths"].items()):
        for method in METHODS:
            if method in methods:
                yield method.upper(), path, methods[method]


def api_markdown() -> str:
    """The API as one Markdown page: each operation with its parameters, body and answers."""
    schema = openapi()
    lines = ["# The API", "", schema["info"]["description"], ""]
    tag = None
    for method, path, operation in sorted(operations(schema), key=lambda one: (one[2]["tags"][0], one[1])):
        if operation["tags"][0] != tag:
            tag = operation["tags"][0]
            lines += [f"## {tag}", ""]
        lines += [f"### {method} {path}", ""]
        if operation.get("description"):
            lines += [operation["description"].strip(), ""]
        lines += _parameters(operation)
        lines += _body(schema, operation)
        lines += _answers(schema, operation)
    lines += _shapes(schema)
    return "\n".join(lines).rstrip() + "\n"


def _shapes(schema: dict[str, Any]) -> list[str]:
    """What the operations above name without saying what is in it."""
    lines = ["## Shapes", ""]
    bodies = {_name_of(_body_shape(operation)) for _, _, operation in operations(schema)}  # stand with their operation
    for name, shape in sorted(schema["components"]["schemas"].items()):
        if name in bodies or name == "NullEnum":
            continue
        values = [f"- one of {', '.join(f'`{value}`' for value in shape['enum'])}"] if "enum" in shape else []
        lines += [f"### {name}", "", *(values or _fields(schema, shape)), ""]
    return lines


def _parameters(operation: dict[str, Any]) -> list[str]:
    rows = [
        f"| `{one['name']}` | {one['in']} | {one.get('description', '')} |" for one in operation.get("parameters", [])
    ]
    return ["| parameter | in | |", "|---|---|---|", *rows, ""] if rows else []


def _body(schema: dict[str, Any], operation: dict[str, Any]) -> list[str]:
    shape = _body_shape(operation)
    return ["Body:", "", *_fields(schema, shape), ""] if shape else []


def _body_shape(operation: dict[str, Any]) -> dict[str, Any]:
    """The shape of the body, which is JSON wherever there is one; empty where there is none."""
    return operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})


def _answers(schema: dict[str, Any], operation: dict[str, Any]) -> list[str]:
    lines = []
    for status, answer in operation["responses"].items():
        if status == "default":
            continue
        shape = next((body.get("schema") for body in answer.get("content", {}).values()), None)
        lines += [f"Answer {status}:", "", *_fields(schema, shape), ""] if shape else [f"Answer {status}, empty.", ""]
    return lines


def _fields(schema: dict[str, Any], shape: dict[str, Any]) -> list[str]:
    shape = _resolve(schema, shape)
    required = shape.get("required", [])
    return [
        f"- `{name}`: {_type(schema, part)}{'' if name in required else ', optional'}"
        + (f". {part['description']}" if part.get("description") else "")
        for name, part in shape.get("properties", {}).items()
    ] or [f"- {_type(schema, shape)}"]


def _type(schema: dict[str, Any], part: dict[str, Any]) -> str:
    if name := _name_of(part):
        return "null" if name == "NullEnum" else f"[{name}](#{name.lower()})"
    if "allOf" in part or "oneOf" in part or "anyOf" in part:
        options = part.get("allOf") or part.get("oneOf") or part.get("anyOf") or []
        return " or ".join(_type(schema, option) for option in options)
    if part.get("type") == "array":
        return f"list of {_type(schema, part.get('items', {}))}"
    kind = part.get("type", "any")
    return " or ".join(kind) if isinstance(kind, list) else str(part.get("format") or kind)


def _resolve(schema: dict[str, Any], shape: dict[str, Any]) -> dict[str, Any]:
    while name := _name_of(shape):
        shape = schema["components"]["schemas"][name]
    return shape


def _name_of(shape: dict[str, Any]) -> str:
    """The name of the component that is referred to, or nothing."""
    return shape.get("$ref", "").rsplit("/", 1)[-1]


def llms_txt() -> str:
    """A short map of the API for language models (llmstxt.org)."""
    schema = openapi()
    lines = [
        "# Troupe",
        "",
        "> AI characters, their creators and their audiences: a REST API under /api, one WebSocket at /ws/.",
        "",
        "Errors are application/problem+json with a stable `code`. Lists are `{items, next}`; pass `next` as `cursor`.",
        "Sign in with `Authorization: Bearer <access>` from POST /api/auth/login.",
        "",
        "## Operations",
        "",
    ]
    for method, path, operation in operations(schema):
        summary = (operation.get("description") or operation["operationId"].replace("_", " ")).strip().split("\n")[0]
        lines.append(f"- {method} {path}: {summary}")
    return "\n".join(lines) + "\n"

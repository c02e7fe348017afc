"""What the OpenAPI document says of every operation: the tag of its path, the limits' headers, the problem document."""

import inspect
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

from common.api import InputSerializer, TroupeView
from common.pagination import DEFAULT_LIMIT, MAX_LIMIT

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
        "retry_after": {"type": "integer"},
        "bucket": {"type": "string"},
        "current_count": {"type": "integer"},
        "max_allowed": {"type": "integer"},
        "remaining_credits": {"type": "string"},
        "required_credits": {"type": "string"},
        "budget": {
            "type": "object",
            "required": ["id", "scope", "period", "limit", "spent"],
            "properties": {name: {"type": "string"} for name in ("id", "scope", "period", "limit", "spent")},
        },
        "resets_at": {"type": "string", "format": "date-time"},
        "used_bytes": {"type": "integer"},
        "quota_bytes": {"type": "integer"},
        "upgrade_url": {"type": "string"},
    },
}
PAGE = [
    OpenApiParameter("cursor", str, description="`next` of the page before."),
    OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}),
    OpenApiParameter("count", bool, description="`true` adds `total`."),
]
METHODS = {"get", "post", "put", "patch", "delete"}


class ContractSchema(AutoSchema):
    """One tag a folder of the path, and `Idempotency-Key` where it is honoured."""

    def get_tags(self) -> list[str]:
        parts = [part for part in self.path.split("/") if part and not part.startswith("{")]
        return [parts[1] if len(parts) > 1 else parts[0]]

    def get_description(self) -> str:  # type: ignore[override]
        """What the method says of itself, or its class; not what a base class tells programmers."""
        own = getattr(self.view, self.method.lower(), None)
        return inspect.cleandoc((own and own.__doc__) or type(self.view).__dict__.get("__doc__") or "")

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> dict[str, Any]:
        if not isinstance(serializer, InputSerializer):
            return super()._map_basic_serializer(serializer, direction)
        # what may be left out is for the class to say: a PATCH alone makes nothing optional here
        schema: dict[str, Any] = super()._map_basic_serializer(type(serializer)(), direction)
        return schema | {"additionalProperties": False}

    def get_override_parameters(self) -> list[Any]:
        parameters = list(super().get_override_parameters())
        view = self.view
        if self.method == "POST" and isinstance(view, TroupeView) and view.idempotent:
            parameters.append(
                OpenApiParameter(
                    "Idempotency-Key",
                    str,
                    OpenApiParameter.HEADER,
                    description="the same key and body give the first answer again for 24 hours",
                )
            )
        return parameters


def add_problem_responses(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Every operation may answer with a problem document."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    answer = {
        "description": "What went wrong, as a problem document",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for operations in result.get("paths", {}).values():
        for method, operation in operations.items():
            if method in METHODS:
                operation["responses"]["default"] = answer
    return result

"""Keyset pages: `{"items": […], "next": "<cursor>" | null}`, the same cost on page one and page ten thousand."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from rest_framework.request import Request

from common.errors import ValidationProblem
from common.rendering import to_json

DEFAULT_LIMIT, MAX_LIMIT = 20, 100


@dataclass(frozen=True)
class Page:
    """One page: its rows (already rendered), the cursor of the next one, and how many there are where asked for."""

    items: list[Any]
    next: str | None
    total: int | None = None

    def data(self) -> dict[str, Any]:
        body: dict[str, Any] = {"items": self.items, "next": self.next}
        return body if self.total is None else body | {"total": self.total}


def read_limit(request: Request, default: int = DEFAULT_LIMIT) -> int:
    """`?limit=`, 1 to 100. Raises ValidationProblem."""
    text = request.query_params.get("limit")
    if text is None or text == "":
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 4 or not 1 <= int(text) <= MAX_LIMIT:
        raise ValidationProblem(errors={"limit": [f"Give a whole number from 1 to {MAX_LIMIT}."]})
    return int(text)


def read_flag(request: Request, name: str) -> bool:
    """`?name=true` or `false`, the default. Raises ValidationProblem."""
    text = request.query_params.get(name, "").lower()
    if text not in {"true", "false", ""}:
        raise ValidationProblem(errors={name: ["Give true or false."]})
    return text == "true"


def wants_total(request: Request) -> bool:
    """`?count=true`. Raises ValidationProblem."""
    return read_flag(request, "count")


def encode_cursor(values: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(to_json(list(values))).rstrip(b"=").decode()


def decode_cursor(cursor: str, length: int) -> list[Any]:
    """The values of a cursor of ours. Raises ValidationProblem for anything else."""
    try:
        values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error) as error:
        raise bad_cursor() from error
    if not isinstance(values, list) or len(values) != length:
        raise bad_cursor()
    return values


def read_moment(value: Any) -> datetime:
    """A time of a cursor, in UTC: Python knows offsets that PostgreSQL does not. Raises ValidationProblem."""
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise bad_cursor()
        return moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as error:
        raise bad_cursor() from error


def bad_cursor() -> ValidationProblem:
    return ValidationProblem(errors={"cursor": ["This cursor is not one of ours."]})


def page_by_id(
    queryset: QuerySet[Any], request: Request, render: Callable[[Any], Any], *, default_limit: int = DEFAULT_LIMIT
) -> Page:
    """Newest first: UUIDv7 keys sort by time, so the key alone is the cursor. Raises ValidationProblem."""
    limit, count = read_limit(request, default_limit), wants_total(request)
    return page_before(request.query_params.get("cursor"), queryset, render, limit=limit, count=count)


def page_before(
    cursor: str | None, queryset: QuerySet[Any], render: Callable[[Any], Any], *, limit: int, count: bool = False
) -> Page:
    """As `page_by_id`, without a request of the API. Raises ValidationProblem for a cursor that is not ours."""
    total = queryset.count() if count else None
    if cursor:
        (last_id,) = decode_cursor(cursor, 1)
        if not isinstance(last_id, str):
            raise bad_cursor()
        try:
            queryset = queryset.filter(pk__lt=queryset.model._meta.pk.to_python(last_id))
        except ValidationError as error:
            raise bad_cursor() from error
    rows = list(queryset.order_by("-pk")[: limit + 1])
    more = len(rows) > limit
    rows = rows[:limit]
    return Page([render(row) for row in rows], encode_cursor([rows[-1].pk]) if more else None, total)

"""JSON in and out through orjson; Decimals are the contract's strings, times are ISO 8601 in UTC with `Z`."""

import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import IO, Any

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpResponse
from django.utils.functional import Promise
from rest_framework.exceptions import ParseError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

DEEPEST = 64  # levels of a body; orjson reads 1024 and writes 254
OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC | orjson.OPT_NON_STR_KEYS


def credits_string(value: Decimal) -> str:
    """`Decimal("20.0000000")` is `"20"`: no trailing zeros, no exponent."""
    text = f"{value:f}"
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def _default(value: Any) -> Any:
    if isinstance(value, Decimal):
        return credits_string(value)
    if isinstance(value, (Promise, uuid.UUID)):
        return str(value)
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    if isinstance(value, dict):
        return dict(value)
    if isinstance(value, bytes):
        return value.decode()
    raise TypeError(f"{type(value).__name__} is not JSON")


def to_json(value: Any) -> bytes:
    """The one encoder of the project: answers, frames, cached bytes."""
    return orjson.dumps(value, default=_default, option=OPTIONS)


def to_readable_json(value: Any) -> bytes:
    """The same over several lines, for people."""
    return orjson.dumps(value, default=_default, option=OPTIONS | orjson.OPT_INDENT_2)


class Response(HttpResponse):
    """An answer in JSON. DRF's own is made for templates and a choice of renderers, which costs more than a query."""

    def __init__(self, data: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(to_json(data), content_type="application/json", status=status, headers=headers)


class ORJSONRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else to_json(data)


class PlainNegotiation(DefaultContentNegotiation):
    """JSON at once for who plainly takes it, which is nearly everybody; other wishes are weighed by the library."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: str | None = None) -> Any:
        accept, (first, *others) = request.META.get("HTTP_ACCEPT", "*/*"), renderers
        if not others and ";" not in accept and ("*/*" in accept or first.media_type in accept):
            return first, first.media_type
        return super().select_renderer(request, renderers, format_suffix)


class ORJSONParser(BaseParser):
    """`most` bytes a body may have; by default the site's limit."""

    media_type = "application/json"
    most: int | None = None

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        limit = self.most or settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)  # Django's own check is in `request.body`, which DRF never reads
        if len(body) > limit:
            raise RequestDataTooBig
        try:
            data = orjson.loads(body)
        except ValueError as error:
            raise ParseError("The body is not valid JSON.") from error
        if not isinstance(data, dict):
            raise ParseError("The body must be a JSON object.")
        if is_deeper(data, DEEPEST):
            raise ParseError(f"The body has more than {DEEPEST} levels.")
        return data


def is_deeper(value: Any, levels: int) -> bool:
    """Whether it is nested deeper than that: what walks through it later must not run out of stack."""
    if not isinstance(value, (dict, list)):
        return False
    parts = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(is_deeper(part, levels - 1) for part in parts)

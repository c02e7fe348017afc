"""Checks parameters as Stripe does, by the types of its own library: unknown, missing, of the wrong kind."""

import functools
import sys
import types
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl

from stripe import RequestOptions
from stripe._stripe_object import UntypedStripeObject


class Refused(Exception):  # noqa: N818
    """`status`, and what stands in the error's envelope."""

    def __init__(self, status: int, message: str, *, kind: str = "invalid_request_error", **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.envelope = {"error": {"type": kind, "message": message, **more}}


def parsed(text: str) -> dict[str, Any]:
    """`a[b][0][c]=1` as `{"a": {"b": [{"c": "1"}]}}`."""
    root: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        place = root
        *path, last = name.replace("]", "").split("[")
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return {name: _lists(value) for name, value in root.items()}


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(name.isdecimal() for name in value):
        return [_lists(value[name]) for name in sorted(value, key=int)]
    return {name: _lists(inner) for name, inner in value.items()}


def checked(given: dict[str, Any], shape: Any) -> dict[str, Any]:
    """The parameters as Python values: `shape` is a TypedDict of `stripe.params`."""
    result: dict[str, Any] = _typed(given, shape, "")
    return result


@functools.cache
def _hints(shape: Any) -> dict[str, Any]:
    headers = RequestOptions.__annotations__  # which the library sends as such
    own = {name: kind for name, kind in shape.__annotations__.items() if name not in headers}
    names = {**vars(sys.modules[shape.__module__]), "UntypedStripeObject": UntypedStripeObject}
    return get_type_hints(type("Shape", (), {"__annotations__": own}), globalns=names)


def _typed(value: Any, kind: Any, name: str) -> Any:
    if hasattr(kind, "__required_keys__"):
        return _record(value, kind, name)
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _union(value, kind, name)
    if origin is Literal:
        if value not in get_args(kind):
            raise Refused(400, f"Invalid {name}: must be one of {', '.join(map(str, get_args(kind)))}", param=name)
        return value
    if origin is list:
        if not isinstance(value, list):
            raise Refused(400, f"Invalid array: {name}", param=name)
        return [_typed(inner, get_args(kind)[0], f"{name}[{index}]") for index, inner in enumerate(value)]
    if origin is dict or kind is dict or getattr(origin or kind, "__name__", "") == "UntypedStripeObject":
        if not isinstance(value, dict) or not all(isinstance(inner, str) for inner in value.values()):
            raise Refused(400, f"Invalid object: {name}", param=name)
        return value
    return _scalar(value, kind, name)


def _record(value: Any, kind: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refused(400, f"Invalid object: {name}", param=name)
    hints = _hints(kind)
    for key in value:
        if key not in hints:
            raise Refused(400, f"Received unknown parameter: {name or key}", code="parameter_unknown", param=key)
    for key in kind.__required_keys__:
        if key not in value:
            raise Refused(400, f"Missing required param: {key}.", code="parameter_missing", param=key)
    return {key: _typed(inner, hints[key], f"{name}[{key}]" if name else key) for key, inner in value.items()}


def _union(value: Any, kind: Any, name: str) -> Any:
    """An enumeration stands in the library's types as "one of these, or a text that is newer"; here it is meant."""
    options = list(get_args(kind))
    literals = [option for option in options if get_origin(option) is Literal]
    if literals:
        options = [option for option in options if option is not str] or options
    refusals = []
    for option in options:
        try:
            return _typed(value, option, name)
        except Refused as refused:
            refusals.append(refused)
    raise refusals[-1]


def _scalar(value: Any, kind: Any, name: str) -> Any:
    if not isinstance(value, str):
        raise Refused(400, f"Invalid string: {name}", param=name)
    try:
        if kind is bool:
            return {"true": True, "false": False}[value.lower()]
        return int(value) if kind is int else Decimal(value) if kind is Decimal else value
    except (KeyError, ValueError, InvalidOperation):
        raise Refused(400, f"Invalid {kind.__name__}: {name}", param=name) from None

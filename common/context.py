"""What this piece of work knows of its origin: the request id, carried from a request into jobs and replies."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from common.models import new_id

WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{8,64}")


def request_id_from(header: str | None) -> str:
    """The caller's own id if it is well formed, else a new one."""
    return header if header and WELL_FORMED.fullmatch(header) else new_id().hex


def current_request_id() -> str:
    return structlog.contextvars.get_contextvars().get("request_id", "")


@contextmanager
def work_context(request_id: str, **values: object) -> Iterator[None]:
    """Everything logged inside carries `request_id` and `values`."""
    with structlog.contextvars.bound_contextvars(request_id=request_id or new_id().hex, **values):
        yield

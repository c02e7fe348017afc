"""Sentry, where a DSN is set: the exception and its request id, never a body, a header or a person."""

from typing import Any

import sentry_sdk
import structlog
from django.conf import settings
from sentry_sdk.integrations.django import DjangoIntegration
from sentry_sdk.integrations.rq import RqIntegration

from common.logs import without_rows


def start() -> None:
    if settings.SENTRY_DSN:
        sentry_sdk.init(
            dsn=settings.SENTRY_DSN,
            environment=settings.ENVIRONMENT,
            release=f"{settings.SERVICE_NAME}@{settings.VERSION}",
            send_default_pii=False,
            max_request_body_size="never",
            include_local_variables=False,
            integrations=[DjangoIntegration(), RqIntegration()],
            before_send=add_request_id,
        )


def add_request_id(event: Any, _hint: dict[str, Any]) -> Any:
    """Adds the request's id, and takes away what may be somebody's own."""
    event.setdefault("tags", {})["request_id"] = structlog.contextvars.get_contextvars().get("request_id", "")
    for exception in event.get("exception", {}).get("values", ()):
        exception["value"] = without_rows(exception.get("value") or "")
    request = event.get("request", {})
    for part in ("data", "cookies", "headers", "query_string", "env"):
        request.pop(part, None)
    return event

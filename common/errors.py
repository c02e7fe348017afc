"""Every error of the contract as one exception, and its one rendering: `application/problem+json`."""

import http
from collections.abc import Mapping
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from rest_framework import exceptions as drf

from common.context import current_request_id
from common.rendering import to_json

log = structlog.get_logger(__name__)

Errors = Mapping[str, list[str]]


class Problem(Exception):
    """An error a caller is told of. `extra` are further members of the document (`retry_after`, `remaining_credits` …).

    `data()` is the document's body; over the socket the same members make the frame's `error`.
    """

    status = 500
    code = "SERVER_ERROR"
    detail = "Something went wrong on our side. Nothing was changed; please try again."

    def __init__(
        self, detail: str | None = None, *, code: str | None = None, errors: Errors | None = None, **extra: Any
    ) -> None:
        super().__init__(detail or self.detail)
        self.detail = detail or self.detail
        self.code = code or self.code
        self.errors = errors
        self.extra = extra

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.extra["retry_after"])} if "retry_after" in self.extra else {}

    def data(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": http.HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "request_id": current_request_id(),
        }
        if self.errors:
            body["errors"] = self.errors
        return body | self.extra


class ValidationProblem(Problem):
    """400: `errors` maps a field to its messages."""

    status, code, detail = 400, "VALIDATION_ERROR", "Some fields are not right."


class Unauthenticated(Problem):
    """401: `UNAUTHENTICATED`, `TOKEN_EXPIRED`, `TOKEN_REUSED`, `MFA_REQUIRED`."""

    status, code, detail = 401, "UNAUTHENTICATED", "Please sign in."

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": 'Bearer realm="api"'}


class NoCredits(Problem):
    """402: give `remaining_credits` and `required_credits`."""

    status, code, detail = 402, "NO_CREDITS", "There are not enough credits for this."


class Forbidden(Problem):
    """403: `FORBIDDEN`, `TRIAL_LIMIT`, `BUDGET_EXCEEDED`, `EMAIL_UNCONFIRMED`, `BANNED`, `MUTED`, `BLOCKED`."""

    status, code, detail = 403, "FORBIDDEN", "You may not do this."


class NotFound(Problem):
    """404, also for what the caller may not know of."""

    status, code, detail = 404, "NOT_FOUND", "There is nothing here, or it is not yours to see."


class MethodNotAllowed(Problem):
    status, code, detail = 405, "METHOD_NOT_ALLOWED", "This address does not take that method."


class NotAcceptable(Problem):
    status, code, detail = 406, "NOT_ACCEPTABLE", "This address can't answer in a form you accept."


class Conflict(Problem):
    """409: idempotency, state machine, uniqueness, full event."""

    status, code, detail = 409, "CONFLICT", "This does not fit what is already there."


class Gone(Problem):
    status, code, detail = 410, "GONE", "This is no longer offered."


class PayloadTooLarge(Problem):
    status, code, detail = 413, "PAYLOAD_TOO_LARGE", "The body is too large."


class UnsupportedMediaType(Problem):
    status, code, detail = 415, "UNSUPPORTED_MEDIA_TYPE", "Please send application/json."


class Unprocessable(Problem):
    """422: `UNPROCESSABLE_ENTITY`, `CONTENT_REJECTED`."""

    status, code, detail = 422, "UNPROCESSABLE_ENTITY", "This can't be done as asked."


class RateLimited(Problem):
    """429: give `retry_after` (s), `bucket`, `current_count`, `max_allowed`."""

    status, code, detail = 429, "RATE_LIMIT_EXCEEDED", "That was a little fast. Please wait a moment."


class ProviderFailed(Problem):
    status, code, detail = 502, "PROVIDER_ERROR", "The provider failed. Nothing was charged."


class Unavailable(Problem):
    """503: `PROVIDER_UNAVAILABLE` or `NOT_READY`."""

    status, code, detail = 503, "NOT_READY", "A part of this site is starting or restarting. Please try again shortly."


BY_DRF: list[tuple[type[drf.APIException], type[Problem]]] = [
    (drf.ParseError, ValidationProblem),
    (drf.NotAuthenticated, Unauthenticated),
    (drf.AuthenticationFailed, Unauthenticated),
    (drf.PermissionDenied, Forbidden),
    (drf.NotFound, NotFound),
    (drf.MethodNotAllowed, MethodNotAllowed),
    (drf.NotAcceptable, NotAcceptable),
    (drf.UnsupportedMediaType, UnsupportedMediaType),
]


def as_problem(error: Exception) -> Problem | None:
    """The problem that tells of `error`, or None for what nobody foresaw."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, drf.ValidationError):
        return ValidationProblem(errors=_messages(error.detail))
    if isinstance(error, DjangoValidationError):
        named = getattr(error, "error_dict", None)
        return ValidationProblem(errors=error.message_dict if named else {"__all__": error.messages})
    if isinstance(error, Http404):
        return NotFound()
    if isinstance(error, PermissionDenied):
        return Forbidden()
    if isinstance(error, RequestDataTooBig):
        return PayloadTooLarge()
    for exception, problem in BY_DRF:
        if isinstance(error, exception):
            return problem(str(error.detail) if exception is drf.ParseError else None)
    return None


def _messages(detail: Any, prefix: str = "") -> dict[str, list[str]]:
    """DRF's nested detail as flat `field` or `field.sub` → messages."""
    if isinstance(detail, Mapping):
        merged: dict[str, list[str]] = {}
        for name, value in detail.items():
            field = "__all__" if name == "non_field_errors" else str(name)
            merged |= _messages(value, f"{prefix}.{field}" if prefix else field)
        return merged
    messages = detail if isinstance(detail, list) else [detail]
    return {prefix or "__all__": [str(message) for message in messages]}


def handle_exception(error: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """DRF's EXCEPTION_HANDLER. None lets the error rise to `RequestMiddleware`, which logs it and answers 500."""
    problem = as_problem(error)
    return problem_response(problem) if problem else None


def problem_response(problem: Problem) -> HttpResponse:
    """The problem as a plain Django answer, for what is outside DRF."""
    return HttpResponse(
        to_json(problem.data()),
        status=problem.status,
        content_type="application/problem+json",
        headers=problem.headers,
    )


def wants_json(request: HttpRequest) -> bool:
    """Whether an error of this request is told as a problem document rather than as a page."""
    return request.path.startswith(("/api/", "/v1/", "/webhooks/", "/health", "/metrics", "/graphql"))


def answer_problem(request: HttpRequest, problem: Problem) -> HttpResponse:
    """A document for programs, a page for people."""
    if wants_json(request):
        return problem_response(problem)
    context = {"request_id": current_request_id(), "retry_after": problem.extra.get("retry_after")}
    # without the request: what its context processors read may be just what broke
    response = render(None, [f"{problem.status}.html", "500.html"], context, status=problem.status)
    for name, value in problem.headers.items():
        response.headers[name] = value
    return response

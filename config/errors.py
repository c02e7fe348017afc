"""Errors outside the API's views: a problem document for programs, a page for people."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from common.errors import Forbidden, NotFound, Problem, ValidationProblem, problem_response, wants_json


def _answer(request: HttpRequest, problem: Problem, template: str) -> HttpResponse:
    if wants_json(request):
        return problem_response(problem)
    context = {"request_id": getattr(request, "request_id", "")}
    return render(request, template, context, status=problem.status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, ValidationProblem("The request could not be understood."), "400.html")


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, Forbidden(), "403.html")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, NotFound(), "404.html")


def server_error(request: HttpRequest) -> HttpResponse:
    return _answer(request, Problem(), "500.html")


def csrf_failure(request: HttpRequest, reason: str = "", **_: Any) -> HttpResponse:
    return _answer(request, Forbidden("The form was open too long or came from elsewhere. Reload and try again."), "csrf_failure.html")

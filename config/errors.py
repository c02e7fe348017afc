"""Errors outside the API's views."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from common.context import current_request_id
from common.errors import Forbidden, NotFound, Problem, ValidationProblem, answer_problem, problem_response, wants_json


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return answer_problem(request, ValidationProblem("The request could not be understood."))


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return answer_problem(request, Forbidden())


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return answer_problem(request, NotFound())


def server_error(request: HttpRequest) -> HttpResponse:
    return answer_problem(request, Problem())


def csrf_failure(request: HttpRequest, reason: str = "", **_: Any) -> HttpResponse:
    problem = Forbidden("The form was open too long or came from elsewhere. Reload the page and try again.")
    if wants_json(request):
        return problem_response(problem)
    return render(None, "csrf_failure.html", {"request_id": current_request_id()}, status=403)

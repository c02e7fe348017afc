"""The page between the first factor and the session: a code, or a passkey."""

import json
from typing import Any

from allauth.mfa.base.internal.flows import post_authentication
from allauth.mfa.webauthn.internal import auth as webauthn
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import View

from accounts.forms import CodeForm
from accounts.models import User
from accounts.pages.entrance import PENDING, go_on_to, log_in
from accounts.services import second_factor
from common.errors import Problem, Unauthenticated, ValidationProblem, problem_response

MAX_CREDENTIAL = 64 * 1024  # bytes


@method_decorator([never_cache, sensitive_post_parameters("code")], name="dispatch")
class SecondFactorPage(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        if PENDING not in request.session:
            return redirect("sign_in")
        return self.show(CodeForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = CodeForm(request.POST)
        if not form.is_valid():
            return self.show(form, status=400)
        try:
            user, method = pending_person(request)
            second_factor.check_code(user, form.cleaned_data["code"])
        except Unauthenticated:
            request.session.pop(PENDING, None)
            return redirect("sign_in")
        except Problem as problem:
            form.add_problem(problem)
            return self.show(form, status=problem.status if problem.status in {429, 503} else 400)
        return pass_on(request, user, method)

    def show(self, form: CodeForm, status: int = 200) -> HttpResponse:
        factors = self.request.session.get(PENDING, {}).get("factors", [])
        return render(self.request, "accounts/second_factor.html", {"form": form, "factors": factors}, status=status)


@method_decorator(never_cache, name="dispatch")
class PasskeyFactor(View):
    """For the page's script: what to sign, and the signature."""

    def get(self, request: HttpRequest) -> HttpResponse:
        try:
            user, _ = pending_person(request)
        except Problem as problem:
            return problem_response(problem)
        return JsonResponse(webauthn.begin_authentication(user))

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            user, method = pending_person(request)
            credential = read_credential(request)
            authenticator = webauthn.complete_authentication(user, credential)
        except ValidationError:
            return problem_response(ValidationProblem("This passkey is not one of this account's."))
        except Problem as problem:
            return problem_response(problem)
        post_authentication(request, authenticator)
        return JsonResponse({"next": pass_on(request, user, method).headers["Location"]})


def pending_person(request: HttpRequest) -> tuple[User, str]:
    """Who has passed the first factor in this browser, and how. Raises Unauthenticated."""
    pending = request.session.get(PENDING)
    if pending is None:
        raise Unauthenticated
    return second_factor.read_pending(pending["key"])


def pass_on(request: HttpRequest, user: User, method: str) -> HttpResponse:
    go_on = request.session[PENDING]["next"]
    log_in(request, user, method)
    return go_on_to(go_on)


def read_credential(request: HttpRequest) -> dict[str, Any]:
    """Raises ValidationError for what no passkey says."""
    try:
        credential = json.loads(request.body[:MAX_CREDENTIAL])["credential"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValidationError("This is not a passkey's answer.") from error
    webauthn.parse_authentication_response(credential)
    return credential

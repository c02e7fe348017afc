"""The page between the first factor and the session: a code, or a passkey."""

import json
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth as webauthn
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import View

from accounts.api.headless_factors import AuthenticateInput
from accounts.forms import CodeForm
from accounts.models import User
from accounts.pages.entrance import PENDING, go_on_to, log_in
from accounts.services import second_factor
from common.errors import Problem, Unauthenticated, ValidationProblem, problem_response
from common.middleware import client_address
from common.ratelimits import Gate

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
            return pass_on(request, user, method)
        except Unauthenticated as problem:
            request.session.pop(PENDING, None)
            messages.error(request, problem.detail)
            return redirect("sign_in")
        except Problem as problem:
            form.add_problem(problem)
            return self.show(form, status=problem.status if problem.status in {429, 503} else 400)

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
            Gate(who=client_address(request), preset="auth", write=True).enter()
            user, method = pending_person(request)
            authenticator = checked_passkey(request, user)
            authenticator.record_usage()
            return JsonResponse({"next": pass_on(request, user, method).headers["Location"]})
        except Problem as problem:
            return problem_response(problem)


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


def checked_passkey(request: HttpRequest, user: User) -> Authenticator:
    """The passkey of theirs that has signed what this browser was given. Raises ValidationProblem."""
    form = AuthenticateInput(_read_body(request), user=user)
    if not form.is_valid():
        raise ValidationProblem("This passkey is not one of this account's.")
    return form.cleaned_data["credential"]


def _read_body(request: HttpRequest) -> Any:
    try:
        body = json.loads(request.body[:MAX_CREDENTIAL])
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}

"""How one signs in: address, password, second factors, and where one is signed in."""

import uuid
from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST
from django.views.generic import View

from accounts import selectors, services
from accounts.forms import ChangeEmailForm, ChangePasswordForm, ConfirmForm, ProblemForm
from accounts.limits import account_gate
from accounts.models import User
from accounts.pages.entrance import go_on_to, safe_next
from accounts.pages.recent import recently_proven
from accounts.providers import title_of
from accounts.services import passwords, second_factor
from accounts.web_sessions import device_of
from common.errors import NotFound, Problem, ValidationProblem

Type = Authenticator.Type
WAYS = {"": "", "password": "with your password", "magic_link": "by a mailed link", "passkey": "with a passkey"}


def me(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def way_in(method: str) -> str:
    """How somebody came in, in words."""
    return WAYS[method] if method in WAYS else f"with {title_of(method)}"


@method_decorator(never_cache, name="dispatch")
class SecurityPage(LoginRequiredMixin, View):
    def get(self, request: HttpRequest) -> HttpResponse:
        authenticators = list(Authenticator.objects.filter(user_id=me(request).pk).order_by("pk"))
        by_type = {authenticator.type: authenticator for authenticator in authenticators}
        context = {
            "person": request.user,
            "has_password": me(request).has_usable_password(),
            "totp": by_type.get(Type.TOTP),
            "recovery_codes": by_type.get(Type.RECOVERY_CODES),
            "passkeys": [authenticator for authenticator in authenticators if authenticator.type == Type.WEBAUTHN],
        }
        return render(request, "accounts/security.html", context)


@method_decorator([never_cache, sensitive_post_parameters()], name="dispatch")
class FormPage(LoginRequiredMixin, View):
    """One form of the security pages; a subclass says what it does."""

    form_class: type[ProblemForm]
    template: str
    done = ""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(self.form_class())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = self.form_class(request.POST)
        if not form.is_valid():
            return self.show(form, status=400)
        try:
            account_gate(me(request).email).enter()
            return self.act(request, form.cleaned_data)
        except Problem as problem:
            form.add_problem(problem)
            return self.show(form, status=problem.status if problem.status in {429, 503} else 400)

    def act(self, request: HttpRequest, fields: dict[str, Any]) -> HttpResponse:
        raise NotImplementedError

    def show(self, form: ProblemForm, status: int = 200) -> HttpResponse:
        context = {"form": form, "next": safe_next(self.request), **self.context()}
        return render(self.request, self.template, context, status=status)

    def context(self) -> dict[str, Any]:
        """What else the template shows."""
        return {}


class ConfirmPage(FormPage):
    """The password, or a code of the second factor, once more."""

    form_class = ConfirmForm
    template = "accounts/security_confirm.html"

    def act(self, request: HttpRequest, fields: dict[str, Any]) -> HttpResponse:
        user, proof = me(request), fields["proof"]
        if user.has_usable_password() and user.check_password(proof):
            method = "password"
        elif second_factor.factors_of(user):
            self.check_code(user, proof)
            method = "mfa"
        else:
            raise ValidationProblem(errors={"proof": ["This is not your password."]})
        record_authentication(request, user, method=method, reauthenticated=True)
        return go_on_to(safe_next(request))

    def check_code(self, user: User, proof: str) -> None:
        try:
            second_factor.check_code(user, proof)
        except ValidationProblem as problem:
            raise ValidationProblem(errors={"proof": ["This is neither your password nor a code."]}) from problem

    def context(self) -> dict[str, Any]:
        user = me(self.request)
        factors = second_factor.factors_of(user)
        return {"can_type": user.has_usable_password() or bool(factors), "has_passkey": Type.WEBAUTHN in factors}


@method_decorator(recently_proven, name="dispatch")
class PasswordPage(FormPage):
    form_class = ChangePasswordForm
    template = "accounts/security_password.html"

    def act(self, request: HttpRequest, fields: dict[str, Any]) -> HttpResponse:
        user = me(request)
        passwords.check_new_password(fields["password"], user)
        keep = request.claims.session_id  # type: ignore[attr-defined]
        services.set_password(user=user, password=fields["password"], device=device_of(request), keep_session=keep)
        update_session_auth_hash(request, user)
        messages.success(request, "Your password is new. Every other device was signed out.")
        return redirect("account_security")


@method_decorator(recently_proven, name="dispatch")
class EmailPage(FormPage):
    form_class = ChangeEmailForm
    template = "accounts/security_email.html"

    def act(self, request: HttpRequest, fields: dict[str, Any]) -> HttpResponse:
        services.offer_new_address(user_id=me(request).pk, email=fields["email"])
        messages.success(request, f"If {fields['email']} is free, a link is on its way there. Nothing changes before.")
        return redirect("account_security")


@require_POST
def send_confirmation(request: HttpRequest) -> HttpResponse:
    """Mails the link that confirms the address once more."""
    if not request.user.is_authenticated:
        return redirect("sign_in")
    try:
        account_gate(me(request).email).enter()
        services.send_confirmation_again(user_id=me(request).pk)
        messages.success(request, f"A link is on its way to {me(request).email}.")
    except Problem as problem:
        messages.error(request, problem.detail)
    return redirect("account_security")


@method_decorator(never_cache, name="dispatch")
class SessionsPage(LoginRequiredMixin, View):
    def get(self, request: HttpRequest) -> HttpResponse:
        current = request.claims.session_id  # type: ignore[attr-defined]
        rows = selectors.live_sessions(me(request).pk)
        sessions = [selectors.session_data(row, current_id=current) | {"way": way_in(row.method)} for row in rows]
        return render(request, "accounts/sessions.html", {"sessions": sessions})

    def post(self, request: HttpRequest) -> HttpResponse:
        """Ends the session named, or, without a name, all others."""
        current, user_id = request.claims.session_id, me(request).pk  # type: ignore[attr-defined]
        if not (named := request.POST.get("session")):
            count = services.end_other_sessions(user_id=user_id, keep=current)
            messages.success(request, "Every other device was signed out." if count else "There was no other device.")
        else:
            try:
                services.end_own_session(user_id=user_id, session_id=uuid.UUID(named))
            except (NotFound, ValueError):
                messages.error(request, "That sign-in is gone already.")
            else:
                messages.success(request, "That device was signed out.")
        return redirect("account_sessions")

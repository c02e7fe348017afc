"""allauth's views of second factors, where ours are stricter: a code is good once, odd answers are wrong ones."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.internal.flows.reauthentication import raise_if_reauthentication_required
from allauth.core.internal.httpkit import authenticated_user
from allauth.headless.account import views as account
from allauth.headless.base.response import ConflictResponse
from allauth.headless.internal.restkit import inputs
from allauth.headless.mfa import inputs as mfa_inputs
from allauth.headless.mfa import views as mfa
from allauth.mfa.adapter import get_adapter
from django import forms
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from accounts.limits import account_gate
from accounts.services import second_factor
from common.errors import ValidationProblem

MAX_NAME = 80  # characters of a passkey's name
# what fido2 raises about a credential of a shape that it did not expect
ODD_ANSWERS = (TypeError, ValueError, LookupError, AttributeError, AssertionError)


class CodeInput(mfa_inputs.AuthenticateInput):
    """`{"code"}`."""

    def clean_code(self) -> str:
        try:
            self.authenticator = second_factor.check_code(self.user, self.cleaned_data["code"])
        except ValidationProblem as problem:
            raise get_adapter().validation_error("incorrect_code") from problem
        self.authenticator.user = self.user
        return self.cleaned_data["code"]


class ReauthenticationCodeInput(CodeInput, mfa_inputs.ReauthenticateInput):
    """`{"code"}`, from who is signed in."""


class AuthenticateView(mfa.AuthenticateView):
    input_class = CodeInput


class ReauthenticateView(mfa.ReauthenticateView):
    input_class = ReauthenticationCodeInput


class ManageTOTPView(mfa.ManageTOTPView):
    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().post(request, *args, **kwargs)
        except IntegrityError:  # another window was faster
            return ConflictResponse(request)


def strict(clean: Callable[..., Any]) -> Callable[..., Any]:
    """A form's `clean` that tells of an answer it can't read as of any wrong one."""

    @wraps(clean)
    def strictly(form: forms.Form) -> Any:
        try:
            return clean(form)
        except ODD_ANSWERS as error:
            raise get_adapter().validation_error("incorrect_code") from error

    return strictly


class AddInput(mfa_inputs.AddWebAuthnInput):
    name = inputs.CharField(required=False, max_length=MAX_NAME)
    clean = strict(mfa_inputs.AddWebAuthnInput.clean)


class LoginInput(mfa_inputs.LoginWebAuthnInput):
    clean_credential = strict(mfa_inputs.LoginWebAuthnInput.clean_credential)


class AuthenticateInput(mfa_inputs.AuthenticateWebAuthnInput):
    clean_credential = strict(mfa_inputs.AuthenticateWebAuthnInput.clean_credential)


class ReauthenticateInput(mfa_inputs.ReauthenticateWebAuthnInput):
    clean_credential = strict(mfa_inputs.ReauthenticateWebAuthnInput.clean_credential)


class ManageWebAuthnView(mfa.ManageWebAuthnView):
    input_class = mfa.ManageWebAuthnView.input_class | {"POST": AddInput}


class LoginWebAuthnView(mfa.LoginWebAuthnView):
    input_class = {"POST": LoginInput}


class AuthenticateWebAuthnView(mfa.AuthenticateWebAuthnView):
    input_class = {"POST": AuthenticateInput}


class ReauthenticateWebAuthnView(mfa.ReauthenticateWebAuthnView):
    input_class = {"POST": ReauthenticateInput}


class ChangePasswordView(account.ChangePasswordView):
    """Who has no password yet must have signed in just now to set one."""

    def handle(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        account_gate(authenticated_user(request).email).enter()  # the present password can be tried here
        return super().handle(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not authenticated_user(request).has_usable_password():
            raise_if_reauthentication_required(request, app="account")
        return super().post(request, *args, **kwargs)

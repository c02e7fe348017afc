"""allauth's headless API under `/api/auth/headless/`: second factors, passkeys, reauthentication, sessions.

Of its addresses those are here that no address of ours serves already: each thing has one door. `app` clients send
`X-Session-Token` or an access token, `browser` clients the session cookie with CSRF.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import orjson
from allauth.headless.account import views as account
from allauth.headless.base import views as base
from allauth.headless.constants import Client
from allauth.headless.mfa import views as mfa
from allauth.headless.tokens import views as tokens
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, include, path

from accounts.api import headless_factors as factors
from accounts.api.headless_sessions import SessionsView
from accounts.limits import account_gate
from common.api import has_nul
from common.errors import PayloadTooLarge, Problem, ValidationProblem, answer_problem
from common.middleware import client_address
from common.ratelimits import Gate

View = Callable[..., HttpResponse]
MAX_BODY = 64 * 1024  # bytes; a passkey's answer has a few thousand

# path, view, whether it is a door that somebody may try again and again
ADDRESSES: list[tuple[str, Any, bool]] = [
    ("config", base.ConfigView, False),
    ("auth/session", account.SessionView, False),
    ("auth/login", account.LoginView, True),
    ("auth/reauthenticate", account.ReauthenticateView, True),
    ("auth/2fa/authenticate", factors.AuthenticateView, True),
    ("auth/2fa/reauthenticate", factors.ReauthenticateView, True),
    ("auth/webauthn/login", factors.LoginWebAuthnView, True),
    ("auth/webauthn/authenticate", factors.AuthenticateWebAuthnView, True),
    ("auth/webauthn/reauthenticate", factors.ReauthenticateWebAuthnView, True),
    ("auth/sessions", SessionsView, False),
    ("account/password/change", factors.ChangePasswordView, True),
    ("account/authenticators", mfa.AuthenticatorsView, False),
    ("account/authenticators/totp", factors.ManageTOTPView, False),
    ("account/authenticators/recovery-codes", mfa.ManageRecoveryCodesView, False),
    ("account/authenticators/webauthn", factors.ManageWebAuthnView, False),
]
APP_ADDRESSES: list[tuple[str, Any, bool]] = [("tokens/refresh", tokens.RefreshTokenView, False)]


def gated(view: View, *, door: bool) -> View:
    """`view` behind the limits of the contract: by address, and at a door by the account named as well.

    What no JSON of ours may be (not an object, NUL, too large) does not reach the library.
    """

    @wraps(view)
    def enter(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        writes = request.method not in {"GET", "HEAD", "OPTIONS"}
        gate = Gate(who=client_address(request), preset="auth" if door and writes else "api", write=writes)
        try:
            gate.enter()
            body = _read(request) if writes else {}
            if door and isinstance(email := body.get("email"), str):
                account_gate(email).enter()
        except Problem as problem:
            response = answer_problem(request, problem)
        else:
            response = view(request, *args, **kwargs)
        for name, value in gate.headers.items():
            response.headers[name] = value
        return response

    return enter


def _read(request: HttpRequest) -> Mapping[str, Any]:
    """The body. Raises ValidationProblem, PayloadTooLarge."""
    try:
        text = request.body
    except RequestDataTooBig as error:
        raise PayloadTooLarge from error
    if len(text) > MAX_BODY:
        raise PayloadTooLarge
    try:
        body = orjson.loads(text) if text else {}
    except ValueError as error:
        raise ValidationProblem("This is not JSON.") from error
    if not isinstance(body, dict) or has_nul(body):
        raise ValidationProblem("Please send an object, without NUL characters.")
    return body


def _addresses(client: Client) -> list[URLPattern]:
    addresses = ADDRESSES + (APP_ADDRESSES if client == Client.APP else [])
    return [path(at, gated(view.as_api_view(client=client), door=door)) for at, view, door in addresses]


urlpatterns = [path(f"{client.value}/v1/", include(_addresses(client))) for client in (Client.BROWSER, Client.APP)]

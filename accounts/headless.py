"""allauth's headless API under `/api/auth/headless/`: second factors, passkeys, reauthentication, sessions.

Of its addresses those are here that no address of ours serves already: each thing has one door. `app` clients send
`X-Session-Token` or an access token, `browser` clients the session cookie with CSRF.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import orjson
from allauth.headless.account import views as account
from allauth.headless.base import views as base
from allauth.headless.constants import Client
from allauth.headless.mfa import views as mfa
from allauth.headless.tokens import views as tokens
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, include, path

from accounts.api.headless_sessions import SessionsView
from accounts.limits import account_gate
from common.errors import Problem, answer_problem
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
    ("auth/2fa/authenticate", mfa.AuthenticateView, True),
    ("auth/2fa/reauthenticate", mfa.ReauthenticateView, True),
    ("auth/webauthn/login", mfa.LoginWebAuthnView, True),
    ("auth/webauthn/authenticate", mfa.AuthenticateWebAuthnView, True),
    ("auth/webauthn/reauthenticate", mfa.ReauthenticateWebAuthnView, True),
    ("auth/sessions", SessionsView, False),
    ("account/password/change", account.ChangePasswordView, True),
    ("account/authenticators", mfa.AuthenticatorsView, False),
    ("account/authenticators/totp", mfa.ManageTOTPView, False),
    ("account/authenticators/recovery-codes", mfa.ManageRecoveryCodesView, False),
    ("account/authenticators/webauthn", mfa.ManageWebAuthnView, False),
]
APP_ADDRESSES: list[tuple[str, Any, bool]] = [("tokens/refresh", tokens.RefreshTokenView, False)]


def gated(view: View, *, door: bool) -> View:
    """`view` behind the limits of the contract: by address, and at a door by the account named as well."""

    @wraps(view)
    def enter(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        writes = request.method not in {"GET", "HEAD", "OPTIONS"}
        gate = Gate(who=client_address(request), preset="auth" if door and writes else "api", write=writes)
        try:
            gate.enter()
            if door and writes and (email := _email_in(request)):
                account_gate(email).enter()
        except Problem as problem:
            return answer_problem(request, problem)
        return view(request, *args, **kwargs)

    return enter


def _email_in(request: HttpRequest) -> str:
    try:
        body = orjson.loads(request.body[:MAX_BODY])
    except ValueError:
        return ""
    email = body.get("email") if isinstance(body, dict) else None
    return email if isinstance(email, str) else ""


def _addresses(client: Client) -> list[URLPattern]:
    addresses = ADDRESSES + (APP_ADDRESSES if client == Client.APP else [])
    return [path(at, gated(view.as_api_view(client=client), door=door)) for at, view, door in addresses]


urlpatterns = [path(f"{client.value}/v1/", include(_addresses(client))) for client in (Client.BROWSER, Client.APP)]

"""Opening the web's session for a person who has proven who they are, over a second factor where there is one."""

from typing import Any

from allauth.account.internal.flows.login import record_authentication
from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from accounts.models import User
from accounts.services import second_factor
from accounts.web_sessions import end_present_session

PENDING = "pending_sign_in"


def safe_next(request: HttpRequest) -> str:
    """`next` of the form or the address, if it is a path of this site, else an empty string."""
    return safe_path(request, request.POST.get("next") or request.GET.get("next") or "")


def safe_path(request: HttpRequest, path: str) -> str:
    is_ours = url_has_allowed_host_and_scheme(
        path, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return path if is_ours else ""


def enter_web(request: HttpRequest, user: User, method: str, next_path: str | None = None) -> HttpResponse:
    """Signs the browser in and goes on to `next`, or to the page that asks for the second factor.

    Raises Forbidden `BANNED`, Unauthenticated.
    """
    go_on = safe_next(request) if next_path is None else safe_path(request, next_path)
    factors = second_factor.factors_of(user)
    if not factors:
        log_in(request, user, method)
        return go_on_to(go_on)
    request.session[PENDING] = {
        "key": second_factor.pending_key(user, method),
        "factors": factors,
        "next": go_on,
    }
    return HttpResponseRedirect(reverse("second_factor"))


def log_in(request: HttpRequest, user: User, method: str, **details: Any) -> None:
    """The session of the web, in which allauth too reads how and when the person signed in."""
    end_present_session(request)
    request.session.flush()
    record_authentication(request, user, method=method, reauthenticated=True, **details)
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])


def go_on_to(path: str) -> HttpResponse:
    return HttpResponseRedirect(path or resolve_url(settings.LOGIN_REDIRECT_URL))

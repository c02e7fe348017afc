"""Signing in by other sites in the web app, and the page of the accounts there that one has connected.

What the state is bound to (the verifier of PKCE) lies in the browser's session, so that a sign-in can be finished only
where it was begun.
"""

import uuid
from typing import Any
from urllib.parse import urlencode

from allauth.account.internal.flows.login import record_authentication
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from django.views.generic import View

from accounts.forms import EmailForm
from accounts.limits import enter_web_door
from accounts.models import User
from accounts.pages.entrance import enter_web, go_on_to, safe_next, safe_path
from accounts.providers import Identity, configured, get_provider, switched_off, title_of
from accounts.selectors.connections import connections_of
from accounts.services import connections, social
from accounts.web_sessions import proved_recently
from common.errors import NotFound, Problem
from common.middleware import client_address
from common.ratelimits import Gate

BEGUN, WAITING = "social_begun", "social_waiting"
ACCOUNT = "account_connections"
BEGUN_AT_MOST = 5  # a few windows at once
SIGN_IN, CONNECT, PROVE = "sign_in", "connect", "prove"
MISHAP_STATUSES = {409, 429, 502, 503}


# --- there ------------------------------------------------------------------------------------------------------------


@require_POST
@never_cache
def start(request: HttpRequest, provider: str) -> HttpResponse:
    """From the sign-in page to the other site."""
    get_provider(provider)
    if request.user.is_authenticated:
        return go_on_to(safe_next(request))
    return _leave(request, provider, SIGN_IN, safe_next(request))


@require_POST
@login_required
def connect(request: HttpRequest, provider: str) -> HttpResponse:
    """From one's account to the other site, to connect it; for who has just shown who they are."""
    get_provider(provider)
    if not proved_recently(request):
        return HttpResponseRedirect(f"{reverse('security_confirm')}?{urlencode({'next': reverse(ACCOUNT)})}")
    return _leave(request, provider, CONNECT, reverse(ACCOUNT))


@require_POST
@login_required
def prove(request: HttpRequest, provider: str) -> HttpResponse:
    """From the page that asks whether it is still you, for who has no password to say it with."""
    return _leave(request, provider, PROVE, safe_next(request))


def _leave(request: HttpRequest, provider: str, errand: str, next_path: str) -> HttpResponse:
    try:
        Gate(who=client_address(request), preset="auth", write=True).enter()
        purpose = _purpose(request, errand)
        started = social.start(provider=provider, redirect_uri=_callback(provider), purpose=purpose)
    except NotFound:
        raise
    except Problem as problem:
        return _refused(request, problem, errand)
    begun = request.session.get(BEGUN, {})
    begun[started.state] = {"verifier": started.code_verifier, "errand": errand, "next": next_path}
    request.session[BEGUN] = dict(list(begun.items())[-BEGUN_AT_MOST:])
    return HttpResponseRedirect(started.authorize_url)


def _purpose(request: HttpRequest, errand: str) -> str:
    """Whoever is signed in by then must still be who began."""
    return social.SIGN_IN if errand == SIGN_IN else f"{errand} {request.user.pk}"


def _callback(provider: str) -> str:
    return f"{settings.PUBLIC_URL}{reverse('social_callback', args=[provider])}"


# --- and back ---------------------------------------------------------------------------------------------------------


@require_GET
@never_cache
def callback(request: HttpRequest, provider: str) -> HttpResponse:
    """Where the other site sends people back to, whatever they began here."""
    get_provider(provider)
    begun = _take(request, request.GET.get("state", ""))
    if begun is None:
        return _mishap(
            request,
            "This sign-in was not started here",
            "It was begun in another browser, or too long ago, or is finished already. Nothing was changed.",
        )
    if "code" not in request.GET:
        return _turned_back(request, provider, begun["errand"])
    try:
        identity = social.identify(
            provider=provider,
            code=request.GET["code"],
            state=request.GET["state"],
            redirect_uri=_callback(provider),
            code_verifier=begun["verifier"],
            purpose=_purpose(request, begun["errand"]),
        )
        return ERRANDS[begun["errand"]](request, identity, begun["next"])
    except Problem as problem:
        return _refused(request, problem, begun["errand"])


def _take(request: HttpRequest, state: str) -> dict[str, Any] | None:
    """What this browser began with `state`, which it may finish once."""
    waiting = request.session.get(BEGUN, {})
    if state not in waiting:
        return None
    begun = waiting.pop(state)
    request.session[BEGUN] = waiting
    return begun


def _sign_in(request: HttpRequest, identity: Identity, next_path: str) -> HttpResponse:
    found = social.resolve(identity)
    if isinstance(found, social.Pending):
        request.session[WAITING] = {"key": found.key, "email": found.email}
        return redirect("social_address")
    return enter_web(request, found, identity.provider, next_path)


def _connect(request: HttpRequest, identity: Identity, next_path: str) -> HttpResponse:
    connections.connect(user_id=_me(request).pk, identity=identity)
    messages.success(request, f"{title_of(identity.provider)} is connected. You can come in by it from now on.")
    return redirect(ACCOUNT)


def _prove(request: HttpRequest, identity: Identity, next_path: str) -> HttpResponse:
    account = social.find_account(identity)
    if account is None or account.user_id != request.user.pk:
        return _mishap(request, "That is somebody else", "This is none of the accounts you have connected.", PROVE)
    record_authentication(request, _me(request), method=identity.provider, reauthenticated=True)
    return go_on_to(safe_path(request, next_path))


ERRANDS = {SIGN_IN: _sign_in, CONNECT: _connect, PROVE: _prove}


def _turned_back(request: HttpRequest, provider: str, errand: str) -> HttpResponse:
    title = title_of(provider)
    if request.GET.get("error") == "access_denied":
        reason = f"You did not let {title} tell us who you are. Nothing was changed."
        return _mishap(request, "You turned back", reason, errand, 200)
    reason = f"{title} sent you back without an answer. Nothing was changed; please try again in a moment."
    return _mishap(request, "That did not work", reason, errand)


def _refused(request: HttpRequest, problem: Problem, errand: str) -> HttpResponse:
    status = problem.status if problem.status in MISHAP_STATUSES else 400
    return _mishap(request, "That did not work", problem.detail, errand, status)


def _mishap(request: HttpRequest, heading: str, reason: str, errand: str = SIGN_IN, status: int = 400) -> HttpResponse:
    where, again = "sign_in", "To the sign-in page"
    if request.user.is_authenticated and errand != SIGN_IN:
        where, again = ACCOUNT, "To your connected accounts"
    context = {"heading": heading, "reason": reason, "where": reverse(where), "again": again}
    return render(request, "accounts/social_mishap.html", context, status=status)


# --- without an address -----------------------------------------------------------------------------------------------


@method_decorator(never_cache, name="dispatch")
class AddressPage(View):
    """Asks somebody whose site vouches for no address for one, and mails a link there."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.waiting: dict[str, str] = request.session.get(WAITING) or {}
        if not self.waiting or request.user.is_authenticated:
            return redirect("sign_in")
        try:
            self.identity = social.unseal(self.waiting["key"])
        except Problem as problem:
            return _refused(request, problem, SIGN_IN)
        return super().dispatch(request, *args, **kwargs)  # type: ignore[return-value]

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(EmailForm(initial={"email": self.waiting["email"]}))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = EmailForm(request.POST)
        if not form.is_valid():
            return self.show(form, status=400)
        email = form.cleaned_data["email"]
        try:
            enter_web_door(client_address(request), email)
            social.ask_address(key=self.waiting["key"], email=email)
        except Problem as problem:
            form.add_problem(problem)
            return self.show(form, status=problem.status if problem.status in MISHAP_STATUSES else 400)
        return self.show(form, sent_to=email)

    def show(self, form: EmailForm, status: int = 200, sent_to: str = "") -> HttpResponse:
        context = {
            "form": form,
            "title": title_of(self.identity.provider),
            "label": self.identity.label,
            "sent_to": sent_to,
        }
        return render(self.request, "accounts/social_address.html", context, status=status)


# --- one's connected accounts -----------------------------------------------------------------------------------------


@require_GET
@login_required
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    context = {
        "connections": connections_of(_me(request).pk),
        "sites": configured(),
        "off": switched_off() if _me(request).is_staff else [],
    }
    return render(request, "accounts/connections.html", context)


@require_POST
@login_required
def remove(request: HttpRequest, connection_id: uuid.UUID) -> HttpResponse:
    try:
        Gate(who=str(_me(request).pk), preset="api", write=True).enter()
        connections.disconnect(user_id=_me(request).pk, connection_id=connection_id)
    except NotFound:
        raise
    except Problem as problem:
        messages.error(request, problem.detail)
    else:
        messages.success(request, "Disconnected. It opens this door no more.")
    return redirect(ACCOUNT)


def _me(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user

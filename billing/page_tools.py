"""What the pages of money share: who pays, who may, how money is written, and the way to a provider's page."""

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from accounts.models import User
from accounts.web_sessions import LOCALE, acting_organization
from billing import selectors
from billing.money import written
from common.errors import Problem, ValidationProblem
from common.pagination import Page
from common.ratelimits import Gate

LISTED = 30
View = Callable[..., HttpResponse]


def person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def for_payers(view: View) -> View:
    """Lets in who may pay for the acting organisation: `view(request, organization_id, …)`. Others are told why not."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        payer = acting_organization(request)
        if not selectors.may_pay_for(person(request).pk, payer):
            return render(request, "billing/not_yours.html", status=403)
        return view(request, payer, *args, **kwargs)

    return guarded


def enter_gate(request: HttpRequest) -> None:
    """Raises RateLimited, Unavailable."""
    who = str(person(request).pk)
    Gate(who=who, preset="api", write=True, needs_redis=True, windows=[("gql:billing", who)]).enter()


def trying(request: HttpRequest, act: Callable[[], Any]) -> Any:
    """What `act` gives; a refusal becomes a message, and None."""
    try:
        enter_gate(request)
        return act()
    except Problem as problem:
        messages.error(request, problem_words(problem))
        return None


def problem_words(problem: Problem) -> str:
    said = [message for found in (problem.errors or {}).values() for message in found]
    return " ".join(said) or problem.detail


def money(request: HttpRequest, amount: int, currency: str) -> str:
    """As the reader writes it."""
    return written(amount, currency, request.session.get(LOCALE) or "en")


def money_words(request: HttpRequest, fields: dict[str, Any]) -> str:
    """The same of the contract's `{amount_minor, currency}`."""
    return money(request, fields["amount_minor"], fields["currency"])


def page_or_404(read: Callable[..., Page], organization_id: uuid.UUID, request: HttpRequest) -> Page:
    try:
        return read(organization_id, cursor=request.GET.get("cursor"), limit=LISTED)
    except ValidationProblem as error:
        raise Http404 from error


def lead_to(request: HttpRequest, address: str, name: str) -> HttpResponse:
    """On to a provider's page. The policy lets forms lead to this site only, so a page of ours passes people on."""
    parts = urlsplit(address)
    if parts.netloc == request.get_host() or not parts.netloc:
        return redirect(address)
    if parts.scheme not in {"https", "http"}:
        raise Http404
    return render(request, "billing/leaving.html", {"address": address, "name": name})

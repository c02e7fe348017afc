"""`/mailbox`: the mails of a site that has no mail server. Not there in production.

It asks for no sign-in, because it is where one finds the link to confirm one's address, or to sign in by.
"""

import functools
import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_POST, require_safe

from common.errors import NotFound
from common.mail import mailbox

Page = Callable[..., HttpResponse]

# A mail may look as it likes and do nothing, but for a link that leaves the frame when somebody clicks it.
LETTER_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'; "
    "sandbox allow-top-navigation-by-user-activation"
)


def outside_production(page: Page) -> Page:
    @functools.wraps(page)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if settings.IN_PRODUCTION:
            raise NotFound
        response = page(request, *args, **kwargs)
        response.headers["Cache-Control"] = "no-store"
        return response

    return guarded


@require_safe
@outside_production
def index(request: HttpRequest) -> HttpResponse:
    context = {"letters": mailbox.letters(), "is_used": settings.EMAIL_BACKEND.endswith(".MailboxBackend")}
    return render(request, "mailbox/list.html", context)


@require_safe
@outside_production
def letter(request: HttpRequest, letter_id: uuid.UUID) -> HttpResponse:
    return render(request, "mailbox/letter.html", {"letter": _find(letter_id)})


@require_safe
@outside_production
def letter_html(request: HttpRequest, letter_id: uuid.UUID) -> HttpResponse:
    """The mail's own page, to be framed by ours."""
    html = _find(letter_id).html.replace("<head>", '<head><base target="_top">', 1)
    return HttpResponse(html, headers={"Content-Security-Policy": LETTER_POLICY, "X-Frame-Options": "SAMEORIGIN"})


@require_POST
@outside_production
def clear(request: HttpRequest) -> HttpResponse:
    mailbox.clear()
    return redirect("mailbox")


def _find(letter_id: uuid.UUID) -> mailbox.Letter:
    found = mailbox.letter(letter_id)
    if found is None:
        raise NotFound
    return found


urlpatterns = [
    path("mailbox", index, name="mailbox"),
    path("mailbox/clear", clear, name="mailbox_clear"),
    path("mailbox/<uuid:letter_id>", letter, name="mailbox_letter"),
    path("mailbox/<uuid:letter_id>/html", letter_html, name="mailbox_letter_html"),
]

"""Notifications in the web app: the list, and what can be done with each. It works without JavaScript."""

import uuid
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from common.errors import ValidationProblem
from common.pagination import page_before
from common.ratelimits import Gate
from notifications import kinds, services
from notifications.models import Notification
from notifications.selectors import notification_data, notifications_of

LISTED = 30
ACTIONS = {"read": services.mark_read, "unread": services.mark_unread, "delete": services.delete}


@require_GET
@login_required
@never_cache
def notifications(request: HttpRequest) -> HttpResponse:
    """One's own, newest first; for htmx, a further page of rows alone."""
    cursor = request.GET.get("cursor")
    own = notifications_of(request.claims.user_id)  # type: ignore[attr-defined]
    try:
        page = page_before(cursor, own, _row, limit=LISTED)
    except ValidationProblem as error:
        raise Http404 from error
    partial = cursor and request.headers.get("HX-Request")
    template = "notifications/_rows.html" if partial else "notifications/list.html"
    return render(request, template, {"notifications": page.items, "next": page.next})


def _row(notification: Notification) -> dict[str, Any]:
    kind = kinds.find(notification.kind)
    return notification_data(notification) | {
        "icon": kind.icon if kind else "bell",
        "leads_on": _address(notification) is not None,
    }


def _address(notification: Notification) -> str | None:
    """Where it leads; None where its kind leads nowhere, or no longer."""
    kind = kinds.find(notification.kind)
    try:
        return kind.address(notification.reference_id) if kind and kind.address else None
    except NoReverseMatch:
        return None


@require_POST
@login_required
def change(request: HttpRequest, notification_id: uuid.UUID, action: str) -> HttpResponse:
    """One of ACTIONS."""
    ACTIONS[action](user_id=_enter(request), notification_id=notification_id)
    return redirect("notifications")


@require_POST
@login_required
def follow(request: HttpRequest, notification_id: uuid.UUID) -> HttpResponse:
    """Marks it as read and goes where it leads."""
    notification = services.mark_read(user_id=_enter(request), notification_id=notification_id)
    return redirect(_address(notification) or "notifications")


@require_POST
@login_required
def read_all(request: HttpRequest) -> HttpResponse:
    """Up to `until`, the newest on the page: what has come since was not seen."""
    user_id = _enter(request)
    try:
        until = uuid.UUID(request.POST.get("until", ""))
    except ValueError as error:
        raise Http404 from error
    services.mark_all_read(user_id=user_id, until=until)
    return redirect("notifications")


def _enter(request: HttpRequest) -> uuid.UUID:
    """Counts a write of the signed-in person, and says who it is."""
    user_id = request.claims.user_id  # type: ignore[attr-defined]
    Gate(who=str(user_id), preset="api", write=True).enter()
    return user_id

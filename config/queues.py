"""The queue monitor in the console: for who may, and whatever it changes asks for a reason first."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_rq.admin import QueueAdmin
from django_rq.models import Dashboard

from common import audit
from common.admin_reasons import REASON, AskForReason

PERMISSION = "django_rq.admin"
ASKS_ITSELF = ("confirm_action",)  # shows what was chosen and changes nothing
BY_TOKEN = ("django_rq_home_json", "django_rq_metrics")  # they check their caller themselves
View = Callable[..., HttpResponse]


class ReasonedQueueAdmin(QueueAdmin):
    """django-rq's own pages, each behind the permission and, where it is a POST, behind a reason."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(PERMISSION)

    has_view_permission = has_change_permission = lambda self, request, obj=None: self.has_module_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        _require_permission(request)
        return super().changelist_view(request, extra_context)

    def get_urls(self) -> list[Any]:
        addresses = super().get_urls()
        for address in addresses:
            name = address.name or ""
            if name.startswith("django_rq_") and name not in BY_TOKEN:
                address.callback = with_reason(address.callback, name.removeprefix("django_rq_"))
        return addresses


def _require_permission(request: HttpRequest) -> None:
    if request.user.is_authenticated and not request.user.has_perm(PERMISSION):
        raise PermissionDenied


def with_reason(view: View, name: str) -> View:
    """A POST without a reason is answered by the question, which sends the same again with the answer."""

    @wraps(view)
    def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        _require_permission(request)
        if request.method != "POST" or name in ASKS_ITSELF or not request.user.is_staff:
            return view(request, *args, **kwargs)
        question = AskForReason(request.POST if REASON in request.POST else None)
        if not question.is_valid():
            return _ask(request, question, name)
        response = view(request, *args, **kwargs)
        audit.record(
            actor=request.user,  # type: ignore[arg-type]
            action=f"queue.{name}",
            target=Dashboard(pk=kwargs.get("job_id") or kwargs.get("queue_index")),
            reason=question.cleaned_data[REASON],
            data={"action": request.POST.get("action", ""), "jobs": request.POST.getlist("job_ids")[:100]},
        )
        return response

    return asked


def _ask(request: HttpRequest, question: AskForReason, name: str) -> HttpResponse:
    again = [(key, value) for key, values in request.POST.lists() for value in values if key != REASON]
    context = {
        **admin.site.each_context(request),
        "title": f"{name.replace('_', ' ').capitalize()}: why?",
        "reason_form": question,
        "again": [(key, value) for key, value in again if key != "csrfmiddlewaretoken"],
    }
    return render(request, "admin/ask_for_reason.html", context)


admin.site.unregister(Dashboard)
admin.site.register(Dashboard, ReasonedQueueAdmin)

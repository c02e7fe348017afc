"""The operators' console: what every app's admin is built from. Lists stay fast at a million rows."""

import uuid
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import BadRequest
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property

from common.admin_reasons import ReasonAdmin, ReasonForm
from common.models import AuditEntry

__all__ = ["FastModelAdmin", "ReadOnlyAdmin", "ReasonAdmin", "ReasonForm", "done", "reason_dialog"]

COUNTED_AT_MOST = 10_000


class CappedPaginator(Paginator):
    """Counts no further than an operator would page; beyond that a search is the way."""

    @cached_property
    def count(self) -> int:
        return self.object_list.order_by()[:COUNTED_AT_MOST].count()  # type: ignore[attr-defined]


class FastModelAdmin(ReasonAdmin):
    """Newest first by primary key, counts capped, search by id or by the beginning of an indexed lower-case column.

    `search_fields` are such columns (or aliases given in `get_queryset`).
    """

    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 50
    ordering = ("-pk",)
    sortable_by: tuple[str, ...] = ()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if any("\x00" in value for name, value in request.GET.items() if name != SEARCH_VAR):
            raise BadRequest  # PostgreSQL takes it in no filter; a search for it finds nothing
        return super().changelist_view(request, extra_context)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip().lower()
        if not term:
            return queryset, False
        if key := _as_uuid(term):
            return queryset.filter(pk=key), False
        matches = [Q(**{f"{name}__startswith": term}) for name in self.get_search_fields(request)]
        return queryset.filter(Q(*matches, _connector=Q.OR)) if matches else queryset.none(), False


class ReadOnlyAdmin(FastModelAdmin):
    """For what only services may write."""

    def has_add_permission(self, request: HttpRequest, *_: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def reason_dialog(title: str, description: str, submit: str) -> dict[str, Any]:
    """For `unfold.decorators.action(dialog=…)`: the action then gets the filled in `ReasonForm`."""
    return {"title": title, "description": description, "form_class": ReasonForm, "form_submit_text": submit}


def done(request: HttpRequest, message: str, address: str) -> HttpResponse:
    """Ends a dialog: the page at `address` is loaded and shows the message."""
    messages.success(request, message)
    return HttpResponse(headers={"HX-Redirect": address})


def _as_uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "actor", "action", "target_type", "target_id", "reason")
    list_select_related = ("actor",)
    search_fields = ("actor__username",)
    search_help_text = "The beginning of a username, or an entry's id"

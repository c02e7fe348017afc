"""Nothing is written by hand without a reason: the forms of the operators' console ask for one, and it is audited."""

from typing import Any

from django import forms
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from unfold.admin import ModelAdmin
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextareaWidget

from common import audit
from common.models import AuditEntry

REASON = "reason"
MIN_LENGTH, MAX_LENGTH = 3, 500
SHOWN = 200


def reason_field() -> forms.CharField:
    return forms.CharField(
        label="Reason",
        min_length=MIN_LENGTH,
        max_length=MAX_LENGTH,
        help_text="Why you do this. It is kept in the audit trail, with your name.",
        widget=UnfoldAdminTextareaWidget({"rows": 2}),
    )


class AskForReason(forms.Form):
    """The question on a page that has no other."""

    reason = reason_field()


class ReasonForm(BaseDialogForm):
    """The dialog of an action that must say why."""

    reason = reason_field()


def given_reason(request: HttpRequest) -> str:
    """The reason of the present POST. Raises PermissionDenied without one, which undoes what the request has done."""
    form = AskForReason(request.POST)
    if not form.is_valid():
        raise PermissionDenied("Nothing is written without a reason.")
    return form.cleaned_data[REASON]


class ReasonAdmin(ModelAdmin):
    """A `ModelAdmin` whose add, change and delete ask for a reason, and whose history is the audit trail."""

    def _may_write(self, request: HttpRequest, obj: Model | None) -> bool:
        return self.has_change_permission(request, obj) if obj else self.has_add_permission(request)

    def get_form(self, request: HttpRequest, obj: Model | None = None, change: bool = False, **kwargs: Any) -> Any:
        if self._may_write(request, obj):
            form: type[forms.ModelForm] = kwargs.get("form") or self.form
            kwargs["form"] = type(form.__name__, (form,), {REASON: reason_field()})
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        fieldsets = list(super().get_fieldsets(request, obj))
        if not self._may_write(request, obj):
            return fieldsets
        others = [
            (title, {**options, "fields": [name for name in options["fields"] if name != REASON]})
            for title, options in fieldsets
        ]
        return [*others, ("Why", {"fields": [REASON]})]

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        form.changed_data = [name for name in form.changed_data if name != REASON]
        request.changed_fields = form.changed_data  # type: ignore[attr-defined]
        return super().construct_change_message(request, form, formsets, add)

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._record(request, "admin.add", obj)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._record(request, "admin.change", obj)
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        for obj in queryset:
            self._record(request, "admin.delete", obj)
        return super().log_deletions(request, queryset)

    def _record(self, request: HttpRequest, action: str, obj: Model) -> None:
        # the names of the fields that changed, never their values
        fields = getattr(request, "changed_fields", None)
        audit.record(
            actor=request.user,  # type: ignore[arg-type]
            action=action,
            target=obj,
            reason=given_reason(request),
            data={"fields": fields} if fields else {},
        )

    # --- deleting -----------------------------------------------------------------------------------------------------

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        question = AskForReason(request.POST or None)
        if request.POST and not question.is_valid():
            request.POST = QueryDict()  # Django takes any POST for a yes
        return super().delete_view(request, object_id, {"reason_form": question} | (extra_context or {}))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = super().get_actions(request)
        if "delete_selected" in actions:
            function, name, description = actions["delete_selected"]
            actions["delete_selected"] = (_with_reason(function), name, description)
        return actions

    # --- history ------------------------------------------------------------------------------------------------------

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        target = {"target_type": self.opts.label_lower, "target_id": unquote(object_id)}
        trail = AuditEntry.objects.filter(**target).select_related("actor").order_by("-created_at")
        return super().history_view(request, object_id, {"trail": trail[:SHOWN]} | (extra_context or {}))


def _with_reason(delete_selected: Any) -> Any:
    """Django's bulk deletion, which asks again until it was told why."""

    def ask_first(model_admin: ReasonAdmin, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        confirmed = "post" in request.POST
        question = AskForReason(request.POST if confirmed else None)
        if confirmed and not question.is_valid():
            unanswered = request.POST.copy()
            del unanswered["post"]
            request.POST = unanswered  # type: ignore[assignment]
        response = delete_selected(model_admin, request, queryset)
        if response is not None:
            response.context_data["reason_form"] = question
        return response

    return ask_first

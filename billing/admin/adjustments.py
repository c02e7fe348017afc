"""The finance desk's list of adjustments that wait for a second person."""

import uuid

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.decorators import action
from unfold.enums import ActionVariant

from billing import services
from billing.admin.tools import MoneyAdmin, actor_of
from billing.models import AdjustmentRequest
from common.admin import ReasonForm, reason_dialog


@admin.register(AdjustmentRequest)
class AdjustmentRequestAdmin(MoneyAdmin):
    list_display = ("created_at", "wallet", "amount", "bucket", "reason", "requested_by", "status", "decided_by")
    list_select_related = ("wallet", "requested_by", "decided_by")
    list_filter = ("status",)
    ids = ("wallet",)
    search_help_text = "A request's id, or its wallet's"
    actions_detail = ("approve", "refuse")

    @action(
        description="Approve",
        permissions=["act"],
        dialog=reason_dialog("Approve", "The credits move at once. Whoever asked can't agree.", "Approve it"),
    )
    def approve(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        def approve() -> str:
            entry = services.approve_adjustment(
                request_id=uuid.UUID(object_id), actor=actor_of(request), reason=form.cleaned_data["reason"]
            )
            return f"{entry['amount']} credits were entered."

        return self.acted(request, approve, object_id)

    @action(
        description="Refuse",
        permissions=["act"],
        variant=ActionVariant.DANGER,
        dialog=reason_dialog("Refuse", "Nothing moves.", "Refuse it"),
    )
    def refuse(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        def refuse() -> str:
            services.refuse_adjustment(
                request_id=uuid.UUID(object_id), actor=actor_of(request), reason=form.cleaned_data["reason"]
            )
            return "It is refused."

        return self.acted(request, refuse, object_id)

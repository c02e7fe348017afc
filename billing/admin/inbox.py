"""The finance desk's lists of what providers told us, with their replay."""

import uuid
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget

from billing import providers, services
from billing.admin.tools import MoneyAdmin, ProviderFilter, actor_of
from billing.models import WebhookEvent
from common.admin import ReasonForm, reason_dialog
from common.errors import Conflict

AT_ONCE = 200


class ReplayForm(ReasonForm):
    """Which of those that failed, and why now."""

    provider = forms.ChoiceField(required=False, widget=UnfoldAdminSelectWidget)

    field_order = ("provider", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        every = [("", "All"), *((name, name) for name in providers.MEMBERS)]
        self.fields["provider"].choices = every


@admin.register(WebhookEvent)
class WebhookEventAdmin(MoneyAdmin):
    list_display = ("created_at", "provider", "kind", "status", "attempts", "repeats", "next_try_at", "problem")
    list_filter = ("status", ProviderFilter)
    texts = ("event_id",)
    actions_detail = ("replay",)
    actions_list = ("replay_failed",)

    @admin.display(description="error")
    def problem(self, event: WebhookEvent) -> str:
        return event.error[:80]

    @action(
        description="Replay",
        permissions=["act"],
        dialog=reason_dialog("Replay", "Has it worked off again, whatever became of it.", "Replay it"),
    )
    def replay(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        def replay() -> str:
            services.replay_event(
                event_id=uuid.UUID(object_id), actor=actor_of(request), reason=form.cleaned_data["reason"]
            )
            return "It waits to be worked off."

        return self.acted(request, replay, object_id)

    @action(
        description="Replay all that failed",
        permissions=["act"],
        dialog={
            "title": "Replay all that failed",
            "description": f"The oldest {AT_ONCE} of them.",
            "form_class": ReplayForm,
            "form_submit_text": "Replay them",
        },
    )
    def replay_failed(self, request: HttpRequest, form: ReplayForm) -> HttpResponse:
        def replay() -> str:
            failed = WebhookEvent.objects.filter(status=WebhookEvent.Status.FAILED).order_by("created_at")
            if form.cleaned_data["provider"]:
                failed = failed.filter(provider=form.cleaned_data["provider"])
            replayed = 0
            for pk in failed.values_list("pk", flat=True)[:AT_ONCE]:
                try:
                    services.replay_event(event_id=pk, actor=actor_of(request), reason=form.cleaned_data["reason"])
                except Conflict:
                    continue  # somebody else was quicker
                replayed += 1
            return f"{replayed} wait to be worked off."

        return self.acted(request, replay)

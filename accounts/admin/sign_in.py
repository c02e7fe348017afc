"""The operators' console of sign-ins."""

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.enums import ActionVariant

from accounts import services
from accounts.models import AuthSession
from common import audit
from common.admin import ReadOnlyAdmin, ReasonForm, done, reason_dialog


@admin.register(AuthSession)
class AuthSessionAdmin(ReadOnlyAdmin):
    list_display = ("user", "kind", "address", "created_at", "last_used_at", "expires_at", "ended_at", "end_reason")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    search_help_text = "The beginning of a username, or an id"
    exclude = ("refresh_jti",)
    actions_detail = ("end_session",)

    def has_end_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        if not request.user.has_perm("accounts.change_authsession"):
            return False
        session = self.get_object(request, object_id) if object_id else None
        return session is None or bool(request.user.is_superuser) or not session.user.is_staff

    @action(
        description="End this session",
        permissions=["end"],
        variant=ActionVariant.DANGER,
        dialog=reason_dialog("End this session", "Its tokens and its sockets are dead at once.", "End it"),
    )
    @transaction.atomic
    def end_session(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        session = self.get_object(request, object_id)
        ended = services.end_session(session_id=session.pk, reason=AuthSession.EndReason.STAFF)
        audit.record(
            actor=request.user,  # type: ignore[arg-type]
            action="session.end",
            target=session,
            reason=form.cleaned_data["reason"],
        )
        message = "The session has ended." if ended else "It had ended before."
        return done(request, message, reverse("admin:accounts_authsession_change", args=[session.pk]))

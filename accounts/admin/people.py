"""The operators' console of people, organisations and sign-ins."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.enums import ActionVariant

from accounts import services
from accounts.models import AuthSession, User
from common import audit
from common.admin import FastModelAdmin, ReasonForm, done, reason_dialog

ACCESS_FIELDS = ("role", "is_active")


class UserForm(forms.ModelForm):
    reason = forms.CharField(
        required=False, max_length=500, help_text="Needed to change the role, or to close or open the account."
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if set(ACCESS_FIELDS) & set(self.changed_data) and not data.get("reason", "").strip():
            self.add_error("reason", "Please say why.")
        return data


@admin.register(User)
class UserAdmin(FastModelAdmin):
    """The profile may be corrected; the role and the account's opening only by an administrator, with a reason."""

    form = UserForm
    list_display = ("username", "email", "role", "email_verified", "is_active", "created_at", "last_seen_at")
    list_filter = ("role",)
    search_fields = ("username", "email_lower")
    search_help_text = "The beginning of a username or an address, or an id"
    actions_detail = ("end_sessions",)
    fieldsets = (
        (None, {"fields": ("username", "email", "email_verified", "display_name", "bio", "locale", "timezone")}),
        ("Access", {"fields": ("role", "is_active", "reason", "banned_until", "deleted_at")}),
        ("History", {"fields": ("id", "created_at", "last_seen_at", "utm")}),
    )
    readonly_fields = (
        *("username", "email", "email_verified", "banned_until", "deleted_at"),
        *("id", "created_at", "last_seen_at", "utm"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).alias(email_lower=Lower("email"))

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        may_change_access = request.user.is_superuser and obj != request.user
        return self.readonly_fields if may_change_access else (*self.readonly_fields, *ACCESS_FIELDS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a person signs up

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    def has_end_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("accounts.change_authsession")

    def save_model(self, request: HttpRequest, obj: User, form: forms.ModelForm, change: bool) -> None:
        if set(ACCESS_FIELDS) & set(form.changed_data):
            services.set_access(
                user=obj,
                role=obj.role,
                is_active=obj.is_active,
                actor=request.user,  # type: ignore[arg-type]
                reason=form.cleaned_data["reason"],
            )
        super().save_model(request, obj, form, change)

    @action(
        description="End all sessions",
        permissions=["end"],
        variant=ActionVariant.DANGER,
        dialog=reason_dialog("End all sessions", "The person is signed out everywhere at once.", "End them"),
    )
    @transaction.atomic
    def end_sessions(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        user = self.get_object(request, object_id)
        count = services.end_sessions_of(user_id=user.pk, reason=AuthSession.EndReason.STAFF)
        audit.record(
            actor=request.user,  # type: ignore[arg-type]
            action="user.end_sessions",
            target=user,
            reason=form.cleaned_data["reason"],
            data={"ended": count},
        )
        return done(request, f"{count} sessions ended.", reverse("admin:accounts_user_change", args=[user.pk]))

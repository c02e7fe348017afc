"""The operators' console of people."""

from collections.abc import Callable

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.enums import ActionVariant

from accounts import services
from accounts.models import AuthSession, Block, User
from accounts.services import anonymisation
from common import audit
from common.admin import FastModelAdmin, ReadOnlyAdmin, ReasonForm, done, reason_dialog
from common.errors import Problem

ACCESS_FIELDS = ("role", "is_active")


@admin.register(User)
class UserAdmin(FastModelAdmin):
    """The profile may be corrected; the role and the account's opening only by an administrator.

    Staff are looked after by administrators alone: nobody ends the session, or the account, of who stands above them.
    """

    list_display = ("username", "email", "role", "email_verified", "is_active", "created_at", "last_seen_at")
    list_filter = ("role",)
    search_fields = ("username", "email_lower")
    search_help_text = "The beginning of a username or an address, or an id"
    actions_detail = ("end_sessions", "delete_account", "restore_account", "anonymise_now")
    fieldsets = (
        (None, {"fields": ("username", "email", "email_verified", "display_name", "bio", "locale", "timezone")}),
        ("Access", {"fields": ("role", "is_active", "banned_until", "deleted_at", "anonymised_at")}),
        ("History", {"fields": ("id", "created_at", "last_seen_at", "utm")}),
    )
    readonly_fields = (
        *("username", "email", "email_verified", "banned_until", "deleted_at", "anonymised_at"),
        *("id", "created_at", "last_seen_at", "utm"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).alias(email_lower=Lower("email"))

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        may_change_access = request.user.is_superuser and obj != request.user
        return self.readonly_fields if may_change_access else (*self.readonly_fields, *ACCESS_FIELDS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a person signs up

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or _may_touch(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False  # an account is deleted by its action, which hides it first

    def has_end_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("accounts.change_authsession") and self._may_touch(request, object_id)

    def has_leave_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("accounts.delete_user") and self._may_touch(request, object_id)

    def has_anonymise_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return bool(request.user.is_superuser) and self._may_touch(request, object_id)

    def _may_touch(self, request: HttpRequest, object_id: str | None) -> bool:
        user = self.get_object(request, object_id) if object_id else None
        return user is None or _may_touch(request, user)

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
        return done(request, f"{count} sessions ended.", _address(user))

    @action(
        description="Delete account",
        permissions=["leave"],
        variant=ActionVariant.DANGER,
        dialog=reason_dialog(
            "Delete this account",
            "The person is hidden and signed out everywhere at once. For 30 days signing in brings them back.",
            "Delete it",
        ),
    )
    def delete_account(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        user = self.get_object(request, object_id)
        return _do(
            request,
            user,
            lambda: services.delete_account(
                user_id=user.pk,
                actor=request.user,  # type: ignore[arg-type]
                reason=form.cleaned_data["reason"],
            ),
            "The account is deleted.",
        )

    @action(
        description="Restore account",
        permissions=["leave"],
        dialog=reason_dialog("Restore this account", "As signing in would, within the 30 days.", "Restore it"),
    )
    def restore_account(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        user = self.get_object(request, object_id)
        if not services.is_restorable(user):
            return _refuse(request, user, "There is nothing to restore: not deleted, or gone for good.")
        return _do(
            request,
            user,
            lambda: services.restore(
                user,
                actor=request.user,  # type: ignore[arg-type]
                reason=form.cleaned_data["reason"],
            ),
            "The account is back.",
        )

    @action(
        description="Anonymise now",
        permissions=["anonymise"],
        variant=ActionVariant.DANGER,
        dialog=reason_dialog(
            "Anonymise now",
            "For an account that is deleted already: what tells who it was goes for good, before the 30 days are over.",
            "Anonymise it",
        ),
    )
    def anonymise_now(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        user = self.get_object(request, object_id)
        return _do(
            request,
            user,
            lambda: anonymisation.anonymise(
                user_id=user.pk,
                actor=request.user,  # type: ignore[arg-type]
                reason=form.cleaned_data["reason"],
            ),
            "Nothing here tells who this was any more.",
        )


@admin.register(Block)
class BlockAdmin(ReadOnlyAdmin):
    list_display = ("user", "blocked", "created_at")
    list_select_related = ("user", "blocked")
    search_fields = ("user__username",)
    search_help_text = "The beginning of the username of who blocks, or an id"


def _may_touch(request: HttpRequest, user: User) -> bool:
    return bool(request.user.is_superuser) or not user.is_staff


def _address(user: User) -> str:
    return reverse("admin:accounts_user_change", args=[user.pk])


def _do(request: HttpRequest, user: User, act: Callable[[], object], message: str) -> HttpResponse:
    try:
        act()
    except Problem as problem:
        return _refuse(request, user, problem.detail)
    return done(request, message, _address(user))


def _refuse(request: HttpRequest, user: User, message: str) -> HttpResponse:
    messages.error(request, message)
    return HttpResponse(headers={"HX-Redirect": _address(user)})

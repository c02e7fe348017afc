"""Characters in the operators' console: everything can be looked at; what staff do is take down and restore."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.enums import ActionVariant

from characters import services
from characters.models import Character, CounterDelta, DailyActivity, Like, Lorebook, Memory, Persona, ScoreGeneration
from common.admin import ReadOnlyAdmin, ReasonForm, done, reason_dialog


@admin.register(Character)
class CharacterAdmin(ReadOnlyAdmin):
    list_display = (
        *("name", "creator", "visibility", "category", "content_rating"),
        *("likes_amount", "messages_amount", "created_at", "taken_down_at", "deleted_at"),
    )
    list_filter = ("visibility", ("taken_down_at", admin.EmptyFieldListFilter))
    list_select_related = ("creator",)
    search_fields = ("name_lower",)
    search_help_text = "The beginning of a name, @ and a whole username, or an id"
    exclude = ("search",)
    actions_detail = ("take_down", "restore")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Character]:
        return super().get_queryset(request).alias(name_lower=Lower("name"))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if search_term.strip().startswith("@"):
            return queryset.filter(creator__username=search_term.strip()[1:].lower()), False
        return super().get_search_results(request, queryset, search_term)

    def has_judge_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("characters.change_character")

    @action(
        description="Take down",
        permissions=["judge"],
        variant=ActionVariant.DANGER,
        dialog=reason_dialog(
            "Take this character down", "It becomes private, and its creator can't open it again.", "Take it down"
        ),
    )
    def take_down(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        character = services.take_down_character(
            character_id=self.get_object(request, object_id).pk,
            staff=request.user,  # type: ignore[arg-type]
            reason=form.cleaned_data["reason"],
        )
        return done(request, f"{character.name} is taken down.", _address(character))

    @action(
        description="Restore",
        permissions=["judge"],
        dialog=reason_dialog("Restore this character", "Its creator may show it to others again.", "Restore it"),
    )
    def restore(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        character = services.restore_character(
            character_id=self.get_object(request, object_id).pk,
            staff=request.user,  # type: ignore[arg-type]
            reason=form.cleaned_data["reason"],
        )
        return done(request, f"{character.name} may be shown again.", _address(character))


def _address(character: Character) -> str:
    return reverse("admin:characters_character_change", args=[character.pk])


@admin.register(Like)
class LikeAdmin(ReadOnlyAdmin):
    list_display = ("user", "character", "created_at")
    list_select_related = ("user", "character")
    search_fields = ("user__username",)
    search_help_text = "The beginning of a username, or an id"


@admin.register(Lorebook)
class LorebookAdmin(ReadOnlyAdmin):
    list_display = ("character", "created_at", "updated_at")
    list_select_related = ("character",)


@admin.register(Memory)
class MemoryAdmin(ReadOnlyAdmin):
    """That there are memories, never what they say: that is the person's alone."""

    list_display = ("user", "character", "created_at")
    list_select_related = ("user", "character")
    search_fields = ("user__username",)
    search_help_text = "The beginning of a username, or an id"
    exclude = ("text",)


@admin.register(Persona)
class PersonaAdmin(ReadOnlyAdmin):
    list_display = ("name", "user", "is_default", "created_at")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    search_help_text = "The beginning of a username, or an id"


@admin.register(DailyActivity)
class DailyActivityAdmin(ReadOnlyAdmin):
    list_display = ("character", "day", "likes", "messages")
    list_select_related = ("character",)


@admin.register(CounterDelta)
class CounterDeltaAdmin(ReadOnlyAdmin):
    list_display = ("character_id", "day", "likes", "messages")


@admin.register(ScoreGeneration)
class ScoreGenerationAdmin(ReadOnlyAdmin):
    list_display = ("number", "refreshed_at")

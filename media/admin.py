"""Files in the operators' console: looked at, taken down and put back. Who looks at a private one is written down."""

import uuid
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import action
from unfold.enums import ActionVariant

from accounts.models import Organization, User
from common import audit
from common.admin import ReadOnlyAdmin, ReasonForm, done, reason_dialog
from common.models import AuditEntry
from media import links, registry, serving
from media.models import Asset, Family, Rendition, StorageUse, StoredContent, StrayFile, Upload, Visibility
from media.services import assets, strays

LOOK = "asset.look"
ONE_LOOK = timedelta(minutes=10)  # a player asks for one clip in many pieces
FOUND_AT_MOST = 500  # people, or contents, that a search begins with
FEWEST_OF_A_HASH = 6


class FilesAdmin(ReadOnlyAdmin):
    """Searching begins with whose it is, and goes on by ids: no list of files is read from end to end for it."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip().lower().replace("\x00", "")
        if not term:
            return queryset, False
        wanted = self.wanted(term)
        with suppress(ValueError):
            wanted |= Q(pk=uuid.UUID(term))
        return queryset.filter(wanted), False

    def wanted(self, term: str) -> Q:
        """What is looked for beside the row's own id."""
        return Q(owner__in=owners(term))


def owners(term: str) -> list[uuid.UUID]:
    return list(User.objects.filter(username__startswith=term).values_list("pk", flat=True)[:FOUND_AT_MOST])


def contents(term: str) -> list[uuid.UUID]:
    """Of what was sent with a SHA-256 that begins so, or is shown with it in any of its sizes."""
    if len(term) < FEWEST_OF_A_HASH or set(term) - set("0123456789abcdef"):
        return []
    as_sent = StoredContent.objects.filter(sha256__startswith=term).values_list("pk", flat=True)
    as_shown = Rendition.objects.filter(sha256__startswith=term).values_list("content_id", flat=True)
    return [*as_sent[:FOUND_AT_MOST], *as_shown[:FOUND_AT_MOST]]


def taken_key(term: str) -> str:
    """An asset's key, also out of one of our addresses."""
    return links.key_of(term) or term


def bytes_shown(size: int) -> str:
    return filesizeformat(size).replace("\xa0", " ")


@admin.register(Asset)
class AssetAdmin(FilesAdmin):
    list_display = (
        *("thumbnail", "key", "owner", "purpose", "visibility", "family", "status", "stored"),
        *("created_at", "taken_down_at"),
    )
    list_display_links = ("key",)
    list_filter = ("purpose", "visibility", "content__family", ("taken_down_at", admin.EmptyFieldListFilter))
    list_select_related = ("owner", "content")
    search_fields = ("key",)  # shows the search box; what is looked for is below
    search_help_text = "The beginning of a username, of a key or of a SHA-256; a file's address; or an id"
    fields = (
        *("preview", "key", "address", "owner", "organization", "purpose", "visibility", "filename", "stored_file"),
        *("sha256", "family", "status", "copies", "created_at", "taken_down_at"),
    )
    readonly_fields = ("preview", "address", "stored_file", "sha256", "family", "status", "copies", "created_at")
    actions_detail = ("take_down", "put_back", "erase")

    def wanted(self, term: str) -> Q:
        return Q(owner__in=owners(term)) | Q(content__in=contents(term)) | Q(key__startswith=taken_key(term))

    # --- looking -----------------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        look = self.admin_site.admin_view(self.look, cacheable=True)
        return [path("<uuid:asset_id>/file/<str:variant>/", look, name="media_asset_file"), *super().get_urls()]

    def look(self, request: HttpRequest, asset_id: uuid.UUID, variant: str) -> HttpResponseBase:
        """The file itself, whoever may see it otherwise. A look at a private one stands in the audit trail."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        asset = Asset.objects.select_related("content").filter(pk=asset_id).first()
        if asset is None or variant not in serving.VARIANTS:
            raise Http404
        if asset.visibility == Visibility.PRIVATE:
            _write_down_look(request, asset)
        return serving.show_to_staff(request, asset, variant)

    @admin.display(description="")
    def thumbnail(self, asset: Asset) -> SafeString | str:
        """Of what everybody sees. What is private is looked at one by one, and what was taken down is not shown by
        surprise."""
        if asset.visibility == Visibility.PRIVATE or asset.taken_down_at or not _has_picture(asset.content):
            return "–"
        return format_html('<img class="thumbnail" src="{}" alt="" loading="lazy">', _look_at(asset, "thumbnail"))

    def _found(self, request: HttpRequest, object_id: str) -> Asset:
        asset = self.get_object(request, object_id)
        if asset is None:
            raise Http404("This file is gone.")
        return asset

    @admin.display(description="file")
    def preview(self, asset: Asset) -> SafeString | str:
        content = asset.content
        if content.status != StoredContent.Status.READY:
            return content.error or f"It is being prepared: {content.progress} %"
        source = _look_at(asset, "original")
        if content.family == Family.IMAGE:
            return format_html('<img class="preview" src="{}" alt="">', source)
        if content.family == Family.VIDEO:
            return format_html('<video class="preview" src="{}" controls preload="none"></video>', source)
        return format_html('<audio class="preview" src="{}" controls preload="none"></audio>', source)

    @admin.display(description="address")
    def address(self, asset: Asset) -> SafeString | str:
        if asset.visibility == Visibility.PRIVATE:
            return "private: only its owner, and whom they have given it to, get a signed one"
        return format_html('<a href="{0}" rel="noopener noreferrer">{0}</a>', links.public_url(asset.key))

    @admin.display(description="stored file")
    def stored_file(self, asset: Asset) -> SafeString | str:
        return _linked(asset.content, str(asset.content))

    @admin.display(description="SHA-256 of what was sent")
    def sha256(self, asset: Asset) -> str:
        return asset.content.sha256 or "–"

    @admin.display(description="family")
    def family(self, asset: Asset) -> str:
        return asset.content.family

    @admin.display(description="status")
    def status(self, asset: Asset) -> str:
        return asset.content.status

    @admin.display(description="stored")
    def stored(self, asset: Asset) -> str:
        return bytes_shown(asset.content.stored_bytes)

    @admin.display(description="uses of the same bytes")
    def copies(self, asset: Asset) -> int:
        """Whoever sent them: as many as taking it down would reach."""
        return assets.same_file(asset).count()

    # --- acting ------------------------------------------------------------------------------------------------------

    def has_judge_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("media.change_asset")

    def has_erase_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("media.delete_asset")

    @action(
        description="Take down",
        permissions=["judge"],
        variant=ActionVariant.DANGER,
        dialog=reason_dialog(
            "Take this file down",
            "Nobody sees it any more, in any size, nor the same bytes where somebody else has sent them. "
            "The CDN is asked to forget it. It can be put back.",
            "Take it down",
        ),
    )
    def take_down(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        asset = self._found(request, object_id)
        reached = assets.take_down(asset=asset, actor=_actor(request), reason=form.cleaned_data["reason"])
        return done(request, f"Taken down: {_files(reached)}.", _address(asset))

    @action(
        description="Put back",
        permissions=["judge"],
        dialog=reason_dialog(
            "Put this file back", "It is seen again by whom it was before, and so are all its copies.", "Put it back"
        ),
    )
    def put_back(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        asset = self._found(request, object_id)
        reached = assets.put_back(asset=asset, actor=_actor(request), reason=form.cleaned_data["reason"])
        return done(request, f"Put back: {_files(reached)}.", _address(asset))

    @action(
        description="Delete for good",
        permissions=["erase"],
        variant=ActionVariant.DANGER,
        dialog=reason_dialog(
            "Delete this file for good",
            "It is gone at once and can't be put back. Copies of other people stay: take it down first to hide those.",
            "Delete it",
        ),
    )
    def erase(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        asset = self._found(request, object_id)
        assets.delete_as_staff(asset=asset, actor=_actor(request), reason=form.cleaned_data["reason"])
        return done(request, f"{asset.key} is deleted.", reverse("admin:media_asset_changelist"))


def _has_picture(content: StoredContent) -> bool:
    return content.status == StoredContent.Status.READY and content.family != Family.AUDIO


def _look_at(asset: Asset, variant: str) -> str:
    return reverse("admin:media_asset_file", args=[asset.pk, variant])


def _write_down_look(request: HttpRequest, asset: Asset) -> None:
    """Once for each look; for a clip, which is asked for in pieces, once in ten minutes."""
    if "Range" in request.headers:
        same = {"target_type": asset._meta.label_lower, "target_id": str(asset.pk), "action": LOOK}
        since = timezone.now() - ONE_LOOK
        if AuditEntry.objects.filter(**same, actor=_actor(request), created_at__gt=since).exists():
            return
    audit.record(actor=_actor(request), action=LOOK, target=asset)


def _actor(request: HttpRequest) -> User:
    return request.user  # type: ignore[return-value]


def _address(asset: Asset) -> str:
    return reverse("admin:media_asset_change", args=[asset.pk])


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _linked(row: Any, text: str) -> SafeString:
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    return format_html('<a href="{}">{}</a>', reverse(name, args=[row.pk]), text)


@admin.register(StoredContent)
class StoredContentAdmin(FilesAdmin):
    """What stands in the storage. A clip that failed has kept nothing, so there is nothing to work on again."""

    list_display = (
        *("id", "owner", "family", "status", "progress", "error", "size", "duration", "stored"),
        *("attempts", "created_at"),
    )
    list_filter = ("family", "status")
    list_select_related = ("owner",)
    search_fields = ("sha256",)
    search_help_text = "The beginning of a username or of a SHA-256, or an id"
    fields = (
        *("owner", "organization", "family", "status", "progress", "error", "attempts", "lease_until", "sha256"),
        *("shape", "size", "duration", "animated", "blurhash", "stored", "files", "uses", "created_at", "updated_at"),
    )
    readonly_fields = ("size", "stored", "files", "uses", "created_at", "updated_at")

    def wanted(self, term: str) -> Q:
        return Q(owner__in=owners(term)) | Q(pk__in=contents(term))

    @admin.display(description="pixels")
    def size(self, content: StoredContent) -> str:
        return f"{content.width} × {content.height}" if content.width else "–"

    @admin.display(description="stored")
    def stored(self, content: StoredContent) -> str:
        return bytes_shown(content.stored_bytes)

    @admin.display(description="files")
    def files(self, content: StoredContent) -> SafeString | str:
        rows = content.renditions.order_by("pk")
        return format_html_join(
            "",
            "<div>{}: {}, {}, <code>{}:{}</code></div>",
            ((row.name, row.mime_type, bytes_shown(row.size), row.storage, row.key) for row in rows),
        ) or "none"  # fmt: skip

    @admin.display(description="uses")
    def uses(self, content: StoredContent) -> SafeString | str:
        rows = content.assets.order_by("pk")[:FOUND_AT_MOST]
        return format_html_join("", "<div>{}</div>", ((_linked(row, row.key),) for row in rows)) or "none"


@admin.register(Upload)
class UploadAdmin(FilesAdmin):
    list_display = (
        *("created_at", "owner", "key", "content_type", "announced", "storage", "visibility"),
        *("expires_at", "confirmed_at"),
    )
    list_filter = (("confirmed_at", admin.EmptyFieldListFilter), "storage")
    list_select_related = ("owner",)
    search_fields = ("key",)
    search_help_text = "The beginning of a username or of a key, or an id"

    def wanted(self, term: str) -> Q:
        return Q(owner__in=owners(term)) | Q(key__startswith=taken_key(term))

    @admin.display(description="size")
    def announced(self, upload: Upload) -> str:
        return bytes_shown(upload.size)


@admin.register(StorageUse)
class StorageUseAdmin(FilesAdmin):
    list_display = ("organization", "used", "updated_at")
    list_select_related = ("organization",)
    search_fields = ("organization",)
    search_help_text = "The beginning of a username or of an organisation's name, or an id of either kind"
    fields = ("organization", "used", "room", "updated_at")
    readonly_fields = ("used", "room", "updated_at")

    def wanted(self, term: str) -> Q:
        named = Organization.objects.alias(lower=Lower("name")).filter(lower__startswith=term)
        theirs = Organization.objects.filter(personal=True, memberships__user__in=owners(term))
        found = [*named.values_list("pk", flat=True)[:FOUND_AT_MOST], *theirs.values_list("pk", flat=True)]
        wanted = Q(organization__in=found)
        try:
            return wanted | Q(organization=uuid.UUID(term))
        except ValueError:
            return wanted

    @admin.display(description="used", ordering="used_bytes")
    def used(self, row: StorageUse) -> str:
        return bytes_shown(row.used_bytes)

    @admin.display(description="may keep")
    def room(self, row: StorageUse) -> str:
        quota = registry.quota_of(row.organization_id)
        return "any amount" if quota is None else bytes_shown(quota)


@admin.register(StrayFile)
class StrayFileAdmin(ReadOnlyAdmin):
    list_display = ("due_at", "storage", "key", "attempts", "created_at")
    list_filter = ("storage",)
    search_fields = ("key",)
    search_help_text = "The beginning of a file's name in its storage, or an id"
    actions_list = ("delete_due",)

    def has_sweep_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("media.delete_strayfile")

    @action(
        description="Delete due now",
        permissions=["sweep"],
        dialog=reason_dialog(
            "Delete what is due",
            "The workers delete at once what is due, and try again what was put off because a storage was away.",
            "Delete",
        ),
    )
    @transaction.atomic
    def delete_due(self, request: HttpRequest, form: ReasonForm) -> HttpResponse:
        due = strays.hurry()
        audit.record(
            actor=_actor(request),
            action="strays.delete_due",
            target=_actor(request),
            reason=form.cleaned_data["reason"],
            data={"files": due},
        )
        return done(request, f"Due now: {_files(due)}.", reverse("admin:media_strayfile_changelist"))

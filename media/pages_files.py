"""The page of one's own files. What needs no JavaScript: looking, sending a picture, deleting."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from accounts.models import User
from accounts.selectors import personal_organization_id
from common.errors import NotFound, Problem, UnsupportedMediaType, ValidationProblem
from common.pagination import page_before
from common.ratelimits import Gate
from media import formats, links, selectors
from media.models import Asset, Visibility
from media.services import assets, intake
from media.services.variants import SIDES
from media.uploads import refuse_large, the_file

LISTED = 24
KINDS = {"": "All", "image": "Pictures", "video": "Video", "audio": "Audio"}
NAMELESS = {"image": "Picture", "video": "Video", "audio": "Audio"}
USED_FOR = {
    "avatar": "Your portrait",
    "character": "Character",
    "chat": "Conversation",
    "generation": "Generated",
    "content": "Content",
    "event_cover": "Event",
}
PICTURES = ",".join(found.mime_type for found in formats.ALL if found.family == "image")
ALL_KINDS = ",".join([*formats.MIME_TYPES, *(f".{found.extension}" for found in formats.ALL), ".m4v", ".opus"])
TIGHT = 0.9  # of the storage; from there on the page says where more is to be had
HASH_WIDTH = 32  # pixels of a placeholder, whose height follows the picture


@require_safe
@login_required
@never_cache
@vary_on_headers("HX-Request")
def files(request: HttpRequest) -> HttpResponse:
    """One's own, newest first; for htmx, a further page of cards alone."""
    kind, cursor = request.GET.get("kind", ""), request.GET.get("cursor")
    if kind not in KINDS:
        raise Http404
    try:
        page = page_before(cursor, selectors.own_assets(_me(request), family=kind or None), _shown, limit=LISTED)
    except ValidationProblem as error:
        raise Http404 from error
    context = {"files": page.items, "next": page.next, "kind": kind}
    if cursor and request.headers.get("HX-Request"):
        return render(request, "media/_files.html", context)
    return render(
        request,
        "media/files.html",
        context | {"kinds": KINDS, "pictures": PICTURES, "all_kinds": ALL_KINDS, "meter": _meter(_me(request))},
    )


@require_safe
@login_required
@never_cache
def card(request: HttpRequest, asset_id: uuid.UUID) -> HttpResponse:
    """The card of one file, for a page that has just sent it or heard of it."""
    return render(request, "media/_file.html", {"file": _shown(_own(request, asset_id))})


@require_safe
@login_required
@never_cache
def meter(request: HttpRequest) -> HttpResponse:
    """How full the storage is, for a page that has changed it."""
    return render(request, "media/_meter.html", {"meter": _meter(_me(request))})


@require_POST
@login_required
def send(request: HttpRequest) -> HttpResponse:
    """The page's form with one picture."""
    user_id = _me(request)
    try:
        Gate(who=str(user_id), preset="upload", write=True).enter()
        refuse_large(request.META.get("CONTENT_LENGTH") or "")
        visibility = request.POST.get("visibility")
        wanted = intake.use(
            owner_id=user_id,
            organization_id=personal_organization_id(user_id),
            visibility=visibility if visibility in Visibility.values else Visibility.PRIVATE,
        )
        asset = intake.take_picture(wanted, the_file(request.content_type or "", request.FILES))
        messages.success(request, f"“{_name(asset)}” is here.")
    except UnsupportedMediaType:
        messages.error(
            request,
            "That is no picture that we take. Send a JPEG, PNG, WebP, GIF or AVIF; "
            "for video and audio, switch on JavaScript for this page.",
        )
    except Problem as problem:
        messages.error(request, " ".join((problem.errors or {}).get("file", [])) or problem.detail)
    return redirect("files")


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def delete(request: HttpRequest, asset_id: uuid.UUID) -> HttpResponse:
    """Asks, and deletes."""
    asset = _own(request, asset_id)
    if request.method != "POST":
        return render(request, "media/file_delete.html", {"file": _shown(asset)})
    Gate(who=str(request.user.pk), preset="api", write=True).enter()
    assets.delete_asset(owner_id=_me(request), asset_id=asset.pk)
    messages.success(request, f"“{_name(asset)}” is gone.")
    return redirect("files")


def _me(request: HttpRequest) -> uuid.UUID:
    assert isinstance(request.user, User)
    return request.user.pk


def _own(request: HttpRequest, asset_id: uuid.UUID) -> Asset:
    asset = selectors.own_assets(_me(request)).filter(pk=asset_id).first()
    if asset is None:
        raise NotFound
    return asset


# --- what the templates show ------------------------------------------------------------------------------------------


def _meter(user_id: uuid.UUID) -> dict[str, Any]:
    """`{used, quota, is_tight}` in bytes of the personal organisation; no quota is None."""
    use = selectors.storage_of_organization(personal_organization_id(user_id))
    used, quota = use["used_bytes"], use["quota_bytes"]
    return {"used": used, "quota": quota, "is_tight": quota is not None and used >= quota * TIGHT}


def _shown(asset: Asset) -> dict[str, Any]:
    """`selectors.asset_data`, with the words, measures and addresses of a card."""
    content = asset.content
    data = selectors.asset_data(asset)
    is_seen = data["thumbnail_url"] is not None
    return data | {
        "name": _name(asset),
        "family": content.family,
        "kind": "Moving picture" if content.animated else NAMELESS[content.family],
        "used_for": USED_FOR.get(asset.purpose, ""),
        "is_public": asset.visibility == Visibility.PUBLIC,
        "address": _address(asset),
        "medium": _address(asset, "medium") if is_seen else "",
        "thumbnail": _address(asset, "thumbnail") if is_seen else "",
        "small": _address(asset, "small") if is_seen else "",
        "save": f"{links.PREFIX}{asset.key}?download",
        "copied": links.public_url(asset.key),
        "hash_height": _hash_height(content.width, content.height),
        **_measures(content.width, content.height),
    }


def _name(asset: Asset) -> str:
    return asset.filename or NAMELESS[asset.content.family]


def _address(asset: Asset, variant: str | None = None) -> str:
    """For its owner, whose session opens private ones: a signed address would run out while the page stands open."""
    if asset.visibility == Visibility.PRIVATE:
        return f"{links.PREFIX}{asset.key}" + (f"?variant={variant}" if variant else "")
    return links.public_url(asset.key, variant).removeprefix(settings.PUBLIC_URL)


def _measures(width: int | None, height: int | None) -> dict[str, int]:
    """Of the thumbnail, in pixels; a square where nobody knows."""
    side = SIDES["thumbnail"]
    if not width or not height:
        return {"thumbnail_width": side, "thumbnail_height": side}
    scale = min(1, side / max(width, height))
    return {"thumbnail_width": max(1, round(width * scale)), "thumbnail_height": max(1, round(height * scale))}


def _hash_height(width: int | None, height: int | None) -> int:
    return min(4 * HASH_WIDTH, max(1, round(HASH_WIDTH * height / width))) if width and height else HASH_WIDTH

"""`GET /media/<key>`: who may see it, which file of it, and the headers under which it can do no harm."""

import itertools
import time
import uuid
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.utils.http import parse_etags

from accounts.authentication import signed_in_by_token
from common.errors import Conflict, NotFound, ValidationProblem
from common.ranges import asked_range
from media import links, registry
from media.models import Asset, Rendition, StoredContent, Visibility
from media.services import variants
from media.services.away import told_when_away
from media.storages import storage_of

YEAR = 365 * 86_400
VARIANTS = ("original", "medium", "small", "thumbnail")
SMALLER = ("thumbnail", "small", "medium")  # where one is missing, the next is the picture whole
# The addresses that we give out, and that a CDN is asked to forget; under no other would it hear of a takedown.
KEPT_QUERIES = {"", *(f"variant={name}" for name in VARIANTS)}
SANDBOX = "default-src 'none'; sandbox"


@told_when_away()
def answer(request: HttpRequest, key: str) -> HttpResponseBase:
    """The file of an asset, or a part of it, or that it has not changed.

    Raises NotFound (also for what the caller may not know of), Unauthenticated for a token that is none,
    ValidationProblem for an unknown variant, Conflict while a clip is worked on.
    """
    by_token = signed_in_by_token(request)  # before anything is looked for, so that a bad one tells nothing
    variant = request.GET.get("variant", "original")
    if variant not in VARIANTS:
        raise ValidationProblem(errors={"variant": [f"Give one of: {', '.join(VARIANTS)}."]})
    asset = _asset(key)
    if not _may_see(request, asset, by_token):
        raise NotFound
    return _send(request, asset, _rendition(asset.content, variant))


@told_when_away()
def show_to_staff(request: HttpRequest, asset: Asset, variant: str) -> HttpResponseBase:
    """For the operators' console, which has asked who looks: also what is private or taken down, and kept nowhere."""
    file = _rendition(asset.content, variant)
    response = _body(request, file, f'"{file.sha256[:32]}"')
    _protect(response, request, asset, file)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


def _asset(key: str) -> Asset:
    rows = Asset.objects.select_related("content").filter(taken_down_at=None, owner__deleted_at=None)
    asset = rows.filter(key=key).first() if key.isprintable() else None  # PostgreSQL knows no NUL
    if asset is None:
        raise NotFound
    return asset


def _may_see(request: HttpRequest, asset: Asset, by_token: uuid.UUID | None) -> bool:
    if asset.visibility == Visibility.PUBLIC:
        return True
    expires, signature = request.GET.get("expires", ""), request.GET.get("signature", "")
    if links.is_signed("asset", asset.key, expires, signature):
        return True
    return registry.may_see(asset, by_token or _by_cookie(request))


def _by_cookie(request: HttpRequest) -> uuid.UUID | None:
    user = getattr(request, "user", None)
    return user.pk if user and user.is_authenticated else None


def _rendition(content: StoredContent, variant: str) -> Rendition:
    kept = {rendition.name: rendition for rendition in content.renditions.all()}
    if content.family != "image":
        return _of_clip(content, kept, variant)
    name = variants.wanted_name(content, variant)
    found = kept.get(name) or _made(content, name)
    if found is None:
        raise NotFound
    return found


def _made(content: StoredContent, name: str) -> Rendition | None:
    try:
        return variants.make(content.pk, name)
    except FileNotFoundError:
        return None


def _of_clip(content: StoredContent, kept: dict[str, Rendition], variant: str) -> Rendition:
    """A clip itself, or a smaller variant of its poster: the next larger there is."""
    if content.status == StoredContent.Status.PROCESSING:
        raise Conflict("This clip is still being prepared.", retry_after=5)
    if variant == Rendition.Name.ORIGINAL:
        names: tuple[str, ...] = (Rendition.Name.ORIGINAL,)
    else:
        names = (*SMALLER[SMALLER.index(variant) :], Rendition.Name.POSTER)
    found = next((kept[name] for name in names if name in kept), None)
    if found is None:
        raise NotFound
    return found


def _send(request: HttpRequest, asset: Asset, file: Rendition) -> HttpResponseBase:
    etag = f'"{file.sha256[:32]}"'
    if _has(request, etag):
        response: HttpResponseBase = HttpResponse(status=304)
    elif elsewhere := _elsewhere(request, asset, file):
        return elsewhere
    else:
        response = _body(request, file, etag)
    _protect(response, request, asset, file)
    response.headers["ETag"] = etag
    response.headers["Accept-Ranges"] = "bytes"
    return response


def _has(request: HttpRequest, etag: str) -> bool:
    """Whether the caller has this very file; what stands between us may have made the tag a weak one."""
    return bool({etag, f"W/{etag}", "*"} & set(parse_etags(request.headers.get("If-None-Match", ""))))


def _elsewhere(request: HttpRequest, asset: Asset, file: Rendition) -> HttpResponseRedirect | None:
    """A private file is fetched from a storage that can sign addresses itself, and need not pass through us."""
    if asset.visibility == Visibility.PUBLIC or request.method == "HEAD":  # what signs for GET takes no HEAD
        return None
    url = storage_of(file.storage).signed_get(
        file.key,
        seconds=_seconds_left(request),
        filename=_filename(asset, file),
        content_type=file.mime_type,
        inline="download" not in request.GET,
    )
    if url is None:
        return None
    return HttpResponseRedirect(url, headers={"Cache-Control": "private, no-store"})


def _seconds_left(request: HttpRequest) -> int:
    """A signed address does not live longer by being followed at its end."""
    expires = request.GET.get("expires", "")
    is_given = expires.isascii() and expires.isdigit() and len(expires) <= 12
    left = int(expires) - int(time.time()) if is_given else links.SIGNED_SECONDS
    return min(left, links.SIGNED_SECONDS) if left > 0 else links.SIGNED_SECONDS


def _body(request: HttpRequest, file: Rendition, etag: str) -> HttpResponseBase:
    wanted = request.headers.get("Range")
    if request.headers.get("If-Range", etag) != etag:
        wanted = None  # it goes on with another file than it began with
    piece = asked_range(wanted, file.size)
    first, last = piece or (0, file.size - 1)
    if first > last:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{file.size}"})
    pieces = _opened(file, first, last) if request.method != "HEAD" else iter(())
    response = StreamingHttpResponse(pieces, status=206 if piece else 200)
    response.headers["Content-Length"] = str(last - first + 1)
    if piece:
        response.headers["Content-Range"] = f"bytes {first}-{last}/{file.size}"
    return response


def _opened(file: Rendition, first: int, last: int) -> Iterator[bytes]:
    """Its first piece is read at once, so that a file that is not there is a 404 and not a broken answer."""
    pieces = storage_of(file.storage).read(file.key, first, last)
    try:
        begin = next(pieces, b"")
    except FileNotFoundError as error:
        raise NotFound from error
    return itertools.chain([begin], pieces)


def _protect(response: HttpResponseBase, request: HttpRequest, asset: Asset, file: Rendition) -> None:
    """Whatever the file holds, a browser shows it as what we say, and runs nothing of it on our origin."""
    is_public = asset.visibility == Visibility.PUBLIC
    is_kept = is_public and request.META.get("QUERY_STRING", "") in KEPT_QUERIES
    disposition = "attachment" if "download" in request.GET else "inline"
    headers: dict[str, Any] = {
        "Content-Type": file.mime_type,
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": SANDBOX,
        "Content-Disposition": f"{disposition}; filename*=UTF-8''{quote(_filename(asset, file), safe='')}",
        "Cache-Control": f"public, max-age={YEAR}, immutable" if is_kept else "private, max-age=600",
        "Cross-Origin-Resource-Policy": "cross-origin" if is_public or "signature" in request.GET else "same-origin",
    }
    for name, value in headers.items():
        response.headers[name] = value


def _filename(asset: Asset, file: Rendition) -> str:
    """As its owner called it, with the extension of what it is now."""
    stem = PurePath(asset.filename).stem if asset.filename else str(asset.pk)
    return f"{stem}.{file.key.rpartition('.')[2]}"

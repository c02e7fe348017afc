"""The playbill, a character's poster, and the workshop where characters are written."""

import functools
import hashlib
import uuid
from dataclasses import replace
from typing import Any

import orjson
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified, QueryDict
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django.views.decorators.vary import vary_on_headers

from accounts import viewers
from accounts.selectors import is_favourite
from characters import caching, discovery, registry, selectors, services
from characters.avatars import avatar_path
from characters.discovery import Listing
from characters.forms import CharacterForm
from characters.macros import fill
from characters.models import Character
from characters.portraits import portrait_svg
from characters.script import scenes
from common.database import fetch_all, fetch_one
from common.errors import NotFound, Problem
from common.ratelimits import Gate
from common.rendering import to_json
from common.shared_reads import shared_read
from common.stage_text import stage_html

ON_A_PAGE = 24
ON_THE_BILL = 23  # where the first stands in large letters it takes two places of the grid
SHARED_SECONDS = 30
TAGS_SHOWN, TAGS_SECONDS, TAGS_AMONG = 12, 600, 5_000
PORTRAIT_SECONDS = 7 * 86_400


# --- the playbill -----------------------------------------------------------------------------------------------------


@require_GET
@vary_on_headers("HX-Request")
def discover(request: HttpRequest) -> HttpResponse:
    """Everybody one can talk with."""
    listing = _asked(request)
    cards = _cards(listing)
    if listing.cursor and request.headers.get("HX-Request"):
        return HttpResponse(cards)
    context = {
        "cards": cards,
        "search": listing.search,
        "order": listing.order,
        "popular_tags": _popular_tags(),
        "selected_tags": list(listing.tags),
        "headed": _is_headed(listing),
    }
    return render(request, "characters/discover.html", context)


def _asked(request: HttpRequest) -> Listing:
    """Raises ValidationProblem. An order that makes no sense here is the usual one: addresses are edited by hand."""
    query = request.GET
    search, order = query.get("search", ""), query.get("order", "")
    if order not in discovery.ORDERS or (order == "relevance" and not search.strip()):
        order = ""
    tags = tuple(query.get("tags", "").split(","))
    asked = discovery.checked(
        Listing(search=search, tags=tags, order=order, cursor=query.get("cursor", ""), limit=ON_A_PAGE)
    )
    if user_id := request.user.pk:
        viewer = viewers.viewer_of(user_id, getattr(request, "viewer", None))
        asked = discovery.seen_by(asked, user_id, viewer)
    return replace(asked, limit=ON_THE_BILL) if _is_headed(asked) else asked


def _is_headed(listing: Listing) -> bool:
    """Whether the first of these has the top of the bill."""
    return listing.order == "popular" and not (listing.search or listing.tags or listing.cursor)


def _cards(listing: Listing) -> SafeString:
    """The cards of a page as HTML, which is the same for every reader; empty where nobody is found."""

    def build() -> bytes:
        page = discovery.find(listing)
        context = {"characters": [_on_page(item) for item in page.items], "next": page.next, "query": _query(listing)}
        return render_to_string("characters/_cards.html", context).strip().encode()

    name = f"cards {listing.key}"
    body = build() if listing.apart_from else shared_read(caching.LISTS, name, build, seconds=SHARED_SECONDS).body
    return mark_safe(body.decode())  # noqa: S308 - our own template's, which escapes


def _query(listing: Listing) -> QueryDict:
    """The address's query in its one normal form: what a reader added to it must not get into the shared cards."""
    query = QueryDict(mutable=True)
    given = {"search": listing.search, "tags": ",".join(listing.tags), "order": listing.order}
    query.update({name: value for name, value in given.items() if value})
    return query


def _on_page(character: dict[str, Any]) -> dict[str, Any]:
    return character | {"avatar": avatar_path(character["id"])}


def _popular_tags() -> list[str]:
    """The tags that popular characters have most."""

    def build() -> bytes:
        rows = fetch_all(
            """
            SELECT tag FROM (
                SELECT tags FROM characters_character WHERE visibility = 'public' AND deleted_at IS NULL
                ORDER BY popularity DESC, id DESC LIMIT %s
            ) popular, unnest(popular.tags) AS tag
            GROUP BY tag ORDER BY count(*) DESC, tag LIMIT %s
            """,
            [TAGS_AMONG, TAGS_SHOWN],
        )
        return to_json([row[0] for row in rows])

    return orjson.loads(shared_read("character-tags", "popular", build, seconds=TAGS_SECONDS).body)


# --- a poster ---------------------------------------------------------------------------------------------------------


@require_GET
def character(request: HttpRequest, character_id: uuid.UUID) -> HttpResponse:
    """One character."""
    user_id = request.user.pk
    data = _on_page(selectors.read_character(character_id, user_id))
    names = {"char": data["nickname"] or data["name"], "user": _reader(request)}
    data["description_html"] = stage_html(fill(data["description"], **names))
    data["greeting_html"] = stage_html(fill(data["greeting"], **names))
    context = {
        "character": data,
        "dialogue": scenes(data["example_dialogue"], **names),
        "is_creator": data["creator"]["id"] == user_id,
        "is_favourite": user_id is not None and is_favourite(user_id, "character", character_id),
        "conversations": [],
        "reply_price": None,
        **registry.poster_parts(character_id, user_id),
    }
    return render(request, "characters/detail.html", context)


def _reader(request: HttpRequest) -> str:
    user = request.user
    return (user.display_name or user.username) if user.is_authenticated else "You"


@require_POST
def character_like(request: HttpRequest, character_id: uuid.UUID) -> HttpResponse:
    """Likes it or takes the like back, as `liked` says; answers htmx with the button, a plain form with the page."""
    here = reverse("character", args=[character_id])
    by_htmx = request.headers.get("HX-Request")
    if not request.user.is_authenticated:
        door = f"{reverse('sign_in')}?{urlencode({'next': here})}"
        return HttpResponse(status=204, headers={"HX-Redirect": door}) if by_htmx else redirect(door)
    _enter_gate(request)
    change = services.unlike if request.POST.get("liked") == "0" else services.like
    state = change(character_id=character_id, user_id=request.user.pk)
    if not by_htmx:
        return _see_other(here)
    name = Character.objects.values_list("name", flat=True).get(pk=character_id)
    shown = {"id": character_id, "name": name, "liked": state.liked, "likes_amount": state.likes_amount}
    return render(request, "_components/like.html", {"character": shown})


# --- the workshop -----------------------------------------------------------------------------------------------------


@require_GET
@login_required
@never_cache
@vary_on_headers("HX-Request")
def my_characters(request: HttpRequest) -> HttpResponse:
    """One's own, newest change first."""
    cursor = request.GET.get("cursor", "")
    listing = discovery.checked(Listing(own_of=request.user.pk, order="changed", cursor=cursor, limit=ON_A_PAGE))
    page = discovery.find(listing)
    context = {"characters": [_on_page(item) for item in page.items], "next": page.next}
    partial = cursor and request.headers.get("HX-Request")
    return render(request, "characters/_mine_rows.html" if partial else "characters/mine.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def character_new(request: HttpRequest) -> HttpResponse:
    form = CharacterForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            _enter_gate(request)
            made = services.create_character(creator=request.user, fields=form.cleaned_data)  # type: ignore[arg-type]
            return _see_other(reverse("character", args=[made.pk]))
        except Problem as problem:
            form.add_problem(problem)
    return _workshop(request, form, None)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def character_edit(request: HttpRequest, character_id: uuid.UUID) -> HttpResponse:
    own = _own(request, character_id)
    form = CharacterForm(request.POST or None, character=own)
    if request.method == "POST" and form.is_valid():
        try:
            _enter_gate(request)
            services.update_character(character_id=own.pk, user=request.user, changes=form.cleaned_data)  # type: ignore[arg-type]
            return _see_other(reverse("character", args=[own.pk]))
        except Problem as problem:
            form.add_problem(problem)
    return _workshop(request, form, own)


def _workshop(request: HttpRequest, form: CharacterForm, own: Character | None) -> HttpResponse:
    context = {
        "form": form,
        "character": own and {"id": own.pk, "name": own.name},
        "system_prompt_tokens": own and own.system_prompt_tokens,
    }
    return render(request, "characters/form.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def character_delete(request: HttpRequest, character_id: uuid.UUID) -> HttpResponse:
    own = _own(request, character_id)
    if request.method == "POST":
        _enter_gate(request)
        services.delete_character(character_id=own.pk, user=request.user)  # type: ignore[arg-type]
        messages.success(request, f"{own.name} has left the company.")
        return _see_other(reverse("my_characters"))
    shown = {"id": own.pk, "name": own.name, "avatar": avatar_path(own.pk)}
    return render(request, "characters/confirm_delete.html", {"character": shown})


def _own(request: HttpRequest, character_id: uuid.UUID) -> Character:
    own = Character.objects.filter(pk=character_id, creator_id=request.user.pk, deleted_at=None).first()
    if own is None:
        raise NotFound
    return own


def _enter_gate(request: HttpRequest) -> None:
    Gate(who=str(request.user.pk), preset="api", write=True).enter()


def _see_other(address: str) -> HttpResponse:
    return HttpResponse(status=303, headers={"Location": address})


# --- portraits --------------------------------------------------------------------------------------------------------


@require_GET
def portrait(request: HttpRequest, character_id: uuid.UUID) -> HttpResponse:
    """The mask that belongs to a character. It tells nothing of it, so it needs no permission: an id that is nobody's
    has a mask as well."""
    row = fetch_one("SELECT portrait::text FROM characters_character WHERE id = %s", [character_id])
    svg = _mask(str(character_id), (row and row[0]) or "{}")
    etag = f'"{hashlib.sha256(svg).hexdigest()[:32]}"'
    response = HttpResponseNotModified() if request.headers.get("If-None-Match") == etag else HttpResponse(svg)
    response.headers["Content-Type"] = "image/svg+xml"
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = f"public, max-age={PORTRAIT_SECONDS}, immutable"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@functools.lru_cache(maxsize=2048)
def _mask(seed: str, style: str) -> bytes:
    return portrait_svg(seed, style=orjson.loads(style)).encode()

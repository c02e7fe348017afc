"""Characters over REST."""

import contextlib
import uuid
from collections.abc import Sequence
from typing import Any

import orjson
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from accounts import viewers
from characters import caching, discovery, liked, limits, selectors, services, shapes
from characters.discovery import Listing
from characters.inputs import CharacterChanges, CharacterInput, LorebookInput
from characters.models import Category, Gender, Memory
from common import redis
from common.api import TroupeView, no_content
from common.errors import NotFound, Unauthenticated
from common.openapi import PAGE
from common.pagination import Page, bad_cursor, page_by_id, read_flag, read_limit, wants_total
from common.rendering import Response, to_json
from common.shared_reads import SharedBody, question, shared_read, shared_response, with_etag

Found = Sequence[bytes | None] | None
SHARED_SECONDS = 30  # likes and messages of others show in lists at most this late

ETAG = OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER, description="Answers 304 where it still holds.")
ANYBODY: Any = [{}, {"api_key": ["chat"]}, {"bearer": []}, {"cookie": []}]  # signing in is not needed, and shows more
FILTERS = [
    OpenApiParameter(
        "search", {"type": "string", "maxLength": limits.SEARCH}, description="Words of the name or the description."
    ),
    OpenApiParameter("tags", str, description="Separated by commas; all must match."),
    OpenApiParameter("gender", str, enum=Gender.values),
    OpenApiParameter("category", str, enum=Category.values),
    OpenApiParameter("creator", str, description="A username or an id."),
    OpenApiParameter(
        "order",
        str,
        enum=list(discovery.ORDERS),
        description="By default `relevance` with a search, else `popular` (one's own: `new`).",
    ),
    OpenApiParameter("mine", bool, description="`true` lists one's own, whatever their visibility."),
]


def read_listing(request: Request) -> Listing:
    """The list that a request asks for. Raises ValidationProblem, and Unauthenticated for `mine` of nobody."""
    query = request.query_params
    own = read_flag(request, "mine")
    if own and not request.user.is_authenticated:
        raise Unauthenticated
    return discovery.checked(
        Listing(
            search=query.get("search", ""),
            tags=tuple(query.get("tags", "").split(",")),
            gender=query.get("gender", ""),
            category=query.get("category", ""),
            creator=query.get("creator", ""),
            order=query.get("order", ""),
            limit=read_limit(request),
            cursor=query.get("cursor", ""),
            total=wants_total(request),
            own_of=request.user.pk if own else None,
        )
    )


def shared_list(listing: Listing) -> SharedBody:
    """A page of public characters as bytes that everybody shares; nobody's likes are in it.

    For who has blocked somebody, or was blocked, it is made afresh.
    """

    def build() -> bytes:
        return to_json(discovery.find(listing).data())

    if listing.apart_from:
        return with_etag(build())
    return shared_read(caching.LISTS, listing.key, build, seconds=SHARED_SECONDS)


def with_likes(body: bytes, user_id: uuid.UUID) -> bytes:
    """The shared page as one person sees it."""
    page = orjson.loads(body)
    likes = selectors.liked_ids(user_id, [item["id"] for item in page["items"]])
    if not likes:
        return body
    for item in page["items"]:
        item["liked"] = item["id"] in likes
    return orjson.dumps(page)


class PubliclyRead(TroupeView):
    """Everybody may read it; to write one signs in."""

    scope = "chat"

    @property
    def public(self) -> bool:  # type: ignore[override]
        return self.request.method in {"GET", "HEAD", "OPTIONS"}


class CharactersView(PubliclyRead):
    idempotent = True

    def questions(self, request: Request) -> Sequence[redis.Command]:
        """Whom the caller does not meet."""
        return [viewers.question(request.user.pk)] if request.method == "GET" and request.user.pk else ()

    @extend_schema(
        operation_id="characters_list",
        parameters=[*FILTERS, *PAGE, ETAG],
        responses={200: shapes.CharacterPageShape, 304: None},
        auth=ANYBODY,
    )
    def get(self, request: Request) -> HttpResponse:
        """Public characters, or one's own."""
        listing = read_listing(request)
        user_id = request.user.pk
        if listing.own_of:
            body = to_json(discovery.find(listing).data())
            return shared_response(request, with_etag(with_likes(body, listing.own_of)), public=False)
        if user_id is None:
            return shared_response(request, shared_list(listing))
        (remembered,) = self.gate.answers or (None,)
        shared = shared_list(discovery.seen_by(listing, user_id, viewers.viewer_of(user_id, remembered)))
        return shared_response(request, with_etag(with_likes(shared.body, user_id)), public=False)

    @extend_schema(operation_id="characters_create", request=CharacterInput, responses={201: shapes.CharacterShape})
    def post(self, request: Request) -> Response:
        """A new character, private unless `visibility` says otherwise."""
        fields = self.valid(CharacterInput, request)
        character = services.create_character(creator=self.person, fields=fields)
        return Response(selectors.read_character(character.pk, self.user_id), status=201)


class CharacterView(PubliclyRead):
    def questions(self, request: Request) -> Sequence[redis.Command]:
        """The shared body, and the caller's like."""
        if request.method != "GET":
            return ()
        character_id, user_id = self.kwargs["character_id"], request.user.pk
        like = [liked.key(user_id, character_id)] if user_id else []
        return [question(caching.kind_of(character_id), str(character_id), *like)]

    @extend_schema(
        operation_id="characters_retrieve",
        parameters=[ETAG],
        responses={200: shapes.CharacterShape, 304: None},
        auth=ANYBODY,
    )
    def get(self, request: Request, character_id: uuid.UUID) -> HttpResponse:
        """A public or unlisted character, or one's own."""
        user_id, (found,) = request.user.pk, self.gate.answers or (None,)
        if user_id is None:
            return shared_response(request, shared_single(character_id, found))
        return shared_response(request, own_view(character_id, user_id, found), public=False)

    @extend_schema(operation_id="characters_update", request=CharacterChanges, responses={200: shapes.CharacterShape})
    def patch(self, request: Request, character_id: uuid.UUID) -> Response:
        """Changes the fields given; its creator's."""
        changes = self.valid(CharacterChanges, request)
        services.update_character(character_id=character_id, user=self.person, changes=changes)
        return Response(selectors.read_character(character_id, self.user_id))

    @extend_schema(operation_id="characters_delete", responses={204: None})
    def delete(self, request: Request, character_id: uuid.UUID) -> HttpResponse:
        """Deletes it; its creator's. Conversations that people had with it stay theirs."""
        services.delete_character(character_id=character_id, user=self.person)
        return no_content()


def shared_single(character_id: uuid.UUID, found: Found = None) -> SharedBody:
    """A character as everybody may see it. Raises NotFound."""

    def build() -> bytes:
        return to_json(selectors.read_character(character_id, None))

    kind = caching.kind_of(character_id)
    return shared_read(kind, str(character_id), build, seconds=SHARED_SECONDS, found=found)


def own_view(character_id: uuid.UUID, user_id: uuid.UUID, found: Found) -> SharedBody:
    """A character as one person sees it: the shared bytes with their own like; its creator's are made afresh.

    `found` is the answer to `CharacterView.questions`. Raises NotFound.
    """
    shared = None
    with contextlib.suppress(NotFound):  # private, if it is theirs
        shared = shared_single(character_id, found)
    if shared is None or b'"creator":{"id":"%b"' % str(user_id).encode() in shared.body:
        return with_etag(to_json(selectors.read_character(character_id, user_id)))
    if not liked.is_liked(user_id, character_id, found[2] if found else None):
        return shared
    # quotes inside texts are escaped, so this can only be the field itself
    body = shared.body.replace(b'"liked":false', b'"liked":true', 1)
    return SharedBody(body, f'{shared.etag[:-1]}-liked"')


class LikeView(TroupeView):
    @extend_schema(operation_id="characters_like", request=None, responses={200: shapes.LikeShape})
    def post(self, request: Request, character_id: uuid.UUID) -> Response:
        """Likes it; a repeat changes nothing."""
        state = services.like(character_id=character_id, user_id=self.user_id)
        return Response({"liked": state.liked, "likes_amount": state.likes_amount})

    @extend_schema(operation_id="characters_unlike", responses={200: shapes.LikeShape})
    def delete(self, request: Request, character_id: uuid.UUID) -> HttpResponse:
        """Takes the like back; a repeat changes nothing."""
        state = services.unlike(character_id=character_id, user_id=self.user_id)
        return Response({"liked": state.liked, "likes_amount": state.likes_amount})


class LorebookView(PubliclyRead):
    @extend_schema(
        operation_id="characters_lorebook",
        responses={200: shapes.LorebookShape},
        auth=ANYBODY,
    )
    def get(self, request: Request, character_id: uuid.UUID) -> Response:
        """The book of lore: its creator's, and everybody's where the character is downloadable."""
        return Response(selectors.get_lorebook(character_id, request.user.pk))

    @extend_schema(
        operation_id="characters_put_lorebook",
        request=LorebookInput,
        responses={200: shapes.LorebookShape},
    )
    def put(self, request: Request, character_id: uuid.UUID) -> Response:
        """Replaces the whole book; its creator's. Keys we don't know are kept."""
        document = self.valid(LorebookInput, request)
        book = services.put_lorebook(character_id=character_id, user=self.person, document=document)
        return Response(book.document)


class ImagesView(TroupeView):
    scope = "chat"
    public = True

    @extend_schema(
        operation_id="characters_images",
        parameters=[*PAGE],
        responses={200: shapes.ImagePageShape},
        auth=ANYBODY,
    )
    def get(self, request: Request, character_id: uuid.UUID) -> Response:
        """Its pictures."""
        read_limit(request)
        if request.query_params.get("cursor"):
            raise bad_cursor()  # there is no second page
        images = selectors.images_of(character_id, request.user.pk)
        return Response(Page(images, None, len(images) if wants_total(request) else None).data())


class MemoriesView(TroupeView):
    scope = "chat"

    @extend_schema(
        operation_id="characters_memories",
        parameters=[*PAGE],
        responses={200: shapes.MemoryPageShape},
    )
    def get(self, request: Request, character_id: uuid.UUID) -> Response:
        """What it remembers of the caller, newest first."""
        own = Memory.objects.filter(user_id=self.user_id, character_id=character_id)
        page = page_by_id(own, request, selectors.memory_data)
        if not page.items:
            selectors.get_character_for(character_id, self.user_id)
        return Response(page.data())

    @extend_schema(operation_id="characters_forget_all", responses={204: None})
    def delete(self, request: Request, character_id: uuid.UUID) -> HttpResponse:
        """It forgets everything about the caller."""
        if not services.forget_all(character_id=character_id, user_id=self.user_id):
            selectors.get_character_for(character_id, self.user_id)
        return no_content()


class MemoryView(TroupeView):
    scope = "chat"

    @extend_schema(operation_id="characters_forget", responses={204: None})
    def delete(self, request: Request, character_id: uuid.UUID, memory_id: uuid.UUID) -> HttpResponse:
        """It forgets one thing about the caller."""
        services.forget(character_id=character_id, memory_id=memory_id, user_id=self.user_id)
        return no_content()

"""Blocks and favourites over REST."""

import uuid
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from accounts import registry, selectors, services
from accounts.api.people import PersonOutput
from accounts.models import Favourite, User
from common.api import InputSerializer, TroupeView, no_content
from common.errors import NotFound, ValidationProblem
from common.fields import Id, Text
from common.openapi import PAGE
from common.pagination import Page, page_by_id
from common.rendering import Response


class BlockInput(InputSerializer):
    user = Text(max_length=64, help_text="An id or a username.")


class BlockOutput(serializers.Serializer):
    id = serializers.UUIDField(help_text="The blocked person's, which ends the block.")
    user = PersonOutput()
    created_at = serializers.DateTimeField()


class BlockPage(serializers.Serializer):
    items = BlockOutput(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


class FavouriteInput(InputSerializer):
    type = Text(max_length=20, help_text="What it is: `character` or `user`.")
    id = Id()


class FavouriteOutput(serializers.Serializer):
    id = serializers.UUIDField()
    type = serializers.CharField()
    target_id = serializers.UUIDField()
    target = serializers.DictField(help_text="What there is to show of it.")
    created_at = serializers.DateTimeField()


class FavouritePage(serializers.Serializer):
    items = FavouriteOutput(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


def person_id(id_or_name: str) -> uuid.UUID:
    """Of somebody who is here. Raises NotFound."""
    try:
        which: dict[str, Any] = {"pk": uuid.UUID(id_or_name)}
    except ValueError:
        which = {"username": id_or_name.strip().lower()}  # NUL was refused with the body
    found = User.objects.filter(**which, is_active=True, deleted_at=None).values_list("pk", flat=True).first()
    if found is None:
        raise NotFound
    return found


class BlocksView(TroupeView):
    idempotent = True

    @extend_schema(operation_id="users_me_blocks", parameters=[*PAGE], responses={200: BlockPage})
    def get(self, request: Request) -> Response:
        """Whom I have blocked, the newest first."""
        return Response(page_by_id(selectors.blocks_of(self.user_id), request, selectors.block_data).data())

    @extend_schema(operation_id="users_me_block", request=BlockInput, responses={201: BlockOutput, 200: BlockOutput})
    def post(self, request: Request) -> Response:
        """From now on neither finds, meets or writes to the other. A repeat changes nothing: 200."""
        blocked_id = person_id(self.valid(BlockInput, request)["user"])
        block, is_new = services.block(user_id=self.user_id, blocked_id=blocked_id)
        return Response(selectors.block_data(block), status=201 if is_new else 200)


class BlockView(TroupeView):
    @extend_schema(operation_id="users_me_unblock", responses={204: None})
    def delete(self, request: Request, user_id: uuid.UUID) -> HttpResponse:
        """Ends the block. Where there is none: 404."""
        if not services.unblock(user_id=self.user_id, blocked_id=user_id):
            raise NotFound
        return no_content()


def known_kind(kind: str) -> str:
    """Raises ValidationProblem."""
    kinds = registry.favourite_kinds()
    if kind not in kinds:
        raise ValidationProblem(errors={"type": [f"Give one of {', '.join(sorted(kinds))}."]})
    return kind


def take_off(user_id: uuid.UUID, kind: str, target_id: uuid.UUID) -> HttpResponse:
    known = kind in registry.favourite_kinds()
    if not known or not services.remove_favourite(user_id=user_id, target_type=kind, target_id=target_id):
        raise NotFound
    return no_content()


class FavouritesView(TroupeView):
    idempotent = True

    @extend_schema(
        operation_id="users_me_favourites",
        parameters=[*PAGE, OpenApiParameter("type", str)],
        responses={200: FavouritePage},
    )
    def get(self, request: Request) -> Response:
        """What I want to find again, the newest first. What is gone or hidden is left out of its page."""
        own = Favourite.objects.filter(user_id=self.user_id)
        if kind := request.query_params.get("type"):
            own = own.filter(target_type=known_kind(kind))
        page = page_by_id(own, request, lambda row: row)
        return Response(Page(selectors.favourites_data(page.items, self.user_id), page.next, page.total).data())

    @extend_schema(
        operation_id="users_me_add_favourite",
        request=FavouriteInput,
        responses={201: FavouriteOutput, 200: FavouriteOutput},
    )
    def post(self, request: Request) -> Response:
        """Keeps it. A repeat changes nothing: 200."""
        body = self.valid(FavouriteInput, request)
        kept, is_new = services.add_favourite(
            user_id=self.user_id, target_type=known_kind(body["type"]), target_id=body["id"]
        )
        (data,) = selectors.favourites_data([kept], self.user_id)
        return Response(data, status=201 if is_new else 200)

    @extend_schema(operation_id="users_me_remove_favourite", request=FavouriteInput, responses={204: None})
    def delete(self, request: Request) -> HttpResponse:
        """Takes it off. Where it was none: 404."""
        body = self.valid(FavouriteInput, request)
        return take_off(self.user_id, known_kind(body["type"]), body["id"])


class FavouriteView(TroupeView):
    @extend_schema(
        operation_id="users_me_remove_favourite_by_address",
        parameters=[OpenApiParameter("target_type", {"type": "string", "maxLength": 20}, OpenApiParameter.PATH)],
        responses={204: None},
    )
    def delete(self, request: Request, target_type: str, target_id: uuid.UUID) -> HttpResponse:
        """Takes it off, by its address. Where it was none: 404."""
        return take_off(self.user_id, target_type, target_id)

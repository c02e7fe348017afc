"""One's own files' records over REST: `/api/assets`, which is `/api/r2files` as well."""

import uuid
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.request import Request

from common.api import InputSerializer, no_content
from common.errors import NotFound, ValidationProblem
from common.fields import Text
from common.openapi import PAGE
from common.pagination import page_by_id
from common.rendering import Response
from media import selectors
from media.api import MediaView
from media.models import Asset, Family, Purpose
from media.services import assets, uploads
from media.shapes import AssetOutput, AssetPageOutput


class RecordInput(InputSerializer):
    key = Text(max_length=80, help_text="of an upload that has arrived")


PURPOSE = OpenApiParameter("purpose", str, enum=Purpose.values)
FAMILY = OpenApiParameter("family", str, enum=Family.values)


def _one_of(request: Request, name: str, known: list[str]) -> str | None:
    text = request.query_params.get(name) or None
    if text is not None and text not in known:
        raise ValidationProblem(errors={name: [f"Give one of: {', '.join(known)}."]})
    return text


class AssetsView(MediaView):
    @extend_schema(operation_id="assets_list", parameters=[*PAGE, PURPOSE, FAMILY], responses={200: AssetPageOutput})
    def get(self, request: Request) -> Response:
        """My files, newest first."""
        rows = selectors.own_assets(
            self.user_id,
            purpose=_one_of(request, "purpose", Purpose.values),
            family=_one_of(request, "family", Family.values),
        )
        return Response(page_by_id(rows, request, selectors.asset_data).data())

    @extend_schema(operation_id="assets_create", request=RecordInput, responses={201: AssetOutput})
    def post(self, request: Request) -> Response:
        """Makes the record of a presigned upload that has arrived: the same as `POST /api/upload/confirm`."""
        return self.shown(uploads.confirm(owner_id=self.user_id, key=self.valid(RecordInput, request)["key"]))


class AssetView(MediaView):
    @extend_schema(operation_id="assets_retrieve", responses={200: AssetOutput})
    def get(self, request: Request, asset_id: uuid.UUID) -> Response:
        return Response(selectors.asset_data(self._mine(asset_id)))

    def _mine(self, asset_id: uuid.UUID) -> Asset:
        asset = selectors.own_assets(self.user_id).filter(pk=asset_id).first()
        if asset is None:
            raise NotFound
        return asset

    @extend_schema(operation_id="assets_destroy", responses={204: None})
    def delete(self, request: Request, asset_id: uuid.UUID) -> Any:
        """The file is gone at once, under all its addresses."""
        assets.delete_asset(owner_id=self.user_id, asset_id=self._mine(asset_id).pk)
        return no_content()


@extend_schema_view(get=extend_schema(operation_id="r2files_list"), post=extend_schema(operation_id="r2files_create"))
class R2FilesView(AssetsView):
    """The same, under the name that older clients know."""


@extend_schema_view(
    get=extend_schema(operation_id="r2files_retrieve"), delete=extend_schema(operation_id="r2files_destroy")
)
class R2FileView(AssetView):
    """The same, under the name that older clients know."""

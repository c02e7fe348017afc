"""Files over REST: three ways in, and people's pictures."""

import uuid
from collections.abc import Iterator
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request

from accounts import selectors as accounts
from accounts.api.doors import UserOutput
from accounts.api.named import ORGANIZATION, named_organization
from common.api import InputSerializer, TroupeView, checked, no_content
from common.errors import NotFound, Problem, ValidationProblem
from common.fields import Id, Text
from common.rendering import ORJSONParser, Response
from media import limits, links, selectors, timing
from media.models import Asset, Purpose, Visibility
from media.receiving import PIECE, from_base64, received
from media.services import assets, avatars, intake, uploads
from media.shapes import AssetOutput, BatchOutput, PresignedOutput, StatusOutput
from media.status import storage_status
from media.uploads import refuse_large, require_form, the_file


class UseInput(InputSerializer):
    """What a file is for, and who sees and who pays for it."""

    purpose = serializers.ChoiceField(choices=Purpose.choices, default=Purpose.OTHER)
    visibility = serializers.ChoiceField(
        choices=Visibility.choices, required=False, help_text="public unless the purpose is chat or content"
    )
    organization = Id(required=False, help_text="in whose storage it counts; my own by default")


class FileInput(UseInput):
    file = serializers.FileField(help_text="JPEG, PNG, WebP, GIF or AVIF, at most 10 MiB and 40 million pixels.")


class Base64Input(UseInput):
    base64_data = Text(trim_whitespace=False, help_text="base64, or a data: URL")
    mime_type = Text(max_length=60, required=False, help_text="not believed: the content tells")
    filename = Text(max_length=limits.LONGEST_NAME, default="", allow_blank=True)


class PresignedInput(UseInput):
    filename = Text(max_length=limits.LONGEST_NAME)
    content_type = Text(max_length=60)
    size = serializers.IntegerField(min_value=1, help_text="bytes: at most 10 MiB of a picture, 2 GiB of a clip")


class PictureInput(serializers.Serializer):
    file = serializers.FileField(help_text="JPEG, PNG, WebP, GIF or AVIF, at most 10 MiB and 40 million pixels.")


class KeyInput(InputSerializer):
    key = Text(max_length=80)


class UrlInput(InputSerializer):
    url = Text(max_length=2000)


class ItemInput(Base64Input):
    """What it does not say of itself is as the batch says."""

    purpose = serializers.ChoiceField(choices=Purpose.choices, required=False)


class BatchInput(UseInput):
    items = serializers.ListField(
        child=ItemInput(), allow_empty=False, max_length=limits.BATCH_AT_MOST, help_text="at most 50"
    )


class LargeJSONParser(ORJSONParser):
    """Bodies that carry files in base64: as large as the contract allows."""

    most = limits.LARGEST_BODY


class PictureJSONParser(ORJSONParser):
    most = limits.LARGEST_JSON


class MediaView(TroupeView):
    """A view that stores, for whoever has signed in."""

    def wanted(self, data: dict[str, Any]) -> intake.Use:
        """Raises ValidationProblem, NotFound for an organisation that is not theirs."""
        return intake.use(
            owner_id=self.user_id,
            organization_id=data.get("organization") or accounts.personal_organization_id(self.user_id),
            purpose=data["purpose"],
            visibility=data.get("visibility"),
        )

    def shown(self, asset: Asset, steps: timing.Steps | None = None) -> Response:
        headers = {"Server-Timing": timing.header(steps)} if steps else None
        return Response(_data(asset), status=201, headers=headers)


def _data(asset: Asset) -> dict[str, Any]:
    """Raises NotFound where it was deleted or taken down meanwhile."""
    row = selectors.assets().filter(pk=asset.pk, taken_down_at=None).first()
    if row is None:
        raise NotFound
    return selectors.asset_data(row)


class FormView(MediaView):
    """A view whose body is a form with one file, which goes to the disk as it comes."""

    preset = "upload"
    parser_classes = (MultiPartParser,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        refuse_large(request.META.get("CONTENT_LENGTH") or "")
        super().initial(request, *args, **kwargs)
        require_form(request.META.get("CONTENT_TYPE") or "")


def _other_fields(request: Request) -> dict[str, Any]:
    """What a form holds beside its file."""
    form: Any = request.data
    return {name: value for name, value in form.items() if name not in request.FILES}


class StatusView(MediaView):
    @extend_schema(operation_id="upload_status", parameters=[ORGANIZATION], responses={200: StatusOutput})
    def get(self, request: Request) -> Response:
        """Which storage is used and whether it works, what is taken, and how much of my room, or my team's, is used."""
        return Response(storage_status(named_organization(request)))


class FileView(FormView):
    @extend_schema(operation_id="upload_file", request={"multipart/form-data": FileInput}, responses={201: AssetOutput})
    def post(self, request: Request) -> Response:
        """Stores a picture, drawn anew and without whatever else was in the file. The same one again is the same."""
        with timing.told() as steps:
            with timing.step("receive"):
                file = the_file(request.content_type, request.FILES)
            fields = _other_fields(request)
            asset = intake.take_picture(self.wanted(checked(UseInput, fields)), file)
        return self.shown(asset, steps)


class Base64View(MediaView):
    preset = "upload"
    parser_classes = (PictureJSONParser,)

    @extend_schema(operation_id="upload_base64", request=Base64Input, responses={201: AssetOutput})
    def post(self, request: Request) -> Response:
        """Stores a picture that comes as base64, or as a `data:` URL."""
        with timing.told() as steps:
            with timing.step("receive"):
                data = self.valid(Base64Input, request)
            asset = _take_base64(self.wanted(data), data)
        return self.shown(asset, steps)


def _take_base64(wanted: intake.Use, data: dict[str, Any]) -> Asset:
    with received(
        from_base64(data["base64_data"]), most=limits.MOST_IMAGE_BYTES, filename=data.get("filename", "")
    ) as file:
        return intake.take_picture(wanted, file)


class BatchView(MediaView):
    preset = "upload"
    parser_classes = (LargeJSONParser,)

    @extend_schema(operation_id="upload_migrate_base64_batch", request=BatchInput, responses={200: BatchOutput})
    def post(self, request: Request) -> Response:
        """Stores up to 50 pictures that come as base64. Each is answered for itself, in order."""
        data = self.valid(BatchInput, request)
        return Response({"items": [self._one(data | item) for item in data["items"]]})

    def _one(self, wish: dict[str, Any]) -> dict[str, Any]:
        try:
            data = _data(_take_base64(self.wanted(wish), wish))
        except Problem as problem:
            return {"error": problem.data()}
        return {"asset": data}


class PresignedView(MediaView):
    preset = "upload"
    idempotent = True

    @extend_schema(operation_id="upload_presigned", request=PresignedInput, responses={201: PresignedOutput})
    def post(self, request: Request) -> Response:
        """An address to send a file to, past this site, good for an hour; then confirm it."""
        data = self.valid(PresignedInput, request)
        invitation = uploads.begin(
            wanted=self.wanted(data),
            filename=data["filename"],
            content_type=data["content_type"],
            size=data["size"],
        )
        return Response(_invitation_data(invitation), status=201)


def _invitation_data(invitation: uploads.Invitation) -> dict[str, Any]:
    upload = invitation.upload
    return {
        "upload_url": invitation.put.url,
        "method": invitation.put.method,
        "headers": invitation.put.headers,
        "key": upload.key,
        "public_url": links.public_url(upload.key) if upload.visibility == Visibility.PUBLIC else None,
        "expires_at": upload.expires_at,
    }


class LocalUploadView(TroupeView):
    """Our own end of a presigned address, where the storage has none: the signature is the permission."""

    public = True
    preset = "api"
    parser_classes = ()
    authentication_classes = ()

    @extend_schema(operation_id="upload_local", request={"application/octet-stream": bytes}, responses={204: None})
    def put(self, request: Request, upload_id: uuid.UUID) -> Any:
        """Takes the bytes of an upload, exactly as many as were announced."""
        query = request.query_params
        if not links.is_signed("upload", str(upload_id), query.get("expires", ""), query.get("signature", "")):
            raise NotFound("This address is over, or it is not one of ours.")
        uploads.receive_local(
            upload_id=upload_id,
            content_type=request.content_type,
            pieces=_pieces(request._request),  # noqa: SLF001
        )
        return no_content()


def _pieces(request: Any) -> Iterator[bytes]:
    while piece := request.read(PIECE):
        yield piece


class ConfirmView(MediaView):
    @extend_schema(operation_id="upload_confirm", request=KeyInput, responses={201: AssetOutput})
    def post(self, request: Request) -> Response:
        """The file has arrived: makes it an asset. A clip is then `processing`, and told of as `asset.updated`."""
        return self.shown(uploads.confirm(owner_id=self.user_id, key=self.valid(KeyInput, request)["key"]))


class DeleteView(MediaView):
    @extend_schema(operation_id="upload_delete", request=UrlInput, responses={204: None})
    def post(self, request: Request) -> Any:
        """Deletes what one of our own addresses shows."""
        assets.delete_by_url(owner_id=self.user_id, url=self.valid(UrlInput, request)["url"])
        return no_content()


class ProfilePictureView(FormView):
    @extend_schema(
        operation_id="users_me_profile_picture",
        request={"multipart/form-data": PictureInput},
        responses={200: UserOutput},
    )
    def post(self, request: Request) -> Response:
        """The square in the middle of the picture becomes mine; the one before is deleted."""
        file = the_file(request.content_type, request.FILES)
        if extra := _other_fields(request):
            raise ValidationProblem(errors={name: ["This field is not known."] for name in extra})
        return Response(accounts.user_data(avatars.set_profile_picture(user_id=self.user_id, file=file)))


class RemoveProfilePictureView(TroupeView):
    @extend_schema(operation_id="users_me_remove_profile_picture", request=None, responses={200: UserOutput})
    def post(self, request: Request) -> Response:
        """I have no picture any more; without one nothing changes."""
        return Response(accounts.user_data(avatars.remove_profile_picture(user_id=self.user_id)))

"""Files over REST: so far, people's pictures."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request

from accounts import selectors
from accounts.api.doors import UserOutput
from common.api import TroupeView
from common.rendering import Response
from media import services
from media.uploads import refuse_large, the_picture


class PictureInput(serializers.Serializer):
    file = serializers.FileField(help_text="JPEG, PNG, WebP, GIF or AVIF, at most 10 MiB and 40 million pixels.")


class ProfilePictureView(TroupeView):
    preset = "upload"
    parser_classes = (MultiPartParser,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        refuse_large(request.META.get("CONTENT_LENGTH") or "")
        super().initial(request, *args, **kwargs)

    @extend_schema(
        operation_id="users_me_profile_picture",
        request={"multipart/form-data": PictureInput},
        responses={200: UserOutput},
    )
    def post(self, request: Request) -> Response:
        """The square in the middle of the picture becomes mine, 512 pixels wide; the one before is deleted."""
        data = the_picture(request.content_type, request.FILES)
        return Response(selectors.user_data(services.set_profile_picture(user_id=self.user_id, data=data)))


class RemoveProfilePictureView(TroupeView):
    @extend_schema(operation_id="users_me_remove_profile_picture", request=None, responses={200: UserOutput})
    def post(self, request: Request) -> Response:
        """I have no picture any more; without one nothing changes."""
        return Response(selectors.user_data(services.remove_profile_picture(user_id=self.user_id)))

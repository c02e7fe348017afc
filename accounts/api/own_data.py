"""One's own data: a copy of it, what one agreed to, and leaving."""

from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from accounts import selectors, services
from accounts.downloads import send_export
from accounts.limits import account_gate
from accounts.models import Consent, DataExport
from accounts.selectors import own_data
from accounts.services import consents, deletion, exports
from common.api import InputSerializer, TroupeView
from common.errors import NotFound
from common.fields import Flag, Text
from common.rendering import Response

NO_STORE = {"Cache-Control": "no-store"}


class ExportOutput(serializers.Serializer):
    id = serializers.UUIDField(required=False)
    status = serializers.ChoiceField(choices=["none", *DataExport.Status.values])
    progress = serializers.IntegerField(required=False, min_value=0, max_value=100, help_text="per cent")
    size = serializers.IntegerField(required=False, allow_null=True, help_text="bytes")
    link = serializers.URLField(required=False, allow_null=True, help_text="a page, for who is signed in there")
    created_at = serializers.DateTimeField(required=False)
    ready_at = serializers.DateTimeField(required=False, allow_null=True)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)


class ConsentOutput(serializers.Serializer):
    id = serializers.UUIDField()
    purpose = serializers.ChoiceField(choices=Consent.Purpose.choices)
    version = serializers.CharField()
    given = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class ConsentsOutput(serializers.Serializer):
    items = ConsentOutput(many=True)
    next = serializers.CharField(allow_null=True)


class ConsentInput(InputSerializer):
    """Yes or no to the text as it is now."""

    given = Flag()


class DeletionInput(InputSerializer):
    """That it is really you: nothing where the sign-in is younger than five minutes, else one of these."""

    password = Text(max_length=services.MAX_PASSWORD, trim_whitespace=False, required=False)
    code = Text(max_length=32, required=False, help_text="Of the second factor.")


class DeletionOutput(serializers.Serializer):
    deleted_at = serializers.DateTimeField()
    restorable_until = serializers.DateTimeField(help_text="Until then signing in brings the account back.")


class ExportView(TroupeView):
    idempotent = True

    @extend_schema(operation_id="users_me_export_read", responses={200: ExportOutput})
    def get(self, request: Request) -> Response:
        """The state of my newest copy; `{"status": "none"}` where I never asked for one."""
        return Response(own_data.export_data(own_data.newest_export(self.user_id)), headers=NO_STORE)

    @extend_schema(operation_id="users_me_export", request=None, responses={202: ExportOutput})
    def post(self, request: Request) -> Response:
        """Has a copy of all my data made. The link comes by mail and lives seven days.

        While one is being made, that one is told. At most three a day.
        """
        export = exports.request_export(user_id=self.user_id)
        return Response(own_data.export_data(export), status=202, headers=NO_STORE)


class ExportFileView(TroupeView):
    @extend_schema(
        operation_id="users_me_export_file", responses={(200, "application/zip"): OpenApiTypes.BINARY, 206: None}
    )
    def get(self, request: Request) -> HttpResponseBase:
        """The archive itself. A single `Range` is honoured."""
        export = own_data.newest_export(self.user_id)
        if export is None or export.status != DataExport.Status.READY:
            raise NotFound
        return send_export(export, request.headers.get("Range"))


class ConsentsView(TroupeView):
    @extend_schema(operation_id="users_me_consents", responses={200: ConsentsOutput})
    def get(self, request: Request) -> Response:
        """What I agreed to, and in which version: the newest answer to each purpose."""
        return Response({"items": own_data.consents_of(self.user_id), "next": None})


class ConsentView(TroupeView):
    @extend_schema(operation_id="users_me_consent", request=ConsentInput, responses={200: ConsentOutput})
    def put(self, request: Request, purpose: str) -> Response:
        """Agrees to the present text, or takes the consent to news back. The others end with the account: 409."""
        body = self.valid(ConsentInput, request)
        if purpose not in Consent.Purpose.values:
            raise NotFound
        version = consents.present_version(purpose)
        row = consents.give_consent(user_id=self.user_id, purpose=purpose, version=version, given=body["given"])
        return Response(own_data.consent_data(row))


class DeletesMe:
    """`DELETE` for the view of `/api/users/me`."""

    @extend_schema(operation_id="users_me_delete", request=DeletionInput, responses={202: DeletionOutput})
    def delete(self: Any, request: Request) -> Response:
        """Deletes my account: hidden and signed out everywhere at once, and anonymised for good after 30 days.

        Until then signing in brings it back. Where the sign-in is older than five minutes, 403 asks for `password` or
        `code`. Who is the only owner of a team hands it over first: 409, with the teams in `organizations`.
        """
        body = self.valid(DeletionInput, request) if request.data else {}
        user = selectors.get_user(self.user_id)
        if body:
            account_gate(user.email).enter()
        deletion.require_proof(user, self.claims.session_id, **body)
        user = services.delete_account(user_id=user.pk, actor=user)
        until = deletion.restorable_until(user)
        return Response({"deleted_at": user.deleted_at, "restorable_until": until}, status=202, headers=NO_STORE)

"""Where one is signed in, and one's address and password."""

import uuid

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from accounts import selectors, services
from accounts.api.links import AcceptedOutput, accepted
from accounts.models import AuthSession
from common import fields
from common.api import InputSerializer, TroupeView, no_content
from common.rendering import Response


class SessionOutput(serializers.Serializer):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=AuthSession.Kind.choices)
    method = serializers.CharField()
    device = serializers.CharField()
    user_agent = serializers.CharField()
    address = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    current = serializers.BooleanField()


class SessionsOutput(serializers.Serializer):
    items = SessionOutput(many=True)
    next = serializers.CharField(allow_null=True)


class EndedOutput(serializers.Serializer):
    ended = serializers.IntegerField()


class NewEmailInput(InputSerializer):
    """The new address, and the password; who has none must have signed in within five minutes."""

    email = serializers.EmailField(max_length=254)
    password = fields.Text(max_length=services.MAX_PASSWORD, trim_whitespace=False, required=False, default="")


class SessionsView(TroupeView):
    @extend_schema(operation_id="users_me_sessions", responses={200: SessionsOutput})
    def get(self, request: Request) -> Response:
        """Where I am signed in, the last used first."""
        rows = selectors.live_sessions(self.user_id)
        items = [selectors.session_data(row, current_id=self.claims.session_id) for row in rows]
        return Response({"items": items, "next": None})

    @extend_schema(operation_id="users_me_sessions_end_others", responses={200: EndedOutput})
    def delete(self, request: Request) -> Response:
        """Signs out everywhere but here."""
        return Response({"ended": services.end_other_sessions(user_id=self.user_id, keep=self.claims.session_id)})


class SessionView(TroupeView):
    @extend_schema(operation_id="users_me_sessions_end", responses={204: None})
    def delete(self, request: Request, session_id: uuid.UUID) -> HttpResponse:
        """Signs one device out: its tokens and sockets are dead within a second."""
        services.end_own_session(user_id=self.user_id, session_id=session_id)
        return no_content()


class EmailView(TroupeView):
    preset = "auth"
    needs_redis = True

    @extend_schema(operation_id="users_me_email", request=NewEmailInput, responses={202: AcceptedOutput})
    def post(self, request: Request) -> Response:
        """Mails a link to the new address; following it makes the address mine. The old one is told."""
        body = self.valid(NewEmailInput, request)
        services.ask_to_change(user_id=self.user_id, session_id=self.claims.session_id, **body)
        return accepted()

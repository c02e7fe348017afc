"""Signing in by other sites over the API, and the accounts there that one has connected."""

import uuid

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from accounts import selectors, services
from accounts.api.doors import DoorView, SignedInOutput, origin, signed_in_response
from accounts.api.links import AcceptedOutput, accepted
from accounts.providers import Identity
from accounts.selectors.connections import connection_data, connections_of
from accounts.services import connections, oauth_state, social
from common.api import InputSerializer, TroupeView, no_content
from common.fields import Choice, Text
from common.rendering import Response

SITES = ("google", "discord", "twitter", "local")
REDIRECT_HELP = "Where people come back to: an address of this site, of its own clients, or one that is configured."
VERIFIER_HELP = "The `code_verifier` that came with the address."
NO_STORE = {"Cache-Control": "no-store"}
PROVIDER = OpenApiParameter("provider", str, OpenApiParameter.PATH, enum=SITES)


class ReturnInput(InputSerializer):
    """What the other site sent the person back with, and what was kept since the beginning."""

    code = Text(max_length=2048)
    state = Text(max_length=oauth_state.LONGEST)
    redirect_uri = Text(max_length=social.LONGEST_REDIRECT, help_text="The same as at the beginning.")
    code_verifier = Text(max_length=128, help_text=VERIFIER_HELP)


class OAuthCallbackInput(ReturnInput):
    """What the other site sent the person back with, and what was kept since the beginning."""

    provider = Choice(choices=SITES)


class CredentialInput(InputSerializer):
    """The ID token that Google's button gives to a page."""

    credential = Text(max_length=8192)


class AddressInput(InputSerializer):
    """The `key` of an answer 202, and an address of the person's."""

    key = Text(max_length=2048)
    email = serializers.EmailField(max_length=254)


class ConnectInput(InputSerializer):
    """Where to come back to; the password or a code, where the session is older than five minutes."""

    redirect_uri = Text(max_length=social.LONGEST_REDIRECT, help_text=REDIRECT_HELP)
    password = Text(required=False, max_length=services.MAX_PASSWORD, trim_whitespace=False)
    code = Text(required=False, max_length=32, help_text="Of the second factor.")


class StartedOutput(serializers.Serializer):
    authorize_url = serializers.URLField()
    state = serializers.CharField()
    code_verifier = serializers.CharField()


class PendingOutput(serializers.Serializer):
    pending = serializers.ChoiceField(choices=["email"])
    key = serializers.CharField()
    email = serializers.CharField(help_text="One that the site told without vouching for it, or empty.")


class ConnectionOutput(serializers.Serializer):
    id = serializers.UUIDField()
    provider = serializers.CharField()
    title = serializers.CharField()
    label = serializers.CharField(  # type: ignore[assignment]  # a field of this name, not the serializer's own
        help_text="How the person knows the account: a handle or an address."
    )
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField()


class ConnectionsOutput(serializers.Serializer):
    items = ConnectionOutput(many=True)
    next = serializers.CharField(allow_null=True, help_text="Always null: they are few.")


def started_response(started: social.Started) -> Response:
    """The verifier is the caller's to keep; the state holds only its signature."""
    body = {
        "authorize_url": started.authorize_url,
        "state": started.state,
        "code_verifier": started.code_verifier,
    }
    return Response(body, headers=NO_STORE)


class IdentityDoor(DoorView):
    """Lets in whom another site knows."""

    needs_redis = True

    def let_in(self, request: Request, identity: Identity) -> Response:
        found = social.resolve(identity)
        if isinstance(found, social.Pending):
            return Response({"pending": "email", "key": found.key, "email": found.email}, status=202, headers=NO_STORE)
        device = services.Device(**origin(request))
        return signed_in_response(services.enter(user=found, device=device, method=identity.provider))


class OAuthStartView(DoorView):
    needs_redis = True

    @extend_schema(
        operation_id="auth_oauth_start",
        parameters=[
            OpenApiParameter("redirect_uri", str, required=True, description=REDIRECT_HELP),
            PROVIDER,
        ],
        responses={200: StartedOutput},
    )
    def get(self, request: Request, provider: str) -> Response:
        """Begins a sign-in by another site. Send the person to `authorize_url`; keep `state` and `code_verifier`.

        A site that is not configured here is 404.
        """
        redirect_uri = request.query_params.get("redirect_uri", "")
        return started_response(social.start(provider=provider, redirect_uri=redirect_uri))


class OAuthCallbackView(IdentityDoor):
    @extend_schema(
        operation_id="auth_oauth_callback",
        request=OAuthCallbackInput,
        responses={200: SignedInOutput, 202: PendingOutput},
    )
    def post(self, request: Request) -> Response:
        """Finishes it, within ten minutes and once. 202 where the site vouches for no address."""
        return self.let_in(request, social.identify(**self.valid(OAuthCallbackInput, request)))


class OAuthCompleteView(DoorView):
    needs_redis = True

    @extend_schema(operation_id="auth_oauth_complete", request=AddressInput, responses={202: AcceptedOutput})
    def post(self, request: Request) -> Response:
        """Mails a link that makes the account. Whether the address has one already, no answer tells."""
        fields = self.valid(AddressInput, request)
        self.enter_account_gate(fields["email"])
        social.ask_address(**fields)
        return accepted()


class GoogleVerifyView(IdentityDoor):
    @extend_schema(
        operation_id="auth_google_verify",
        request=CredentialInput,
        responses={200: SignedInOutput, 202: PendingOutput},
    )
    def post(self, request: Request) -> Response:
        """Signs in by the ID token of Google's own button, which is good for once."""
        return self.let_in(request, social.identify_credential(self.valid(CredentialInput, request)["credential"]))


class ConnectionsView(TroupeView):
    @extend_schema(operation_id="connections_list", responses={200: ConnectionsOutput})
    def get(self, request: Request) -> Response:
        """The accounts at other sites by which one may sign in."""
        return Response({"items": connections_of(self.user_id), "next": None})


class ConnectView(TroupeView):
    preset = "auth"
    needs_redis = True

    @extend_schema(
        operation_id="connections_start", parameters=[PROVIDER], request=ConnectInput, responses={200: StartedOutput}
    )
    def post(self, request: Request, provider: str) -> Response:
        """Begins to connect another site's account. Needs the password, or a session of the last five minutes."""
        fields = self.valid(ConnectInput, request)
        person = selectors.get_user(self.user_id)
        redirect_uri = fields.pop("redirect_uri")
        connections.require_proof(user=person, session_id=self.claims.session_id, **fields)
        purpose = connections.purpose_of(self.user_id)
        return started_response(
            social.start(provider=provider, redirect_uri=redirect_uri, purpose=purpose, tell=person.is_staff)
        )


class ConnectCallbackView(TroupeView):
    preset = "auth"
    needs_redis = True

    @extend_schema(
        operation_id="connections_finish", parameters=[PROVIDER], request=ReturnInput, responses={201: ConnectionOutput}
    )
    def post(self, request: Request, provider: str) -> Response:
        """Finishes it. An account that is connected to somebody else is 409."""
        fields = self.valid(ReturnInput, request)
        identity = social.identify(provider=provider, purpose=connections.purpose_of(self.user_id), **fields)
        return Response(connection_data(connections.connect(user_id=self.user_id, identity=identity)), status=201)


class ConnectionView(TroupeView):
    @extend_schema(operation_id="connections_remove", responses={204: None})
    def delete(self, request: Request, connection_id: uuid.UUID) -> HttpResponse:
        """Disconnects it. The last way in stays: 409."""
        connections.disconnect(user_id=self.user_id, connection_id=connection_id)
        return no_content()

"""Signing up, in and out over the API, and who I am."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from accounts import selectors, services
from accounts.limits import account_gate
from accounts.models import Role
from accounts.services import SignedIn
from accounts.tokens import Claims
from common.api import InputSerializer, TroupeView, no_content
from common.fields import Flag, Text
from common.middleware import client_address
from common.rendering import Response

MAX_TOKEN = 4096
MAX_UTM = 10


def few_short_names(utm: dict[str, str]) -> None:
    if len(utm) > MAX_UTM or any(len(name) > 40 for name in utm):
        raise serializers.ValidationError(f"Give at most {MAX_UTM} names of at most 40 characters.")


class SignUpInput(InputSerializer):
    """A new account. Without a username the person gets a stand-in that can be changed."""

    email = serializers.EmailField(max_length=254)
    password = Text(max_length=services.MAX_PASSWORD, trim_whitespace=False)
    username = Text(required=False, min_length=3, max_length=30)
    marketing = Flag(default=False, help_text="Whether they want to hear of news by mail.")
    utm = serializers.DictField(
        child=Text(max_length=200, allow_blank=True),
        required=False,
        validators=[few_short_names],
        help_text="Where they came from.",
    )


class SignInInput(InputSerializer):
    """An address, in any case of letters, and its password."""

    email = serializers.EmailField(max_length=254)
    password = Text(max_length=services.MAX_PASSWORD, trim_whitespace=False)
    code = Text(
        required=False, max_length=32, help_text="The second factor, for who has one; otherwise it is not looked at."
    )


class RefreshInput(InputSerializer):
    """The newest refresh token of the session."""

    refresh = Text(max_length=MAX_TOKEN)


class UserOutput(serializers.Serializer):
    id = serializers.UUIDField()
    email = serializers.EmailField()
    email_verified = serializers.BooleanField()
    username = serializers.CharField()
    display_name = serializers.CharField()
    bio = serializers.CharField()
    avatar = serializers.URLField(allow_null=True)
    locale = serializers.CharField()
    timezone = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices)
    plan = serializers.CharField()
    is_premium = serializers.BooleanField()
    last_seen_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class SignedInOutput(serializers.Serializer):
    user = UserOutput()
    access = serializers.CharField()
    refresh = serializers.CharField()


class MeOutput(serializers.Serializer):
    user = UserOutput()
    wallet = serializers.DictField(allow_null=True)
    subscription = serializers.DictField(allow_null=True)
    limits = serializers.DictField(allow_null=True)


def signed_in_response(signed_in: SignedIn, status: int = 200) -> Response:
    body = {
        "user": selectors.user_data(signed_in.user, signed_in.organization_id),
        "access": signed_in.access,
        "refresh": signed_in.refresh,
    }
    return Response(body, status=status, headers={"Cache-Control": "no-store"})


class DoorView(TroupeView):
    """What is open to who is not signed in. A token that comes along is not looked at: it may have expired."""

    public = True
    preset = "auth"
    authentication_classes = ()

    def enter_account_gate(self, email: str) -> None:
        """Raises RateLimited; the answer's headers then tell of this limit."""
        gate = account_gate(email)
        by_address, self.gate = self.gate, gate
        gate.enter()
        if _remaining(by_address) < _remaining(gate):
            self.gate = by_address


def _remaining(gate: Any) -> int:
    return int(gate.headers.get("X-RateLimit-Remaining", 0))


def origin(request: Request) -> dict[str, Any]:
    return {"user_agent": request.META.get("HTTP_USER_AGENT", ""), "address": client_address(request)}


class SignUpView(DoorView):
    @extend_schema(operation_id="auth_signup", request=SignUpInput, responses={201: SignedInOutput})
    def post(self, request: Request) -> Response:
        """Makes an account and signs it in. A new account is given credits and free messages."""
        fields = self.valid(SignUpInput, request)
        self.enter_account_gate(fields["email"])
        return signed_in_response(services.sign_up(**fields, **origin(request)), status=201)


class RegisterView(SignUpView):
    @extend_schema(operation_id="auth_register", request=SignUpInput, responses={201: SignedInOutput})
    def post(self, request: Request) -> Response:
        """The same as `POST /api/auth/signup`."""
        return super().post(request)


class SignInView(DoorView):
    @extend_schema(operation_id="auth_login", request=SignInInput, responses={200: SignedInOutput})
    def post(self, request: Request) -> Response:
        """Begins a session. An unknown address and a wrong password are told alike: 401.

        Who has a second factor and gave no `code` is told `MFA_REQUIRED`, with a `key` for `POST /api/auth/mfa`.
        """
        fields = self.valid(SignInInput, request)
        self.enter_account_gate(fields["email"])
        return signed_in_response(services.sign_in(**fields, **origin(request)))


class RefreshView(DoorView):
    preset = "api"
    needs_redis = True

    @extend_schema(operation_id="auth_refresh", request=RefreshInput, responses={200: SignedInOutput})
    def post(self, request: Request) -> Response:
        """Exchanges the refresh token for a new pair. The old one used again ends the session: `TOKEN_REUSED`."""
        fields = self.valid(RefreshInput, request)
        return signed_in_response(services.refresh(refresh_token=fields["refresh"]))


class SignOutView(DoorView):
    @extend_schema(operation_id="auth_signout", request=RefreshInput, responses={204: None})
    def post(self, request: Request) -> HttpResponse:
        """Ends the session: its tokens are dead at once and its sockets are closed."""
        fields = self.valid(RefreshInput, request)
        services.sign_out(refresh_token=fields["refresh"])
        return no_content()


class MeView(TroupeView):
    @extend_schema(operation_id="auth_me", responses={200: MeOutput})
    def get(self, request: Request) -> Response:
        """Who I am, my wallet, my subscription and my limits."""
        claims: Claims = request.auth  # type: ignore[assignment]
        return Response(selectors.me_data(claims.user_id, claims.organization_id))


class ProfileView(MeView):
    @extend_schema(operation_id="auth_profile", responses={200: MeOutput})
    def get(self, request: Request) -> Response:
        """The same as `GET /api/auth/me`."""
        return super().get(request)

"""What is done by mail: confirming an address, magic links, forgotten passwords; and the second factor's code."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from accounts import services, tasks
from accounts.api.doors import DoorView, SignedInOutput, origin, signed_in_response
from accounts.models import MailKey
from accounts.services import callbacks, mail_keys
from accounts.services.mail_keys import Kind
from common import fields
from common.api import InputSerializer, TroupeView, no_content
from common.keys import LENGTH
from common.rendering import Response

KEY_HELP = "From the link in the mail."


class EmailInput(InputSerializer):
    """An address. Whether it has an account, no answer tells."""

    email = serializers.EmailField(max_length=254)


class ResetInput(InputSerializer):
    """The key of a mailed link, and the new password."""

    key = fields.Text(max_length=LENGTH * 2, help_text=KEY_HELP)
    password = fields.Text(max_length=services.MAX_PASSWORD, trim_whitespace=False)


class CallbackInput(InputSerializer):
    """The key of a mailed link; `code` for who has a second factor."""

    key = fields.Text(max_length=LENGTH * 2, help_text=KEY_HELP)
    code = fields.Text(required=False, max_length=32, help_text="The second factor, for who has one.")


class MfaInput(InputSerializer):
    """The `key` that came with `MFA_REQUIRED`, and a code of the authenticator app or a recovery code."""

    key = fields.Text(max_length=1024)
    code = fields.Text(max_length=32)


class CallbackOutput(serializers.Serializer):
    kind = serializers.ChoiceField(choices=MailKey.Kind.choices)
    email = serializers.EmailField()


class AcceptedOutput(serializers.Serializer):
    accepted = serializers.BooleanField()


def accepted() -> Response:
    """The same whether the address is known or not; what there is to do is done by a job."""
    return Response({"accepted": True}, status=202)


class MailedLinkView(DoorView):
    """Asks for a link by mail."""

    needs_redis = True  # the job that mails it
    kind: Kind

    def ask(self, request: Request) -> Response:
        email = self.valid(EmailInput, request)["email"]
        self.enter_account_gate(email)
        tasks.ask_for_link(self.kind, email)
        return accepted()


class ForgotPasswordView(MailedLinkView):
    kind = Kind.RESET

    @extend_schema(operation_id="auth_forgot_password", request=EmailInput, responses={202: AcceptedOutput})
    def post(self, request: Request) -> Response:
        """Mails a link to set a new password, if the address has an account. It lives an hour."""
        return self.ask(request)


class MagicLinkView(MailedLinkView):
    kind = Kind.MAGIC_LINK

    @extend_schema(operation_id="auth_magic_link", request=EmailInput, responses={202: AcceptedOutput})
    def post(self, request: Request) -> Response:
        """Mails a link to sign in with, if the address has an account. It lives 15 minutes and works once."""
        return self.ask(request)


class ResetPasswordView(DoorView):
    @extend_schema(operation_id="auth_reset_password", request=ResetInput, responses={204: None})
    def post(self, request: Request) -> HttpResponse:
        """Sets a new password. Every session of the person ends."""
        body = self.valid(ResetInput, request)
        services.reset_password(**body, device=services.Device(**origin(request)))
        return no_content()


class CallbackView(DoorView):
    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """A browser may ask for a page and for nothing else; it is led to one."""
        return super().perform_content_negotiation(request, force=force or request.method == "GET")

    @extend_schema(
        operation_id="auth_callback_look",
        parameters=[OpenApiParameter("key", required=True, description=KEY_HELP)],
        responses={200: CallbackOutput},
    )
    def get(self, request: Request) -> HttpResponse:
        """What a link is for. Never uses it up: mail programs open links on their own. Browsers get a page."""
        key = request.query_params.get("key", "")
        if "text/html" in request.headers.get("Accept", ""):
            return HttpResponseRedirect(f"{reverse('mail_callback')}?{urlencode({'key': key[: LENGTH * 2]})}")
        row = mail_keys.look(key)
        return Response({"kind": row.kind, "email": row.email}, headers={"Cache-Control": "no-store"})

    @extend_schema(operation_id="auth_callback", request=CallbackInput, responses={200: SignedInOutput, 204: None})
    def post(self, request: Request) -> HttpResponse:
        """Follows a link: a pair of tokens (magic link, sign-up by another site), or 204 (an address is confirmed)."""
        body = self.valid(CallbackInput, request)
        signed_in = callbacks.follow(key=body["key"], device=services.Device(**origin(request)), code=body.get("code"))
        return signed_in_response(signed_in) if signed_in else no_content()


class MfaView(DoorView):
    @extend_schema(operation_id="auth_mfa", request=MfaInput, responses={200: SignedInOutput})
    def post(self, request: Request) -> Response:
        """The second factor, after an answer `MFA_REQUIRED` of any door."""
        body = self.valid(MfaInput, request)
        return signed_in_response(services.finish(**body, device=services.Device(**origin(request))))


class ConfirmationView(TroupeView):
    preset = "auth"

    @extend_schema(operation_id="auth_send_confirmation", request=None, responses={202: AcceptedOutput})
    def post(self, request: Request) -> Response:
        """Mails the link that confirms one's own address once more."""
        services.send_confirmation_again(user_id=self.user_id)
        return accepted()

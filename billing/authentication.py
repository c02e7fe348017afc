"""Other programs of ours call with `Authorization: Bearer <INTERNAL_API_KEY>`."""

from django.conf import settings
from django.utils.crypto import constant_time_compare
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from common.errors import Unauthenticated


class InternalCaller:
    """A program that holds the internal key. It is nobody, and may charge every organisation."""

    pk = id = "internal"
    is_authenticated = True
    is_anonymous = False
    is_active = True


class InternalKeyAuthentication(BaseAuthentication):
    """Stands before the tokens' authentication; a bearer that is not the key is left to that."""

    def authenticate(self, request: Request) -> tuple[InternalCaller, None] | None:
        expected = settings.INTERNAL_API_KEY
        scheme, _, key = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if expected and scheme.lower() == "bearer" and constant_time_compare(key.strip(), expected):
            return InternalCaller(), None
        return None

    def authenticate_header(self, request: Request) -> str:
        return Unauthenticated().headers["WWW-Authenticate"]

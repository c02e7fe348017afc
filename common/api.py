"""The base of every REST view: the gate (session and limits), idempotency, and the answer's headers."""

import functools
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import HttpResponse, HttpResponseBase
from rest_framework.exceptions import ValidationError
from rest_framework.fields import Field, SkipField, empty, get_error_detail
from rest_framework.request import Request
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from common import idempotency, last_used, redis
from common.errors import Forbidden, UnsupportedMediaType
from common.middleware import client_address
from common.ratelimits import Gate

NUL = "\x00"


class InputSerializer(Serializer):
    """A request's body. Unknown fields and NUL bytes (which PostgreSQL refuses) are errors, not surprises later."""

    # What a field must be is told by its type and its validators, not by methods of the serializer.
    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if methods := [name for name in cls.__dict__ if name.startswith("validate_")]:
            raise TypeError(f"{cls.__name__}: make {', '.join(methods)} a validator of the field")

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """What the library's own does for JSON, in a third of its time: it is made for forms as well."""
        if not isinstance(data, Mapping):
            return super().to_internal_value(data)
        errors: dict[str, Any] = {name: ["This field is not known."] for name in data.keys() - self.fields.keys()}
        values: dict[str, Any] = {}
        for name, field in self._inputs:
            try:
                if name in data:
                    values[name] = field.run_validation(_without_nul(data[name]))
                elif not self.partial:
                    values[name] = field.run_validation(empty)
            except (ValidationError, DjangoValidationError) as error:
                errors[name] = get_error_detail(error) if isinstance(error, DjangoValidationError) else error.detail
            except SkipField:
                continue
        if errors:
            raise ValidationError(errors)
        return values

    @functools.cached_property
    def _inputs(self) -> list[tuple[str, Field]]:
        return [(name, field) for name, field in self.fields.items() if not field.read_only]


def _without_nul(value: Any) -> Any:
    if has_nul(value):
        raise ValidationError(["NUL characters are not allowed."])
    return value


def has_nul(value: Any) -> bool:
    """Whether a NUL stands anywhere in a JSON value."""
    if isinstance(value, str):
        return NUL in value
    if isinstance(value, dict):
        return any(has_nul(part) for part in (*value.keys(), *value.values()))
    return isinstance(value, list) and any(has_nul(part) for part in value)


def checked(serializer: type[Serializer], data: Any) -> dict[str, Any]:
    """`data` as the serializer's fields make it. Raises ValidationProblem, or the library's ValidationError."""
    return _checker(serializer).run_validation(data)


@functools.cache
def _checker(serializer: type[Serializer]) -> Serializer:
    """One for all requests: to make one copies all its fields, and checking leaves nothing in it."""
    return serializer()


class TroupeView(APIView):
    """A view of the API.

    `scope` opens the view to API keys that have it; without one it answers every key 403. `preset` overrides the rate
    limit's class (by default `read` for a public GET, else `api`); `windows(request)` adds moving windows;
    `questions(request)` adds reads of Redis, answered in `self.gate.answers` without a round trip of their own;
    `idempotent` honours `Idempotency-Key` on POST; `needs_redis` refuses work while limits can't be counted.
    """

    scope: ClassVar[str | None] = None
    preset: ClassVar[str | None] = None
    public: ClassVar[bool] = False
    idempotent: ClassVar[bool] = False
    needs_redis: ClassVar[bool] = False

    @property
    def claims(self) -> Any:
        """Of the signed-in caller: `accounts.tokens.Claims`."""
        return self.request.auth

    @property
    def user_id(self) -> uuid.UUID:
        """Of the signed-in caller."""
        return self.claims.user_id

    @property
    def person(self) -> Any:
        """The signed-in caller: an `accounts.models.User`, loaded as far as the claims go."""
        return self.request.user

    def windows(self, request: Request) -> Sequence[tuple[str, str]]:
        return ()

    def questions(self, request: Request) -> Sequence[redis.Command]:
        return ()

    def get_permissions(self) -> Sequence[Any]:
        return [] if self.public else super().get_permissions()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.format_kwarg = None
        neg = self.perform_content_negotiation(request)
        request.accepted_renderer, request.accepted_media_type = neg
        self.perform_authentication(request)
        person, method = request.user, request.method  # asking a request for anything costs a little each time
        gate = Gate(
            who=str(person.pk or client_address(request)),
            preset=self.preset or ("read" if self.public and method in {"GET", "HEAD"} else "api"),
            write=method not in {"GET", "HEAD", "OPTIONS"},
            session_id=getattr(request.auth, "session_id", None),
            windows=self.windows(request) if self.public or person.is_authenticated else (),
            needs_redis=self.needs_redis,
            questions=self.questions(request),
        )
        self.gate = gate
        gate.enter()
        if person.pk and not getattr(request.auth, "api_key_id", None):
            last_used.touch(last_used.PEOPLE, person.pk)
        self.check_scope(request)
        self.check_permissions(request)

    def check_scope(self, request: Request) -> None:
        """Raises Forbidden where the caller is an API key that may not do this."""
        scopes = getattr(request.auth, "scopes", None)
        if scopes is None or self.scope in scopes:
            return
        if self.scope:
            raise Forbidden(f"This key may not do that: it lacks the scope “{self.scope}”.")
        raise Forbidden("This key may not do that: no API key may. Please sign in.")

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if gate := getattr(self, "gate", None):
            for name, value in gate.headers.items():
                response.headers[name] = value
        return response

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        key = request.META.get("HTTP_IDEMPOTENCY_KEY")
        if self.idempotent and key is not None and request.method == "POST":
            self.post = idempotency.once(key, self.post)  # type: ignore[has-type]
        return super().dispatch(request, *args, **kwargs)

    def valid(self, serializer: type[Serializer], request: Request) -> dict[str, Any]:
        """The request's body, checked. Raises ValidationProblem."""
        if request.content_type and "json" not in request.content_type:
            raise UnsupportedMediaType
        return checked(serializer, request.data)


def no_content() -> HttpResponse:
    response = HttpResponse(status=204)
    del response.headers["Content-Type"]
    return response

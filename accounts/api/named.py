"""`?organization=` of requests that may be about one's own wallet and files or about a team's."""

import uuid

from django.core.exceptions import ValidationError
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from accounts.selectors import paying_organization
from accounts.tokens import Claims
from common.errors import ValidationProblem

ORGANIZATION = OpenApiParameter("organization", OpenApiTypes.UUID, description="by default the personal one")


def named_organization(request: Request) -> uuid.UUID:
    """The organisation that is named, where the caller is a member; by default the caller's own.

    Raises NotFound, ValidationProblem.
    """
    assert isinstance(request.auth, Claims)
    text = request.query_params.get("organization")
    try:
        organization_id = serializers.UUIDField().to_internal_value(text) if text else None
    except (ValidationError, serializers.ValidationError) as error:
        raise ValidationProblem(errors={"organization": ["Give an organisation's id."]}) from error
    return paying_organization(request.auth, organization_id)

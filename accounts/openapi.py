"""How the OpenAPI schema names our two ways of signing in. Imported when the app is ready."""

from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.authentication.TokenAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class ApiKeyScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.authentication.ApiKeyAuthentication"
    name = "api_key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "An API key: `troupe_…`"}

    def get_security_requirement(self, auto_schema: Any) -> Any:
        """Named only where keys may enter."""
        scope = getattr(auto_schema.view, "scope", None)
        return {self.name: [scope]} if scope else None  # no requirement at all, which an empty one is not


class CookieScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.authentication.WebSessionAuthentication"
    name = "cookie"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}

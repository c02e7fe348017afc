"""How the OpenAPI schema names the internal key. Imported when the app is ready."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class InternalKeyScheme(OpenApiAuthenticationExtension):
    target_class = "billing.authentication.InternalKeyAuthentication"
    name = "internal_key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "INTERNAL_API_KEY, for programs of the house"}

"""One's own personas over REST."""

import uuid

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from characters import services, shapes
from characters.inputs import PersonaChanges, PersonaInput
from characters.models import Persona
from characters.selectors import get_persona, persona_data
from common.api import TroupeView, no_content
from common.openapi import PAGE
from common.pagination import page_by_id
from common.rendering import Response


class PersonasView(TroupeView):
    scope = "chat"
    idempotent = True

    @extend_schema(operation_id="personas_list", parameters=PAGE, responses={200: shapes.PersonaPageShape})
    def get(self, request: Request) -> Response:
        """One's own personas, newest first."""
        own = Persona.objects.filter(user_id=self.user_id)
        return Response(page_by_id(own, request, persona_data).data())

    @extend_schema(operation_id="personas_create", request=PersonaInput, responses={201: shapes.PersonaShape})
    def post(self, request: Request) -> Response:
        """A new persona. A new default takes the place of the old one."""
        fields = self.valid(PersonaInput, request)
        return Response(persona_data(services.create_persona(user_id=self.user_id, fields=fields)), status=201)


class PersonaView(TroupeView):
    scope = "chat"

    @extend_schema(operation_id="personas_retrieve", responses={200: shapes.PersonaShape})
    def get(self, request: Request, persona_id: uuid.UUID) -> Response:
        return Response(persona_data(get_persona(persona_id, self.user_id)))

    @extend_schema(operation_id="personas_update", request=PersonaChanges, responses={200: shapes.PersonaShape})
    def patch(self, request: Request, persona_id: uuid.UUID) -> Response:
        """Changes the fields given."""
        changes = self.valid(PersonaChanges, request)
        persona = services.update_persona(persona_id=persona_id, user_id=self.user_id, changes=changes)
        return Response(persona_data(persona))

    @extend_schema(operation_id="personas_delete", responses={204: None})
    def delete(self, request: Request, persona_id: uuid.UUID) -> HttpResponse:
        """Deletes it; conversations that used it go on without one."""
        services.delete_persona(persona_id=persona_id, user_id=self.user_id)
        return no_content()

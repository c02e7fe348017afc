from django.urls import path

from characters import api, api_personas

api_urlpatterns = [
    path("characters", api.CharactersView.as_view()),
    path("characters/<uuid:character_id>", api.CharacterView.as_view()),
    path("characters/<uuid:character_id>/like", api.LikeView.as_view()),
    path("characters/<uuid:character_id>/lorebook", api.LorebookView.as_view()),
    path("characters/<uuid:character_id>/images", api.ImagesView.as_view()),
    path("characters/<uuid:character_id>/memories", api.MemoriesView.as_view()),
    path("characters/<uuid:character_id>/memories/<uuid:memory_id>", api.MemoryView.as_view()),
    path("users/me/personas", api_personas.PersonasView.as_view()),
    path("users/me/personas/<uuid:persona_id>", api_personas.PersonaView.as_view()),
]

page_urlpatterns: list = []

from django.urls import path

from characters import api, api_personas, pages

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

page_urlpatterns = [
    path("", pages.discover, name="discover"),
    path("characters/new", pages.character_new, name="character_new"),
    path("characters/<uuid:character_id>", pages.character, name="character"),
    path("characters/<uuid:character_id>/edit", pages.character_edit, name="character_edit"),
    path("characters/<uuid:character_id>/delete", pages.character_delete, name="character_delete"),
    path("characters/<uuid:character_id>/like", pages.character_like, name="character_like"),
    path("my/characters", pages.my_characters, name="my_characters"),
    path("portraits/<uuid:character_id>.svg", pages.portrait, name="portrait"),
]

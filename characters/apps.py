from django.apps import AppConfig


class CharactersConfig(AppConfig):
    name = "characters"

    def ready(self) -> None:
        from accounts import registry
        from characters import own_data, people

        own_data.register()
        registry.add_profile_part("characters_amount", people.characters_amount)
        registry.add_profile_page_part("cards", people.profile_cards)
        registry.add_favourite_kind("character", people.favourite_characters)
        registry.on_profile_changed(people.drop_creator)

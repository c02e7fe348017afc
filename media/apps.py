from django.apps import AppConfig


class MediaConfig(AppConfig):
    name = "media"

    def ready(self) -> None:
        from accounts import registry
        from media import selectors, services

        registry.set_avatar_reader(selectors.avatar_url)
        registry.on_avatar_dropped(services.delete_on_commit)
        registry.add_export_part("picture", selectors.export_picture, says="Your picture.")

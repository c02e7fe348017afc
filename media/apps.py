from django.apps import AppConfig


class MediaConfig(AppConfig):
    name = "media"

    def ready(self) -> None:
        from accounts import registry as accounts
        from media import registry, selectors
        from media.services import assets, avatars

        accounts.set_avatar_reader(selectors.avatar_url)
        accounts.on_avatar_dropped(avatars.forget)
        accounts.on_account_deleted(assets.hide_from_cdn)
        accounts.on_account_anonymised(assets.delete_of_person)
        accounts.add_export_part("files", selectors.export_files, says="Your files: pictures, video and audio.")
        registry.on_asset_deleted(avatars.let_go)

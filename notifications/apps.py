from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "notifications"

    def ready(self) -> None:
        from notifications import accounts_parts, own_data

        accounts_parts.register()
        own_data.register()

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "notifications"

    def ready(self) -> None:
        from accounts import registry
        from notifications import accounts_parts, kinds

        # accounts is below this app and can't register its own
        for kind in accounts_parts.KINDS:
            kinds.register(kind)
        registry.on_signed_in(accounts_parts.tell_of_sign_in)
        registry.on_person_invited(accounts_parts.tell_of_invitation)
        registry.on_account_anonymised(accounts_parts.forget)
        registry.add_export_part("notifications", accounts_parts.export)

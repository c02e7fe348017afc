from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from allauth.account.signals import password_changed, password_set
        from allauth.mfa.signals import authenticator_added
        from django.contrib.auth.signals import user_logged_in, user_logged_out

        from accounts import allauth, openapi, own_data, realtime, registry, selectors, web_sessions  # noqa: F401
        from accounts.selectors import favourites, people_own_data
        from accounts.services import profiles, second_factor
        from common import sessions
        from common.realtime import register_identifier

        sessions.register_reader(selectors.session_is_live)
        register_identifier(token=realtime.identify_token, web=realtime.identify_web_session)
        user_logged_in.connect(web_sessions.on_logged_in, dispatch_uid="accounts")
        user_logged_out.connect(web_sessions.on_logged_out, dispatch_uid="accounts")
        password_changed.connect(allauth.on_password_changed, dispatch_uid="accounts")
        password_set.connect(allauth.on_password_changed, dispatch_uid="accounts")
        authenticator_added.connect(second_factor.on_authenticator_added, dispatch_uid="accounts")
        registry.add_export_part(
            "people",
            people_own_data.export_people,
            says="Whom you blocked, what you keep as favourites, and names you had before.",
        )
        registry.add_favourite_kind("user", favourites.favourite_people)
        registry.on_account_anonymised(profiles.forget_former_names)
        registry.add_export_part(
            "organizations",
            selectors.export_organizations,
            says="Where you belong, and invitations you sent or accepted.",
        )
        registry.add_export_part(
            "api-keys",
            selectors.export_api_keys,
            says="The API keys you made, with what they may do and when they were used; never the keys themselves.",
        )
        own_data.register()

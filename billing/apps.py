from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        from accounts import registry
        from billing import accounts_parts, openapi, own_data, organizations  # noqa: F401  # openapi registers itself

        registry.on_account_created(accounts_parts.welcome)
        registry.add_me_part("wallet", accounts_parts.wallet)
        registry.add_me_part("subscription", accounts_parts.subscription)
        registry.add_me_part("limits", accounts_parts.limits)
        registry.on_organization_created(organizations.open_team_wallet)
        registry.before_organization_deleted(organizations.refuse_while_full)
        registry.set_wallet_reader(organizations.wallet_totals)
        own_data.register()

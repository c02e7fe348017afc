from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        from accounts import registry
        from billing import (
            accounts_parts,
            budgets,
            ledger_links,
            organizations,
            own_data,
            own_payments,
            plans,
            services,
            telling,
        )
        from billing import openapi as _openapi  # noqa: F401  # registers itself
        from media import registry as media

        registry.on_account_created(accounts_parts.welcome)
        registry.add_me_part("wallet", accounts_parts.wallet)
        registry.add_me_part("subscription", accounts_parts.subscription)
        registry.add_me_part("limits", accounts_parts.limits)
        registry.set_plan_reader(plans.plan_of_person)
        media.set_quota_reader(plans.storage_quota)
        registry.on_organization_created(organizations.open_team_wallet)
        registry.before_organization_deleted(organizations.refuse_while_full)
        registry.set_wallet_reader(organizations.wallet_totals)
        registry.on_api_key_created(services.budget_of_key)
        registry.set_api_key_reader(budgets.monthly_budgets_of_keys)
        own_data.register()
        own_payments.register()
        telling.register()
        ledger_links.register()

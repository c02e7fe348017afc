from allauth.account.apps import AccountConfig
from django.apps import AppConfig, apps


class AllauthAccountConfig(AccountConfig):
    """allauth looks for its middleware in MIDDLEWARE; it is in BROWSER_MIDDLEWARE, off the API's hot paths."""

    def ready(self) -> None:
        from allauth.account import checks  # noqa: F401  # they register themselves


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        from config import sentry, staff

        sentry.start()
        # an app without models, as this one, is told of no migration
        accounts = apps.get_app_config("accounts")
        post_migrate.connect(staff.make_staff_groups, sender=accounts, dispatch_uid="staff groups")

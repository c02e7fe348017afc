from allauth.account.apps import AccountConfig
from django.apps import AppConfig


class AllauthAccountConfig(AccountConfig):
    """allauth looks for its middleware in MIDDLEWARE; it is in BROWSER_MIDDLEWARE, off the API's hot paths."""

    def ready(self) -> None:
        from allauth.account import checks  # noqa: F401  # they register themselves


class ConfigConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        from config import sentry

        sentry.start()

"""A worker of the drill: a process of its own, with one database connection a thread.

Started as `python -m billing.drill.worker '<an Order as JSON>'`. It sets Django up itself, because the database may be
another one than the environment's (a test's).
"""

import os
import sys
import threading
from dataclasses import dataclass

import orjson

LEDGER_APPS = [
    "billing",
    "notifications",
    "accounts",
    "common",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "config.apps.AllauthAccountConfig",
    "allauth.socialaccount",
    "allauth.mfa",
]


@dataclass(frozen=True)
class Order:
    """What a worker is to do: each of its threads performs `operations`. `run` begins every key of this drill."""

    run: str
    seed: int
    database: str
    application_name: str
    folder: str
    threads: list[int]
    operations: int
    organizations: list[str]


def main(order: Order) -> None:
    set_up_django(order)
    from billing.drill.hand import work  # models can be imported only now

    threads = [threading.Thread(target=work, args=(order, thread)) for thread in order.threads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def set_up_django(order: Order) -> None:
    """With the ledger's own apps alone: a worker that was killed should be back soon."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django
    from django.conf import settings

    database = settings.DATABASES["default"]
    database["NAME"] = order.database
    database["OPTIONS"] = {**database["OPTIONS"], "application_name": order.application_name, "pool": None}
    database["CONN_MAX_AGE"] = None
    settings.INSTALLED_APPS = LEDGER_APPS
    django.setup()


if __name__ == "__main__":
    main(Order(**orjson.loads(sys.argv[1])))

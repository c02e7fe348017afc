"""`manage.py seed_demo`: the demo people and characters, once."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.demo import load_demo


class Command(BaseCommand):
    help = "Loads the demo people and characters if they are not there. Refused in production."

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.IN_PRODUCTION:
            raise CommandError("Demo sign-ins have known passwords; production does not load them.")
        self.stdout.write("demo data loaded" if load_demo() else "demo data is there")

"""`manage.py prepare`: what a site needs before its processes start, in one Django start-up."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from config.demo import DEMO_SIGN_INS
from config.staff import make_staff_groups


class Command(BaseCommand):
    help = "Migrates, loads the demo data outside production, and prints the demo sign-ins as its last lines."

    def handle(self, *args: Any, **options: Any) -> None:
        if self._unapplied():
            call_command("migrate", interactive=False, verbosity=1, stdout=self.stdout)
        make_staff_groups()
        if settings.IN_PRODUCTION:
            call_command("collectstatic", interactive=False, verbosity=0)
            return
        call_command("seed_demo", stdout=self.stdout)
        for sign_in in DEMO_SIGN_INS:
            self.stdout.write(f"sign-in\t{sign_in.label}\t{sign_in.email}\t{sign_in.password}")

    def _unapplied(self) -> bool:
        executor = MigrationExecutor(connection)
        return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))

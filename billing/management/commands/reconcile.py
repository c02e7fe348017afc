import sys
from argparse import ArgumentTypeError
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing import reconciliation_providers as at_providers
from billing.reconciliation import as_data, as_lines, reconcile
from common.errors import Problem
from common.rendering import to_json


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError("give a day as YYYY-MM-DD") from error


class Command(BaseCommand):
    help = (
        "Proves that every balance equals its entries and every payment its credits, on one snapshot of the books; "
        "with --day compares our payments with each provider's. Exits with 1 on a difference."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the report as JSON")
        parser.add_argument("--day", type=_day, help="compare a day of UTC, YYYY-MM-DD, with the providers instead")
        parser.add_argument("--provider", help="with --day: this one only")
        parser.add_argument("--fix", action="store_true", help="with --day: bring our rows in line")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["day"]:
            self._providers(**options)
            return
        if options["provider"] or options["fix"]:
            raise CommandError("--provider and --fix go with --day.")
        report = reconcile()
        if options["json"]:
            self.stdout.write(to_json(as_data(report)).decode())
        else:
            for line in as_lines(report):
                self.stdout.write(line)
        if not report.ok:
            sys.exit(1)

    def _providers(self, *, day: date, provider: str | None, fix: bool, json: bool, **_: Any) -> None:
        try:
            found = at_providers.compare_all(day, [provider] if provider else [])
        except Problem as error:
            raise CommandError(f"{provider}: {error.detail}") from error
        left = [at_providers.fix(one) if fix and one.differences else one for one in found]
        if json:
            data = {"ok": all(one.ok for one in left), "found": at_providers.as_data(found)}
            self.stdout.write(to_json(data | ({"left": at_providers.as_data(left)} if fix else {})).decode())
        else:
            for line in at_providers.as_lines(found):
                self.stdout.write(line)
            if fix and any(one.differences for one in found):
                self.stdout.write("After following them:")
                for line in at_providers.as_lines(left):
                    self.stdout.write(line)
        if not all(one.ok for one in left):
            sys.exit(1)

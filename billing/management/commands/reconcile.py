import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from billing.reconciliation import as_data, as_lines, reconcile
from common.rendering import to_json


class Command(BaseCommand):
    help = "Proves that every balance equals its entries, on one snapshot of the ledger. Exits with 1 on a difference."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        report = reconcile()
        if options["json"]:
            self.stdout.write(to_json(as_data(report)).decode())
        else:
            for line in as_lines(report):
                self.stdout.write(line)
        if not report.ok:
            sys.exit(1)

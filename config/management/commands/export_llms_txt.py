"""`manage.py export_llms_txt`: writes docs/llms.txt."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from config.documents import llms_txt


class Command(BaseCommand):
    help = "Writes docs/llms.txt, made from the OpenAPI document."

    def handle(self, *args: Any, **options: Any) -> None:
        (Path(settings.BASE_DIR) / "docs" / "llms.txt").write_text(llms_txt(), encoding="utf-8")
        self.stdout.write("wrote docs/llms.txt")

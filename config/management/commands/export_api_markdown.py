"""`manage.py export_api_markdown`: writes docs/api.md."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from config.documents import api_markdown


class Command(BaseCommand):
    help = "Writes docs/api.md, made from the OpenAPI document."

    def handle(self, *args: Any, **options: Any) -> None:
        (Path(settings.BASE_DIR) / "docs" / "api.md").write_text(api_markdown(), encoding="utf-8")
        self.stdout.write("wrote docs/api.md")

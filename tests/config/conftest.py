"""Environments to start with, and a way to run the project's commands in them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from config.env import Environment

ROOT = Path(__file__).resolve().parent.parent.parent
SECRET = "".join(chr(ord("a") + number % 26) for number in range(48))


@pytest.fixture
def production() -> dict[str, str]:
    """The least that production starts with."""
    return {
        "DJANGO_ENV": "production",
        "SECRET_KEY": SECRET,
        "JWT_SECRET": SECRET[::-1],
        "ALLOWED_HOSTS": "troupe.example",
        "PUBLIC_URL": "https://troupe.example",
        "DATABASE_URL": os.environ.get("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/troupe"),
        "REDIS_URL": os.environ.get("REDIS_URL", "redis://127.0.0.1:1/0"),
        "SMTP_HOST": "127.0.0.1",
        "EMAIL_FROM": "Troupe <hello@troupe.example>",
    }


@pytest.fixture
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """`run(environment, "manage.py", "check")`: a fresh Python that knows no variable but these."""

    def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
        ours = Environment.model_fields.keys()
        kept = {name: value for name, value in os.environ.items() if name.removesuffix("_FILE") not in ours}
        return subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, env=kept | environment, check=False,
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    return run

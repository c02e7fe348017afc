"""Nothing of the sandbox exists in production."""

SCRIPT = """
import django
django.setup()
from django.conf import settings
from billing.sandbox import is_open
from config.schedule import SCHEDULE
print(sorted(settings.PAYMENT_PROVIDERS), [f.__module__ for f, *_ in SCHEDULE if "sandbox" in f.__module__], is_open())
"""


def test_production_has_no_sandbox(production, run):
    done = run(production | {"DJANGO_SETTINGS_MODULE": "config.settings"}, "-c", SCRIPT)
    assert done.stdout.split("\n")[-2] == "[] [] False", done.stderr


def test_development_has_one(run):
    done = run({"DJANGO_ENV": "development", "DJANGO_SETTINGS_MODULE": "config.settings"}, "-c", SCRIPT)
    assert done.stdout.split("\n")[-2] == "['sandbox'] ['billing.sandbox.tasks'] True", done.stderr

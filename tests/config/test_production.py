"""Production in a process of its own: what does not start, and what is not there."""

import pytest

TELL = "import django; django.setup(); from django.conf import settings; print({})"


class TestStarting:
    def test_production_with_the_settings_of_development_does_not_start(self, run):
        done = run({"DJANGO_ENV": "production"}, "manage.py", "check")
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        for name in ("SECRET_KEY", "JWT_SECRET", "ALLOWED_HOSTS", "PUBLIC_URL", "DATABASE_URL", "REDIS_URL"):
            assert f"  - {name}: " in done.stderr

    @pytest.mark.parametrize("module", ["config.wsgi", "config.asgi"])
    def test_neither_server_loads_then(self, run, module):
        done = run({"DJANGO_ENV": "production"}, "-c", f"import {module}")
        assert done.returncode == 1
        assert done.stderr.startswith("Troupe can't start with this environment:")

    def test_production_with_all_it_needs_starts(self, run, production):
        stripe = {"STRIPE_SECRET_KEY": f"sk_live_{'k' * 24}", "STRIPE_WEBHOOK_SECRET": "whsec_of_the_endpoint"}
        done = run(production | stripe, "manage.py", "check", "--deploy", "--fail-level", "ERROR")
        assert done.returncode == 0, done.stderr
        assert "djstripe" not in done.stderr


class TestWhatProductionHasNot:
    def test_the_demo_people(self, run, production):
        done = run(production, "manage.py", "seed_demo")
        assert done.returncode == 1
        assert "Demo sign-ins have known passwords" in done.stderr

    def test_the_ledgers_drill(self, run, production):
        done = run(production, "manage.py", "ledger_drill", "--operations", "20")
        assert done.returncode == 1
        assert "does not run in production" in done.stderr

    def test_the_demo_voice(self, run, production):
        done = run(
            production | {"DJANGO_SETTINGS_MODULE": "config.settings"}, "-c", TELL.format("*settings.TEXT_PROVIDERS")
        )
        assert (done.returncode, done.stdout.strip()) == (0, "")

    def test_a_mailbox_that_everybody_may_read(self, run, production):
        asked = (
            "import django; django.setup(); from django.conf import settings; from django.test import Client; "
            "print(settings.EMAIL_BACKEND, *[Client(headers={'Host': 'troupe.example'}).get(path).status_code "
            "for path in ('/mailbox', '/mailbox/01a1fa15-3d68-7128-b913-710761b1f861')])"
        )
        given = production | {"DJANGO_SETTINGS_MODULE": "config.settings"}
        assert run(given, "-c", asked).stdout.split()[-3:] == [
            "django.core.mail.backends.smtp.EmailBackend",
            "404",
            "404",
        ]
        with_key = run(given | {"RESEND_API_KEY": "re_x"}, "-c", TELL.format("settings.EMAIL_BACKEND"))
        assert with_key.stdout.strip() == "common.mail.resend.ResendBackend"

    def test_but_a_voice_with_a_key_it_has(self, run, production):
        given = production | {"DJANGO_SETTINGS_MODULE": "config.settings", "OPENAI_API_KEY": "k"}
        assert run(given, "-c", TELL.format("*settings.TEXT_PROVIDERS")).stdout.strip() == "openai"

    def test_cookies_without_https(self, run, production):
        asked = TELL.format("settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE, settings.SECURE_HSTS_SECONDS")
        done = run(production | {"DJANGO_SETTINGS_MODULE": "config.settings"}, "-c", asked)
        assert done.stdout.split() == ["True", "True", "31536000"]

    def test_debug_pages_anywhere(self, run, production):
        for environment in (production, {}):
            given = environment | {"DJANGO_SETTINGS_MODULE": "config.settings"}
            assert run(given, "-c", TELL.format("settings.DEBUG")).stdout.strip() == "False"

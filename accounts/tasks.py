"""What accounts does again and again."""

from importlib import import_module

from django.conf import settings

from accounts import services


def forget_sessions() -> None:
    """Deletes what is left of sign-in sessions and cookies that ended long ago."""
    services.forget_old_sessions()
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()

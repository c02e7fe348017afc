"""What a person may settle about how the site behaves for them, and how it behaves until they do."""

from typing import Any

from django.db import models

from accounts.models import Consent, User


class Theme(models.TextChoices):
    SYSTEM = "system", "As this device has it"
    LIGHT = "light", "House lights up"
    DARK = "dark", "House lights down"


# Kept in `User.preferences`; a key that is not there has this value.
DEFAULTS: dict[str, Any] = {
    "theme": Theme.SYSTEM.value,
    "mature": False,
    "enter_sends": True,
    "reduce_motion": False,
    "show_last_seen": True,
}


def kept_by(user: User) -> dict[str, Any]:
    """What the person settled, and the defaults of the rest; no query."""
    return {name: user.preferences.get(name, value) for name, value in DEFAULTS.items()}


def preferences_of(user: User) -> dict[str, Any]:
    """The same with `marketing_mail`: what the newest consent says. One query."""
    newest = Consent.objects.filter(user=user, purpose=Consent.Purpose.MARKETING).order_by("-pk").first()
    return kept_by(user) | {"marketing_mail": bool(newest and newest.given)}

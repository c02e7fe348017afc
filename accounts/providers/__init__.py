"""Other sites that one may sign in by: a file each, `base.py` is their whole interface.

A provider is on when `settings.SIGN_IN_PROVIDERS` has a block for it, which is when it has its keys.
"""

import functools
import json
from typing import Any

from django.conf import settings

from accounts.providers.base import Identity, SignInProvider
from accounts.providers.discord import Discord
from accounts.providers.google import Google
from accounts.providers.local import Local
from accounts.providers.twitter import Twitter
from common.errors import NotFound

__all__ = ["Identity", "SignInProvider", "configured", "get_provider", "name_of", "switched_off", "title_of"]

KNOWN: dict[str, type[SignInProvider]] = {each.name: each for each in (Google, Discord, Twitter, Local)}


def configured() -> list[SignInProvider]:
    """Those that are on, in the order in which they are shown."""
    return [_made(name, json.dumps(block)) for name, block in settings.SIGN_IN_PROVIDERS.items()]


def get_provider(name: str, *, tell: bool = False) -> SignInProvider:
    """Raises NotFound for one that is not on; with `tell`, or in development, it says which variables turn it on."""
    if block := settings.SIGN_IN_PROVIDERS.get(name):
        return _made(name, json.dumps(block))
    if name in KNOWN and (tell or settings.ENVIRONMENT == "development"):
        raise NotFound(f"{KNOWN[name].title} is off here. Set {' and '.join(KNOWN[name].variables)} to turn it on.")
    raise NotFound


def switched_off() -> list[dict[str, Any]]:
    """`title` and `variables` of those that lack their keys; the local one is for development, and not among them."""
    off = KNOWN.keys() - settings.SIGN_IN_PROVIDERS.keys() - {Local.name}
    return [{"title": each.title, "variables": each.variables} for name, each in KNOWN.items() if name in off]


def title_of(name: str) -> str:
    """What people call it, also where it is not on."""
    return KNOWN[name].title if name in KNOWN else name


def name_of(stored_as: str) -> str:
    """Our name of what allauth's table calls so."""
    return next((name for name, each in KNOWN.items() if each.stored_as == stored_as), stored_as)


@functools.cache
def _made(name: str, block: str) -> SignInProvider:
    return KNOWN[name](**{key.lower(): value for key, value in json.loads(block).items()})

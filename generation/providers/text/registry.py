"""Finds the text providers that settings configure and keeps one instance of each per event loop."""

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

from django.conf import settings
from django.utils.module_loading import import_string

from generation.providers.text.base import ProviderError, TextProvider

DEMO = "generation.providers.text.local.LocalText"

# An async HTTP client belongs to the loop it first ran on; on another loop its pooled connections are dead.
_providers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, tuple[dict[str, Any], TextProvider]]]
_providers = WeakKeyDictionary()


def configured_text_providers() -> list[str]:
    """Names of the providers that can be used, in the order of preference: real ones first."""
    return sorted(settings.TEXT_PROVIDERS, key=is_demo)


def get_text_provider(name: str) -> TextProvider:
    """The provider of that name for the running event loop, built on first use.

    Raises ProviderError (PROVIDER_UNAVAILABLE) if settings don't configure it, RuntimeError outside an event loop.
    """
    config = settings.TEXT_PROVIDERS.get(name)
    if config is None:
        raise ProviderError(
            "PROVIDER_UNAVAILABLE",
            "This model isn't available right now.",
            permanent=True,
            private=f"The text provider {name} is not configured.",
        )
    built = _providers.setdefault(asyncio.get_running_loop(), {})
    if name not in built or built[name][0] != config:
        backend: type[TextProvider] = import_string(config["BACKEND"])
        built[name] = (dict(config), backend(name, config))
    return built[name][1]


def is_demo(name: str) -> bool:
    """Whether what speaks is the built-in demo voice, which the web app says to its readers."""
    # Told by the settings, not by the class: a web process need not load a client library of 25 MB for it.
    return name in settings.TEXT_PROVIDERS and settings.TEXT_PROVIDERS[name]["BACKEND"] == DEMO


def build_text_providers() -> None:
    """Builds all that are configured, so that the first reply does not wait a second for a client library to load."""
    for name in configured_text_providers():
        get_text_provider(name)


async def close_text_providers() -> None:
    """Closes what the running event loop built; for a process that shuts down."""
    built = _providers.pop(asyncio.get_running_loop(), {})
    for _, provider in built.values():
        await provider.aclose()

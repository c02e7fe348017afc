"""Finds the text providers that settings configure and keeps one instance of each per event loop."""

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

from django.conf import settings
from django.utils.module_loading import import_string

from generation.providers.text.base import ProviderError, TextProvider

# An async HTTP client belongs to the loop it first ran on; on another loop its pooled connections are dead.
_providers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, tuple[dict[str, Any], TextProvider]]]
_providers = WeakKeyDictionary()


def configured_text_providers() -> list[str]:
    """Names of the providers that can be used, in the order of preference: real ones first."""
    names = list(settings.TEXT_PROVIDERS)
    return sorted(names, key=lambda name: _backend(name).is_demo)


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
        built[name] = (dict(config), _backend(name)(name, config))
    return built[name][1]


def is_demo(name: str) -> bool:
    """Whether what speaks is the built-in demo voice, which the web app says to its readers."""
    return name in settings.TEXT_PROVIDERS and _backend(name).is_demo


async def close_text_providers() -> None:
    """Closes what the running event loop built; for a process that shuts down."""
    built = _providers.pop(asyncio.get_running_loop(), {})
    for _, provider in built.values():
        await provider.aclose()


def _backend(name: str) -> type[TextProvider]:
    backend: type[TextProvider] = import_string(settings.TEXT_PROVIDERS[name]["BACKEND"])
    return backend

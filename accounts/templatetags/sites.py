"""The buttons of other sites that one may sign in by."""

from typing import Any

from django import template

from accounts.providers import configured
from accounts.selectors.connections import connections_of

register = template.Library()


@register.inclusion_tag("accounts/_providers.html", takes_context=True)
def other_sites(context: dict[str, Any]) -> dict[str, Any]:
    """Those that are on, if any. They lead on to the page's `next`."""
    return {"sites": configured(), "address": "social_start", "next": context.get("next", "")}


@register.inclusion_tag("accounts/_providers.html", takes_context=True)
def own_sites(context: dict[str, Any]) -> dict[str, Any]:
    """Those that the person has connected, to prove by one that it is still them."""
    own = {connection["provider"] for connection in connections_of(context["user"].pk)}
    sites = [site for site in configured() if site.name in own]
    return {"sites": sites, "address": "connection_prove", "next": context.get("next", "")}

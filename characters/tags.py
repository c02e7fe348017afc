"""Tags are compared as written, so they are all written one way."""

from collections.abc import Iterable


def clean_tag(tag: str) -> str:
    return " ".join(tag.lower().split())


def clean_tags(tags: Iterable[str]) -> list[str]:
    """Lower case, trimmed, each once, in the order given; empty ones are left out."""
    return list(dict.fromkeys(filter(None, map(clean_tag, tags))))

"""Files in templates."""

from django import template
from django.conf import settings

from media import selectors

register = template.Library()
UNITS = ("KB", "MB", "GB", "TB")


@register.filter
def size_words(size: int | None) -> str:
    """Bytes as people read them: "824 KB", "1.5 MB", "312 MB", "1 GB". upload.js says the same."""
    value, unit = float(size or 0), "bytes"
    for larger in UNITS:
        if unit != "bytes" and value < 1024:
            break
        value, unit = value / 1024, larger
    if unit == "KB":
        return f"{max(1, round(value)) if size else 0} KB"
    return f"{value:.1f}".removesuffix(".0") + f" {unit}" if value < 10 else f"{value:.0f} {unit}"


@register.filter
def duration_words(seconds: float | None) -> str:
    """ "0:42", "1:02:03", or nothing."""
    if not seconds:
        return ""
    whole = max(1, round(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


@register.filter
def avatar_address(key: str) -> str:
    """Where a person's picture is shown; on this site without its name, which a phone may call otherwise."""
    return selectors.avatar_url(key).removeprefix(settings.PUBLIC_URL)

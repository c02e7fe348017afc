"""Times in templates."""

from datetime import datetime
from typing import Any

from django import template
from django.utils.dateparse import parse_datetime

register = template.Library()


@register.filter
def moment(value: Any) -> datetime | None:
    """A datetime, or an ISO string as one; None for what is neither."""
    if isinstance(value, datetime):
        return value
    try:
        return parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        return None

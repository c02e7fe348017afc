"""How templates write credits."""

from decimal import Decimal

from django import template

from common.rendering import credits_string

register = template.Library()


@register.filter
def credits(value: Decimal) -> str:  # noqa: A001
    """`Decimal("20.0000000")` is `20`."""
    return credits_string(value)

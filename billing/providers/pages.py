"""The payment pages that were handed out, for providers that make another at every asking.

At most one page leaves us for a reference: whoever asks again gets the one of before. A page whose answer was lost on
its way to us is known to nobody, so it can't be paid beside.
"""

from datetime import UTC, datetime

from django.core.cache import cache

from billing.providers.base import Checkout, Order
from common.redis import RedisError

SHORTEST = 60  # seconds


def page_of(provider: str, order: Order) -> Checkout | None:
    page = cache.get(_key(provider, order))
    return Checkout(*page) if page else None


def keep_page(provider: str, order: Order, checkout: Checkout) -> Checkout:
    """Keeps it until the order expires. Of two that were made at the same moment both callers get the first."""
    seconds = max(int((order.expires_at - datetime.now(UTC)).total_seconds()), SHORTEST)
    try:
        cache.add(_key(provider, order), (checkout.session_id, checkout.url), seconds)
    except RedisError:
        return checkout
    return page_of(provider, order) or checkout


def _key(provider: str, order: Order) -> str:
    return f"payment-page:{provider}:{order.reference}"

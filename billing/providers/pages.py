"""The payment pages that were handed out, for providers that make another at every asking.

At most one page leaves us for a reference: whoever asks again gets the one of before, and two never ask at once. A page
whose answer was lost on its way to us is known to nobody, so it can't be paid beside.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

from django.core.cache import cache

from billing.providers.base import Checkout, Order, ProviderError
from common.redis import RedisError

SHORTEST = 60  # seconds that a page is kept
LONGEST_ASKING = 70  # seconds after which whoever asks has died
LOOKS, PAUSE = 25, 0.2  # how often and in what steps of seconds the other of two waits


def one_page(
    provider: str,
    order: Order,
    make: Callable[[], Checkout],
    *,
    is_open: Callable[[Checkout], bool] = lambda _: True,
) -> Checkout:
    """The page of before, until the order expires or it `is_open` no more; or the one that `make` asks for. Raises
    ProviderError while somebody else is asking."""
    page, asking = (f"payment-page:{what}:{provider}:{order.reference}" for what in ("kept", "asking"))
    for _ in range(LOOKS):
        if _begin(asking):
            break
        time.sleep(PAUSE)
    else:
        raise ProviderError(
            f"{provider} is being asked for this page",
            permanent=False,
            public="The payment service does not answer just now.",
        )
    try:
        if (kept := cache.get(page)) and is_open(Checkout(*kept)):
            return Checkout(*kept)
        made = make()
        left = (order.expires_at - datetime.now(UTC)).total_seconds()
        cache.set(page, (made.session_id, made.url), max(int(left), SHORTEST))
        return made
    finally:
        cache.delete(asking)


def _begin(asking: str) -> bool:
    try:
        return cache.add(asking, 1, LONGEST_ASKING)
    except RedisError:
        return True  # nothing is kept then either, and the session's own row remembers its page

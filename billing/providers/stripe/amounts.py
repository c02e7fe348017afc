"""Amounts as Stripe counts them: mostly, but not always, ISO's minor units (docs.stripe.com/currencies)."""

from billing import money
from billing.providers.base import ProviderError

_WHOLE = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"
WHOLE = frozenset(_WHOLE.split())
THOUSANDTHS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})


def places(currency: str) -> int:
    """Of every other currency Stripe counts hundredths, even where none are in use (ISK, UGX)."""
    return 0 if currency in WHOLE else 3 if currency in THOUSANDTHS else 2


def to_stripe(amount: int, currency: str) -> int:
    """Raises ProviderError for what Stripe has no unit for."""
    shift = places(currency) - money.places(currency)
    if shift >= 0:
        return int(amount * 10**shift)
    whole, rest = divmod(amount, 10**-shift)
    if rest:
        raise ProviderError(f"stripe has no such amount: {amount} {currency}", permanent=True)
    return int(whole)


def from_stripe(amount: int, currency: str) -> int:
    """Minor units of ours; `currency` as Stripe writes it, in small letters. Rounds down what we have no unit for."""
    shift = money.places(currency.upper()) - places(currency.upper())
    return int(amount * 10**shift) if shift >= 0 else int(amount // 10**-shift)

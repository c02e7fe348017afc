"""Money: integers in a currency's minor units, and how providers and people write them."""

from decimal import ROUND_HALF_UP, Decimal

from babel import UnknownLocaleError
from babel.numbers import format_currency, get_currency_precision


def places(currency: str) -> int:
    """How many decimals the currency has, by ISO 4217: 2 for EUR, 0 for JPY, 3 for KWD."""
    return ISO_PLACES.get(currency, get_currency_precision(currency))


# The library goes by CLDR, which rounds some currencies to what is handed over in cash; ISO and the providers don't.
ISO_PLACES = {"IDR": 2, "HUF": 2, "TWD": 2, "PKR": 2, "COP": 2, "LBP": 2}


def to_major(amount: int, currency: str) -> Decimal:
    """999 and EUR: `Decimal("9.99")`."""
    return Decimal(amount).scaleb(-places(currency))


def from_major(value: Decimal | str | int | float, currency: str) -> int:
    """`"9.99"` and EUR: 999. A float is read as it is written. Raises ValueError for what is no amount."""
    try:
        amount = Decimal(str(value)).scaleb(places(currency))
        return int(amount.to_integral_value(ROUND_HALF_UP))
    except (ArithmeticError, ValueError) as error:
        raise ValueError("not an amount") from error


def money_fields(amount: int, currency: str) -> dict[str, int | str]:
    """As the contract writes money."""
    return {"amount_minor": amount, "currency": currency}


def written(amount: int, currency: str, locale: str = "en") -> str:
    """As a person reads it: `€9.99`, `9,99 €`; in English where the locale is none that we know."""
    major = to_major(amount, currency)
    try:
        return format_currency(major, currency, locale=locale.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return format_currency(major, currency, locale="en")

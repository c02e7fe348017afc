"""Amounts and times as PayPal writes them."""

from datetime import UTC, datetime
from typing import Any

from billing.money import from_major, to_major
from billing.providers.base import ProviderError

# docs, "Currency codes": these are refused with decimals, though two of them have some by ISO
WHOLE = frozenset({"HUF", "JPY", "TWD"})
CURRENCIES = frozenset(
    {
        "AUD",
        "BRL",
        "CAD",
        "CHF",
        "CNY",
        "CZK",
        "DKK",
        "EUR",
        "GBP",
        "HKD",
        "HUF",
        "ILS",
        "JPY",
        "MXN",
        "MYR",
        "NOK",
        "NZD",
        "PHP",
        "PLN",
        "SEK",
        "SGD",
        "THB",
        "TWD",
        "USD",
    }
)


def value(amount: int, currency: str) -> str:
    """999 and EUR: "9.99"; 500 and JPY: "500". Raises ProviderError for a fraction of what has none."""
    major = to_major(amount, currency)
    if currency not in WHOLE:
        return f"{major:.2f}"
    if major != int(major):
        raise ProviderError(
            f"paypal takes whole {currency}, not {major}",
            permanent=True,
            public=f"PayPal takes whole amounts of {currency} only.",
        )
    return str(int(major))


def money(amount: int, currency: str) -> dict[str, str]:
    return {"currency_code": currency, "value": value(amount, currency)}


def minor(money: dict[str, Any]) -> tuple[int, str]:
    """`{"currency_code", "value"}`, or as the older API has it `{"currency", "total"}`."""
    currency = str(money.get("currency_code") or money["currency"])
    return from_major(money.get("value") or money.get("total") or "0", currency), currency


def moment(text: str | None) -> datetime | None:
    """RFC 3339, with `Z` or any offset."""
    return datetime.fromisoformat(text.replace("t", "T").replace("z", "Z")).astimezone(UTC) if text else None


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

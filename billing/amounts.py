"""What counts as an amount of credits."""

from decimal import Decimal, InvalidOperation

from common.credits import LARGEST, PLACES, SMALLEST
from common.errors import ValidationProblem


def checked_amount(value: Decimal | int | str, *, zero: bool = False, signed: bool = False) -> Decimal:
    """`value` as credits: finite, at most 7 decimals and 10^12, above zero (or as the flags allow).

    Raises ValidationProblem on `amount`. Floats are refused: what they mean can't be told exactly.
    """
    amount = _decimal(value)
    if not amount.is_finite() or abs(amount) > LARGEST:
        raise _refusal("Give at most 1000000000000 credits.")
    if amount != amount.quantize(SMALLEST):
        raise _refusal(f"Give at most {PLACES} decimals.")
    if (amount < 0 and not signed) or (amount == 0 and not zero):
        raise _refusal("Give an amount above zero." if not signed else "Give an amount other than zero.")
    return amount


def _decimal(value: Decimal | int | str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (Decimal, int, str)):
        raise _refusal("Give credits as a decimal number.")
    try:
        return Decimal(value)
    except InvalidOperation as error:
        raise _refusal("Give credits as a decimal number.") from error


def _refusal(message: str) -> ValidationProblem:
    return ValidationProblem(errors={"amount": [message]})

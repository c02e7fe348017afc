"""Input fields that mean JSON's types: a number is not a text, a text not a number, and neither is an id."""

import re
import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from common.credits import LARGEST
from common.rendering import credits_string

DECIMAL = re.compile(r"\d{1,13}(\.\d{1,7})?", re.ASCII)


class Text(serializers.CharField):
    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Whole(serializers.IntegerField):
    """`26.0` is as whole in JSON as `26`."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, float) and data.is_integer():
            data = int(data)
        if type(data) is not int:
            self.fail("invalid")
        return super().to_internal_value(data)


class Flag(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Choice(serializers.ChoiceField):
    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=data)
        return super().to_internal_value(data)


class Id(serializers.UUIDField):
    def to_internal_value(self, data: Any) -> uuid.UUID:
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class Moment(serializers.DateTimeField):
    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str):
            self.fail("invalid", format="ISO 8601")
        return super().to_internal_value(value)


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "pattern": r"^\d{1,13}(\.\d{1,7})?$"},
            {"type": "number", "exclusiveMinimum": 0, "maximum": int(LARGEST), "multipleOf": 1e-7},
        ]
    }
)
class Credits(serializers.Field):
    """Credits above zero: a decimal string, or a JSON number."""

    least = "above zero"

    def to_internal_value(self, data: Any) -> Decimal:
        if isinstance(data, (int, float)) and not isinstance(data, bool):
            data = f"{Decimal(repr(data)):f}"
        if not isinstance(data, str) or not DECIMAL.fullmatch(data):
            raise serializers.ValidationError("Give credits as a decimal number with at most 7 decimals.")
        amount = Decimal(data)
        if not self.reaches(amount) or amount > LARGEST:
            raise serializers.ValidationError(f"Give an amount {self.least}, and at most {LARGEST}.")
        return amount

    def reaches(self, amount: Decimal) -> bool:
        return amount > 0

    def to_representation(self, value: Decimal) -> str:
        return credits_string(value)


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "pattern": r"^\d{1,13}(\.\d{1,7})?$"},
            {"type": "number", "minimum": 0, "maximum": int(LARGEST), "multipleOf": 1e-7},
        ]
    }
)
class CreditsLimit(Credits):
    """Credits from zero on, which lets nothing through."""

    least = "of zero or more"

    def reaches(self, amount: Decimal) -> bool:
        return amount >= 0

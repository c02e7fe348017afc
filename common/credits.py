"""How fine and how large a number of credits can be."""

from decimal import Decimal

PLACES = 7
SMALLEST = Decimal(1).scaleb(-PLACES)
LARGEST = Decimal(10) ** 12

"""What a new site sells. Operators edit it in the console; a migration never touches it again."""

from decimal import Decimal
from typing import Any

from django.db import migrations

# name, title, description, features, rank, monthly credits, carried over, a day, in all, days of trial, premium
PLANS = [
    ("free", "Free", "Everyone begins here.", ["Pay with credits as you go", "50 generations a day"], 0, 0, 0, 50, None, None, False),
    ("trial", "Trial", "Two weeks to look behind the curtain.", ["Two generations on the house", "14 days, once a person"], 1, 0, 0, None, 2, 14, False),
    ("premium", "Premium", "For who comes back every evening.", ["200 credits a month", "100 generations a day"], 2, 200, 200, 100, None, None, True),
    ("pro", "Pro", "For who writes the plays.", ["600 credits a month", "500 generations a day"], 3, 600, 600, 500, None, None, True),
    ("unlimited", "Unlimited", "For a house of its own.", ["2,000 credits a month", "2,000 generations a day"], 4, 2000, 2000, 2000, None, None, True),
]  # fmt: skip
PACKS = [
    ("starter", "Starter", "For a few evenings.", 100, 0),
    ("creator", "Creator", "For a season.", 500, 25),
    ("studio", "Studio", "For a whole ensemble.", 2000, 200),
]
# in minor units; rupiah have two decimals too, though nobody writes them
PLAN_PRICES = {
    "premium": {"USD": (999, 9990), "EUR": (999, 9990), "IDR": (14_900_000, 149_000_000)},
    "pro": {"USD": (2499, 24_990), "EUR": (2499, 24_990), "IDR": (37_900_000, 379_000_000)},
    "unlimited": {"USD": (5999, 59_990), "EUR": (5999, 59_990), "IDR": (89_900_000, 899_000_000)},
}
PACK_PRICES = {
    "starter": {"USD": 499, "EUR": 499, "IDR": 7_900_000},
    "creator": {"USD": 1999, "EUR": 1999, "IDR": 31_900_000},
    "studio": {"USD": 6999, "EUR": 6999, "IDR": 109_000_000},
}


def add_catalogue(apps: Any, schema_editor: Any) -> None:
    Plan, Pack, Price = (apps.get_model("billing", name) for name in ("Plan", "Pack", "Price"))
    columns = ("title", "description", "features", "rank", "monthly_credits", "carry_over", "generations_per_day",
               "generations_in_all", "trial_days", "is_premium")  # fmt: skip
    for name, *values in PLANS:
        plan = Plan.objects.create(name=name, **dict(zip(columns, values, strict=True)))
        for currency, amounts in PLAN_PRICES.get(name, {}).items():
            for period, amount in zip(("month", "year"), amounts, strict=True):
                for recurring in (True, False):
                    Price.objects.create(
                        plan=plan, billing_period=period, recurring=recurring, currency=currency, amount=amount
                    )
    for position, (name, title, description, credits, bonus) in enumerate(PACKS):
        pack = Pack.objects.create(
            name=name,
            title=title,
            description=description,
            credits=Decimal(credits),
            bonus_credits=Decimal(bonus),
            position=position,
        )
        for currency, amount in PACK_PRICES[name].items():
            Price.objects.create(pack=pack, currency=currency, amount=amount)


class Migration(migrations.Migration):
    dependencies = [("billing", "0004_payments")]

    operations = [migrations.RunPython(add_catalogue, migrations.RunPython.noop)]

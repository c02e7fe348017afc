"""The text models a new site starts with; from then on the catalogue is the operators'.

Prices are counted with a credit worth about one US cent: twice what the provider asked in November 2026, plus 0.05 a
reply. The context is what we send at most, chosen to keep a reply's price bounded; most of these models take more.
"""

from decimal import Decimal

from django.db import migrations

# provider, name, label, context, longest reply, credits a reply, credits per 1,000 tokens read and written
MODELS = [
    ("local", "local", "Demo voice", 8_192, 512, "0.1", "0", "0"),
    ("openai", "gpt-6-luna", "GPT-6 Luna", 16_384, 2_048, "0.05", "0.02", "0.1"),
    ("openai", "gpt-6.1-sol", "GPT-6.1 Sol", 16_384, 2_048, "0.05", "0.4", "2"),
    ("google", "gemini-3.5-flash-lite", "Gemini 3.5 Flash-Lite", 16_384, 2_048, "0.05", "0.06", "0.5"),
    ("google", "gemini-3.8-flash", "Gemini 3.8 Flash", 16_384, 2_048, "0.05", "0.15", "0.75"),
    ("anthropic", "claude-haiku-5-5", "Claude Haiku 5.5", 16_384, 2_048, "0.05", "0.02", "0.1"),
    ("anthropic", "claude-sonnet-5-5", "Claude Sonnet 5.5", 16_384, 2_048, "0.05", "0.4", "2"),
    ("anthropic", "claude-opus-5-5", "Claude Opus 5.5", 16_384, 2_048, "0.05", "0.8", "4"),
    ("custom", "default", "This site's own model", 8_192, 1_024, "0.5", "0", "0"),
]


def add_models(apps, schema_editor):
    model_class = apps.get_model("generation", "AIModel")
    for provider, name, label, context, longest, price, input_price, output_price in MODELS:
        model_class.objects.get_or_create(
            kind="text",
            provider=provider,
            name=name,
            defaults={
                "label": label,
                "context_tokens": context,
                "max_output_tokens": longest,
                "price": Decimal(price),
                "input_price": Decimal(input_price),
                "output_price": Decimal(output_price),
            },
        )


def remove_models(apps, schema_editor):
    model_class = apps.get_model("generation", "AIModel")
    for provider, name, *_ in MODELS:
        model_class.objects.filter(kind="text", provider=provider, name=name).delete()


class Migration(migrations.Migration):
    dependencies = [("generation", "0001_initial")]
    operations = [migrations.RunPython(add_models, remove_models)]

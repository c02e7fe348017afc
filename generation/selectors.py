"""Which model answers, and what that costs."""

import time
from collections.abc import Sequence
from decimal import ROUND_UP, Decimal
from typing import Protocol

from django.utils import timezone

from common.errors import Unavailable
from generation.models import AIModel
from generation.providers.text.registry import configured_text_providers

CREDIT = Decimal("0.0000001")
CATALOGUE_SECONDS = 5.0  # an operator's change is felt everywhere after this; in the same process at once
USUAL_CONTEXT = 2_000  # tokens; what "cheapest" is measured by

_catalogue: tuple[float, Sequence[AIModel]] | None = None


class Usage(Protocol):
    @property
    def input_tokens(self) -> int: ...
    @property
    def output_tokens(self) -> int: ...


def text_models() -> list[AIModel]:
    """The text models that can answer now: enabled, not retired, their provider configured. Best default first."""
    order = {provider: place for place, provider in enumerate(configured_text_providers())}
    today = timezone.now().date()
    usable = [
        model
        for model in _enabled_text_models()
        if model.provider in order and not (model.retired_on and model.retired_on <= today)
    ]
    return sorted(
        usable,
        key=lambda model: (
            not model.is_default,
            order[model.provider],
            price_ceiling(model, USUAL_CONTEXT),
            model.name,
        ),
    )


def text_model_for(name: str | None) -> AIModel:
    """The model a conversation chose (`provider/name`, or its name alone), or else the default.

    The default is the one operators marked, or the cheapest of the first real provider that is configured, or the
    demo voice. Raises Unavailable (PROVIDER_UNAVAILABLE) if no model can answer at all.
    """
    models = text_models()
    for model in models:
        if name and name in (model.slug, model.name):
            return model
    if not models:
        raise Unavailable("No model can answer at the moment. Nothing was charged.", code="PROVIDER_UNAVAILABLE")
    return models[0]


def price_ceiling(model: AIModel, input_tokens: int) -> Decimal:
    """The credits a reply to `input_tokens` of context costs at most: what to reserve before it starts."""
    return _price(model, input_tokens, model.max_output_tokens)


def price_of(model: AIModel, usage: Usage) -> Decimal:
    """The credits a reply cost. It can pass the ceiling if the provider counts more input than was estimated."""
    return _price(model, usage.input_tokens, usage.output_tokens)


def forget_text_models(**_: object) -> None:
    """Drops the catalogue this process remembers."""
    global _catalogue  # noqa: PLW0603
    _catalogue = None


def _enabled_text_models() -> Sequence[AIModel]:
    global _catalogue  # noqa: PLW0603
    now = time.monotonic()
    if _catalogue is None or now - _catalogue[0] > CATALOGUE_SECONDS:
        _catalogue = (now, list(AIModel.objects.filter(kind=AIModel.Kind.TEXT, enabled=True)))
    return _catalogue[1]


def _price(model: AIModel, input_tokens: int, output_tokens: int) -> Decimal:
    by_token = (input_tokens * model.input_price + output_tokens * model.output_price) / 1000
    return (model.price + by_token).quantize(CREDIT, rounding=ROUND_UP)

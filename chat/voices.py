"""What speaks in a conversation, and what a reply of it costs."""

from dataclasses import dataclass

from common.errors import Unavailable
from common.rendering import credits_string
from generation.providers.text.registry import is_demo
from generation.selectors import price_ceiling, text_model_for


@dataclass(frozen=True)
class VoiceInfo:
    """`price` is the credits of a reply where the price is flat, else None; `demo` is the built-in local voice."""

    price: str | None
    demo: bool


def voice_of(model_name: str | None) -> VoiceInfo:
    """The voice of a conversation that chose `model_name`, or of the site."""
    try:
        model = text_model_for(model_name)
    except Unavailable:
        return VoiceInfo(None, demo=False)
    flat = not (model.input_price or model.output_price)
    return VoiceInfo(credits_string(price_ceiling(model, 0)) if flat else None, is_demo(model.provider))

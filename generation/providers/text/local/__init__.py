"""The demo voice: answers offline, out of the character's own material, with no model behind it."""

import asyncio
import re
from typing import Any

from common.tokens import count_tokens, truncate_to_tokens
from generation.providers.text.base import TextDelta, TextRequest, TextStream, TextUsage
from generation.providers.text.local.compose import compose
from generation.providers.text.local.phrasebook import phrasebook

DELAY = 0.03  # seconds a word
_PIECE = re.compile(
    r"\s*(?:[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{1,3}|[^\s\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+)"
)
_PAUSE = re.compile(r"[.!?…。！？:;][\"”’»)*]*$")


class LocalText:
    """Settings: `DELAY`, the seconds between two words."""

    is_demo = True

    def __init__(self, name: str, config: dict[str, Any]) -> None:
        self.name = name
        self._delay = float(config.get("DELAY", DELAY))
        phrasebook("en")  # reads the books now rather than in the first conversation

    async def stream(self, request: TextRequest) -> TextStream:
        """Streams the reply word by word, a little slower at the end of a sentence."""
        text, finish_reason = _limited(compose(request), request)
        for piece in _PIECE.findall(text):
            yield TextDelta(piece)
            await asyncio.sleep(self._delay * (4 if _PAUSE.search(piece) else 1))
        yield TextUsage(
            sum(count_tokens(message.content) for message in request.messages), count_tokens(text), finish_reason
        )

    async def aclose(self) -> None:
        """There is nothing to give up."""


def _limited(text: str, request: TextRequest) -> tuple[str, str]:
    for stop in request.stop:
        text = text.split(stop)[0] if stop else text
    kept = truncate_to_tokens(text, request.max_output_tokens)
    return kept, "stop" if kept == text else "length"

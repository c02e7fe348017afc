"""What every text provider takes and gives: the family's whole interface."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Role = Literal["system", "user", "assistant"]
ErrorCode = Literal["PROVIDER_ERROR", "PROVIDER_UNAVAILABLE", "CONTENT_REJECTED", "RATE_LIMIT_EXCEEDED"]


@dataclass(frozen=True, slots=True)
class TextMessage:
    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Voice:
    """The character's own material. Only the local provider reads it; the others see the messages alone.

    `voice` is the demo material of a character: `openers`, `stories`, `questions`, `asides` (lists of text) and
    `topics` (keyword to reply). Any part may be missing.
    """

    name: str
    description: str = ""
    personality: str = ""
    scenario: str = ""
    greeting: str = ""
    example_dialogue: str = ""
    voice: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TextRequest:
    """One reply to write.

    `model` is the catalogue's name of the model. `seed` tells variants of one reply apart: `<reply>/<variant>`, the
    variants counted from 0. With `continuation` the reply goes on from the last message, the assistant's own.
    """

    model: str
    messages: tuple[TextMessage, ...]
    max_output_tokens: int
    temperature: float | None = None
    stop: tuple[str, ...] = ()
    voice: Voice | None = None
    seed: str = ""
    continuation: bool = False


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class TextUsage:
    """Comes last in a stream that ended well. `finish_reason` is `stop` or `length`.

    Tokens are the provider's own count, or our estimate where it gives none.
    """

    input_tokens: int
    output_tokens: int
    finish_reason: str


TextStream = AsyncGenerator[TextDelta | TextUsage, None]


class ProviderError(Exception):
    """A provider could not do what it was asked.

    `detail` is for the caller, `private` for operators only. `permanent` means that asking again will not help;
    `retry_after` is in seconds. What was streamed before the error stays valid.
    """

    def __init__(
        self, code: ErrorCode, detail: str, *, permanent: bool, retry_after: float | None = None, private: str = ""
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.permanent = permanent
        self.retry_after = retry_after
        self.private = private


class TextProvider(Protocol):
    """One text provider, built by the registry from its block in `settings.TEXT_PROVIDERS`."""

    name: str
    is_demo: bool

    def __init__(self, name: str, config: dict[str, Any]) -> None: ...

    def stream(self, request: TextRequest) -> TextStream:
        """Yields text as it is written and one TextUsage at the end; raises ProviderError.

        Closing the iterator (`aclose`, or `contextlib.aclosing`) ends the work at once.
        """
        ...

    async def aclose(self) -> None:
        """Gives up connections. The provider can't be used afterwards."""
        ...

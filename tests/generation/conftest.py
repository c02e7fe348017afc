"""What the tests of generation share: the stand-in server, providers built on it, and a character with a voice."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from generation.providers.text.base import TextDelta, TextMessage, TextRequest, TextStream, TextUsage, Voice
from generation.providers.text.openai import OpenAIText
from tests.standins.openai_server import OpenAIServer, openai_server

server = pytest.fixture(openai_server)

BuildOpenAI = Callable[..., OpenAIText]

KEEPER = Voice(
    name="Mara Vell",
    description="Mara Vell keeps a lighthouse that nobody asked for. She has a one-eyed cat called Admiral.",
    personality="dry, patient, fond of weather",
    scenario="The lamp room, an hour before the storm.",
    greeting="*She does not turn round.* You climbed all those stairs. Sit down before you fall down.",
    example_dialogue=(
        "<START>\n{{user}}: Who are you?\n{{char}}: {{char}}. I keep the light. *She taps the glass.* It keeps me.\n"
        "{{user}}: How was your night?\n{{char}}: Long, {{user}}, and full of other people's ships."
    ),
    voice={
        "openers": ["Mind the oil.", "Hm.", "Give me that rag.", "Speak up, the wind does."],
        "stories": [
            "A captain once sent me a cheese by way of thanks. It had travelled further than he had.",
            "In the great fog I rang the bell for nine hours. A whale answered, and we kept it up till noon.",
            "I painted the north wall blue one spring. Three fishermen came up to ask if I was well.",
            "The old keeper left me his boots and a list of everyone he had ever waved at.",
        ],
        "questions": ["What do you steer by?", "Who waits up for you?", "What would you burn first, if you were cold?"],
        "asides": ["wipes the great lens", "*counts the seconds between two flashes*", "*pours something hot*"],
        "topics": {
            "storm": "A storm is only weather that has made up its mind. Stay until it changes it.",
            "lonely": "I have eleven gulls and a logbook. Lonely is when nobody writes the wind down.",
            "family": "My sister married inland. We write to each other about water.",
        },
    },
)


@pytest.fixture
def keeper() -> Voice:
    return KEEPER


@pytest.fixture
async def openai_text(server: OpenAIServer) -> AsyncIterator[BuildOpenAI]:
    """Builds clients of the stand-in with patience short enough for a test, and closes them afterwards."""
    built: list[OpenAIText] = []

    def build(**config: Any) -> OpenAIText:
        defaults = {"BASE_URL": server.base_url, "API_KEY": server.api_key, "BACKOFF": 0.01}
        built.append(OpenAIText("openai", {**defaults, "STALL_TIMEOUT": 0.3, "FIRST_TIMEOUT": 0.6, **config}))
        return built[-1]

    yield build
    for provider in built:
        await provider.aclose()


def ask(*said: str, **fields: Any) -> TextRequest:
    """A request whose messages take turns, the last one the person's (or, to continue, the character's)."""
    roles = ("user", "assistant") if len(said) % 2 != fields.get("continuation", False) else ("assistant", "user")
    messages = tuple(TextMessage(roles[at % 2], text) for at, text in enumerate(said))  # type: ignore[arg-type]
    return TextRequest(model="stand-in", messages=messages, **{"max_output_tokens": 400, **fields})


async def read(stream: TextStream) -> tuple[str, TextUsage]:
    """The whole text of a stream and its usage, which must come once and last."""
    items = [item async for item in stream]
    assert all(isinstance(item, TextDelta) for item in items[:-1])
    assert isinstance(items[-1], TextUsage)
    return "".join(item.text for item in items[:-1]), items[-1]  # type: ignore[union-attr]


@pytest.fixture(autouse=True)
def fresh_catalogue() -> Iterator[None]:
    """A rolled-back catalogue must not be remembered."""
    from generation.selectors import forget_text_models

    forget_text_models()
    yield
    forget_text_models()

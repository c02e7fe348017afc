"""What every text provider must do, the built-in one included."""

import asyncio
from contextlib import aclosing

import pytest
from django.test import override_settings

from generation.providers.text.base import ProviderError, TextDelta, TextProvider
from generation.providers.text.registry import (
    build_text_providers,
    close_text_providers,
    configured_text_providers,
    get_text_provider,
    is_demo,
)
from tests.generation.conftest import KEEPER, ask, read
from tests.standins.openai_server import OpenAIServer

FAMILY = ("openai", "google", "anthropic", "custom", "local")


@pytest.fixture(params=FAMILY)
async def provider(request, server: OpenAIServer):
    with override_settings(TEXT_PROVIDERS=blocks(server)):
        yield get_text_provider(request.param)
        await close_text_providers()


def blocks(server: OpenAIServer) -> dict[str, dict]:
    served = {
        "BACKEND": "generation.providers.text.openai.OpenAIText",
        "BASE_URL": server.base_url,
        "API_KEY": server.api_key,
    }
    return {
        "local": {"BACKEND": "generation.providers.text.local.LocalText", "DELAY": 0},
        "openai": {**served, "TOKENS_FIELD": "max_completion_tokens"},
        "google": served,
        "anthropic": served,
        "custom": {**served, "MODEL": "stand-in"},
    }


def question(**fields):
    return ask("You climbed all those stairs.", "I did. Is a storm coming?", voice=KEEPER, **fields)


async def test_it_streams_text_and_ends_with_its_usage(provider: TextProvider):
    text, usage = await read(provider.stream(question()))

    assert text.strip()
    assert usage.input_tokens > 0
    assert usage.output_tokens > 0
    assert usage.finish_reason == "stop"


async def test_it_streams_in_pieces(provider: TextProvider):
    items = [item async for item in provider.stream(question())]

    assert len([item for item in items if isinstance(item, TextDelta)]) > 2


async def test_it_can_be_stopped_and_used_again(provider: TextProvider):
    async with aclosing(provider.stream(question())) as stream:
        assert isinstance(await anext(stream), TextDelta)

    text, _ = await read(provider.stream(question()))

    assert text.strip()


async def test_it_can_be_cancelled(provider: TextProvider, server: OpenAIServer):
    server.default = type(server.default)(chunk_delay=0.2)
    task = asyncio.create_task(read(provider.stream(question())))
    await asyncio.sleep(0.05)
    task.cancel()

    (outcome,) = await asyncio.gather(task, return_exceptions=True)

    assert isinstance(outcome, asyncio.CancelledError) or provider.is_demo  # which may have been quicker


async def test_it_writes_several_replies_at_once(provider: TextProvider):
    replies = await asyncio.gather(*(read(provider.stream(question(seed=str(number)))) for number in range(10)))

    assert all(text.strip() for text, _ in replies)


async def test_it_tells_whether_it_is_a_demo(provider: TextProvider):
    assert provider.is_demo == is_demo(provider.name) == (provider.name == "local")


async def test_real_providers_are_preferred_to_the_demo_voice(server: OpenAIServer):
    with override_settings(TEXT_PROVIDERS=blocks(server)):
        assert configured_text_providers() == ["openai", "google", "anthropic", "custom", "local"]


async def test_an_instance_is_kept_while_its_settings_stay(server: OpenAIServer):
    with override_settings(TEXT_PROVIDERS=blocks(server)):
        first = get_text_provider("openai")
        assert get_text_provider("openai") is first

        changed = blocks(server)
        changed["openai"]["STALL_TIMEOUT"] = 1.0
        with override_settings(TEXT_PROVIDERS=changed):
            assert get_text_provider("openai") is not first
            await close_text_providers()
        await first.aclose()


async def test_all_can_be_built_ahead_of_the_first_reply(server: OpenAIServer):
    with override_settings(TEXT_PROVIDERS=blocks(server)):
        build_text_providers()
        await close_text_providers()

    assert server.requests == []


def test_every_event_loop_has_its_own_instance(server: OpenAIServer):
    async def reply() -> tuple[TextProvider, str]:
        provider = get_text_provider("openai")
        text, _ = await read(provider.stream(question()))
        await close_text_providers()
        return provider, text

    with override_settings(TEXT_PROVIDERS=blocks(server)):
        (first, one), (second, two) = asyncio.run(reply()), asyncio.run(reply())

    assert first is not second
    assert one == two


async def test_a_provider_that_is_not_configured_is_unavailable():
    with override_settings(TEXT_PROVIDERS={}), pytest.raises(ProviderError) as raised:
        get_text_provider("openai")

    assert (raised.value.code, raised.value.permanent) == ("PROVIDER_UNAVAILABLE", True)
    assert "openai" not in raised.value.detail

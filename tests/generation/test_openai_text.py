"""The OpenAI client against a server that answers well, badly, late, or not to the end."""

import asyncio
import logging
import time

import pytest

from generation.providers.text.base import ProviderError, TextDelta, TextMessage, TextRequest, TextUsage
from tests.generation.conftest import BuildOpenAI, ask, read
from tests.standins.openai_server import OpenAIServer


async def failure(stream) -> tuple[str, ProviderError]:
    """What was streamed before it failed, and how it failed."""
    text = ""
    try:
        async for item in stream:
            text += item.text
    except ProviderError as error:
        return text, error
    raise AssertionError(f"It ended well: {text}")


async def test_it_sends_what_the_protocol_asks(server: OpenAIServer, openai_text: BuildOpenAI):
    request = TextRequest(
        model="stand-in",
        messages=(TextMessage("system", "You are Mara."), TextMessage("user", "Hello?")),
        max_output_tokens=77,
        temperature=0.7,
        stop=("\nYou:",),
    )

    await read(openai_text().stream(request))

    sent = server.completions[-1]
    assert sent.headers["authorization"] == f"Bearer {server.api_key}"
    assert sent.body == {
        "model": "stand-in",
        "messages": [{"role": "system", "content": "You are Mara."}, {"role": "user", "content": "Hello?"}],
        "max_tokens": 77,
        "temperature": 0.7,
        "stop": ["\nYou:"],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_settings_shape_the_request(server: OpenAIServer, openai_text: BuildOpenAI):
    provider = openai_text(
        TOKENS_FIELD="max_completion_tokens",
        MODEL="llama-local",
        LEAVE_OUT=["temperature", "stream_options"],
        EXTRA={"reasoning_effort": "low"},
    )

    await read(provider.stream(TextRequest("default", (TextMessage("user", "Hi"),), 50, temperature=1.0)))

    assert server.completions[-1].body == {
        "model": "llama-local",
        "messages": [{"role": "user", "content": "Hi"}],
        "max_completion_tokens": 50,
        "stream": True,
        "reasoning_effort": "low",
    }


async def test_the_servers_own_count_is_the_usage(server: OpenAIServer, openai_text: BuildOpenAI):
    server.script(text="One two three.", usage={"prompt_tokens": 41, "completion_tokens": 7, "total_tokens": 48})

    text, usage = await read(openai_text().stream(ask("Count.")))

    assert text == "One two three."
    assert usage == TextUsage(41, 7, "stop")


@pytest.mark.parametrize(
    "how",
    [
        {"usage": False},
        {"usage": False, "done": False},
        {"usage": False, "done": False, "role_first": False},
        {"crlf": True, "comments": True},
        {"empty_choices": True, "comments": True},
    ],
    ids=str,
)
async def test_servers_may_leave_out_or_add_what_clients_can_do_without(
    server: OpenAIServer, openai_text: BuildOpenAI, how
):
    server.script(text="Still the whole text.", **how)

    text, usage = await read(openai_text().stream(ask("Hello?")))

    assert text == "Still the whole text."
    assert usage.finish_reason == "stop"
    assert usage.input_tokens > 0
    assert usage.output_tokens >= 4


async def test_a_server_that_forgets_to_end_is_not_waited_for(server: OpenAIServer, openai_text: BuildOpenAI):
    server.script(usage=False, done=False, hold_open=True)
    began = time.monotonic()

    text, _ = await read(openai_text().stream(ask("Hello?")))

    assert text == "The stage is yours."
    assert time.monotonic() - began < 3


async def test_a_huge_reply_arrives_whole(server: OpenAIServer, openai_text: BuildOpenAI):
    whole = " ".join(f"word{number}" for number in range(4000))
    server.script(text=whole)

    text, usage = await read(openai_text().stream(ask("Everything, please.")))

    assert text == whole
    assert usage.output_tokens == 4000


async def test_every_script_and_emoji_arrives_unbroken(server: OpenAIServer, openai_text: BuildOpenAI):
    server.script(text="こんにちは 🎭 Привет 👩‍👩‍👧 مرحبا naïve")

    text, _ = await read(openai_text().stream(ask("Hello?")))

    assert text == "こんにちは 🎭 Привет 👩‍👩‍👧 مرحبا naïve"


async def test_a_reply_cut_by_its_length_says_so(server: OpenAIServer, openai_text: BuildOpenAI):
    server.script(finish_reason="length")

    _, usage = await read(openai_text().stream(ask("Hello?")))

    assert usage.finish_reason == "length"


# --- trying again ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 500},
        {"status": 529},
        {"status": 408},
        {"status": 429},
        {"status": 503, "error": "<html>Bad gateway</html>"},
        {"cut_after": 0},
        {"end_after": 0},
        {"error_after": 0, "error": {"message": "Overloaded", "type": "overloaded_error"}},
        {"error_after": 0, "error": {"message": "Upstream failed", "code": 502}},
    ],
    ids=str,
)
async def test_passing_trouble_before_the_first_text_is_tried_again(
    server: OpenAIServer, openai_text: BuildOpenAI, trouble
):
    server.script(**trouble)
    server.script(**trouble)

    text, _ = await read(openai_text().stream(ask("Hello?")))

    assert text == "The stage is yours."
    assert len(server.completions) == 3


async def test_it_gives_up_after_two_more_tries(server: OpenAIServer, openai_text: BuildOpenAI):
    for _ in range(4):
        server.script(status=500)

    text, error = await failure(openai_text().stream(ask("Hello?")))

    assert (text, error.code, error.permanent) == ("", "PROVIDER_UNAVAILABLE", False)
    assert len(server.completions) == 3


async def test_retry_after_is_respected(server: OpenAIServer, openai_text: BuildOpenAI):
    server.script(status=429, headers={"Retry-After": "0.3"})

    await read(openai_text().stream(ask("Hello?")))

    first, second = server.completions
    assert second.at - first.at >= 0.3


async def test_a_long_retry_after_is_passed_on_instead_of_waited_for(server: OpenAIServer, openai_text: BuildOpenAI):
    server.script(status=429, headers={"Retry-After": "60"})

    _, error = await failure(openai_text().stream(ask("Hello?")))

    assert (error.code, error.permanent, error.retry_after) == ("RATE_LIMIT_EXCEEDED", False, 60.0)
    assert len(server.completions) == 1


async def test_a_server_that_cannot_be_reached_is_unavailable(openai_text: BuildOpenAI):
    _, error = await failure(openai_text(BASE_URL="http://127.0.0.1:18299/v1").stream(ask("Hello?")))

    assert (error.code, error.permanent) == ("PROVIDER_UNAVAILABLE", False)


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refusal", "hint"),
    [
        ({"status": 401}, "API key"),
        ({"status": 403}, "API key"),
        ({"status": 400, "error": [{"error": {"code": 400, "message": "API key not valid."}}]}, "API key"),
        ({"status": 404}, "model's name"),
        ({"status": 402}, "out of credit"),
        ({"status": 429, "error": {"message": "Quota", "type": "insufficient_quota"}}, "out of credit"),
        ({"status": 429, "error": {"message": "Quota", "code": "insufficient_quota"}}, "out of credit"),
    ],
    ids=str,
)
async def test_a_misconfigured_provider_is_permanently_unavailable_and_only_operators_see_why(
    server: OpenAIServer, openai_text: BuildOpenAI, refusal, hint
):
    server.script(**refusal)

    _, error = await failure(openai_text().stream(ask("Hello?")))

    assert (error.code, error.permanent) == ("PROVIDER_UNAVAILABLE", True)
    assert hint in error.private
    assert error.detail == "This model isn't available right now."
    assert len(server.completions) == 1


async def test_a_wrong_key_is_refused_by_the_stand_in_too(server: OpenAIServer, openai_text: BuildOpenAI):
    _, error = await failure(openai_text(API_KEY="wrong").stream(ask("Hello?")))

    assert (error.code, error.permanent) == ("PROVIDER_UNAVAILABLE", True)
    assert "wrong" not in error.private


@pytest.mark.parametrize(
    "refusal",
    [
        {"status": 400, "error": {"message": "…", "code": "content_filter"}},
        {"status": 400, "error": {"message": "…", "code": "content_policy_violation"}},
        {"status": 403, "error": {"message": "…", "type": "moderation_blocked"}},
        {"text": "", "refusal": "I can't help with that."},
        {"text": "", "finish_reason": "content_filter"},
    ],
    ids=str,
)
async def test_a_refusal_by_moderation_is_content_rejected(server: OpenAIServer, openai_text: BuildOpenAI, refusal):
    server.script(**refusal)

    text, error = await failure(openai_text().stream(ask("Hello?")))

    assert (text, error.code, error.permanent) == ("", "CONTENT_REJECTED", True)
    assert len(server.completions) == 1


async def test_a_reply_that_moderation_stops_keeps_what_was_streamed(server: OpenAIServer, openai_text: BuildOpenAI):
    server.script(text="So far so good", finish_reason="content_filter")

    text, error = await failure(openai_text().stream(ask("Hello?")))

    assert (text, error.code) == ("So far so good", "CONTENT_REJECTED")


async def test_a_bad_request_is_permanent_and_never_quotes_the_prompt(server: OpenAIServer, openai_text: BuildOpenAI):
    error_body = {"message": "Bad input: 'my secret diary'", "type": "invalid_request_error", "param": "messages"}
    server.script(status=400, error=error_body)

    _, error = await failure(openai_text().stream(ask("my secret diary")))

    assert (error.code, error.permanent) == ("PROVIDER_ERROR", True)
    assert "messages" in error.private
    assert "diary" not in error.private + error.detail


async def test_an_empty_reply_is_an_error(server: OpenAIServer, openai_text: BuildOpenAI):
    server.script(text="")

    text, error = await failure(openai_text().stream(ask("Hello?")))

    assert (text, error.code, error.permanent) == ("", "PROVIDER_ERROR", False)


# --- breaking off ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        {"cut_after": 2},
        {"end_after": 2},
        {"stall_after": 2},
        {"malformed_after": 2},
        {"error_after": 2, "error": {"message": "Overloaded", "type": "overloaded_error"}},
    ],
    ids=str,
)
async def test_after_the_first_text_nothing_is_tried_again_and_the_text_stays(
    server: OpenAIServer, openai_text: BuildOpenAI, trouble
):
    server.script(**trouble)

    text, error = await failure(openai_text().stream(ask("Hello?")))

    assert text == "The stage"
    assert (error.code, error.permanent) == ("PROVIDER_ERROR", False)
    assert len(server.completions) == 1


async def test_a_malformed_first_chunk_is_an_error(server: OpenAIServer, openai_text: BuildOpenAI):
    server.script(malformed_after=0)

    text, error = await failure(openai_text().stream(ask("Hello?")))

    assert (text, error.code) == ("", "PROVIDER_ERROR")


@pytest.mark.parametrize("how", [{"first_delay": 5}, {"text_delay": 5}, {"stall_after": 0}], ids=str)
async def test_a_server_without_a_first_text_is_given_up_in_time(server: OpenAIServer, openai_text: BuildOpenAI, how):
    server.script(**how)
    began = time.monotonic()

    _, error = await failure(openai_text().stream(ask("Hello?")))

    assert (error.code, error.permanent) == ("PROVIDER_UNAVAILABLE", False)
    assert 0.5 < time.monotonic() - began < 2
    assert await asyncio.to_thread(server.wait_until, lambda server: server.open_connections == 0)


async def test_keep_alives_alone_do_not_count_as_progress(server: OpenAIServer, openai_text: BuildOpenAI):
    server.script(text="a b c d e f g h", comments=True, chunk_delay=0.2)

    text, _ = await read(openai_text().stream(ask("Hello?")))
    assert text == "a b c d e f g h"

    server.script(text="a b c", comments=True, chunk_delay=0.5)
    text, error = await failure(openai_text().stream(ask("Hello?")))
    assert (text, error.code) == ("a", "PROVIDER_ERROR")


# --- stopping --------------------------------------------------------------------------------------------------------


async def test_closing_the_stream_closes_the_connection_at_once(server: OpenAIServer, openai_text: BuildOpenAI):
    server.script(text="word " * 500, chunk_delay=0.05)
    stream = openai_text().stream(ask("Hello?"))
    assert isinstance(await anext(stream), TextDelta)
    assert server.streaming == 1

    began = time.monotonic()
    await stream.aclose()

    assert await asyncio.to_thread(server.wait_until, lambda server: server.open_connections == 0)
    assert time.monotonic() - began < 0.5
    assert (server.hung_up, server.streaming) == (1, 0)


async def test_cancelling_before_the_first_text_closes_the_connection(server: OpenAIServer, openai_text: BuildOpenAI):
    server.script(first_delay=30)
    task = asyncio.create_task(read(openai_text(FIRST_TIMEOUT=30).stream(ask("Hello?"))))
    assert await asyncio.to_thread(server.wait_until, lambda server: server.streaming == 1)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await asyncio.to_thread(server.wait_until, lambda server: server.open_connections == 0)


async def test_a_reply_read_to_its_end_leaves_its_connection_for_the_next(
    server: OpenAIServer, openai_text: BuildOpenAI
):
    provider = openai_text()
    for _ in range(3):
        await read(provider.stream(ask("Hello?")))

    assert server.open_connections == 1


async def test_nothing_of_a_conversation_is_logged(server: OpenAIServer, openai_text: BuildOpenAI, caplog):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("openai").setLevel(logging.WARNING)  # as the module does when it is loaded
    server.script(text="A private answer.")
    server.script(status=500)

    provider = openai_text()
    await read(provider.stream(ask("A private question.")))
    await read(provider.stream(ask("A private question.")))

    assert "private" not in caplog.text
    assert server.api_key not in caplog.text


async def test_going_on_is_asked_for_in_words_every_server_understands(server: OpenAIServer, openai_text: BuildOpenAI):
    await read(openai_text().stream(ask("Tell me a story.", "Once upon a", continuation=True)))

    *history, last = server.completions[-1].body["messages"]
    assert history[-1] == {"role": "assistant", "content": "Once upon a"}
    assert last["role"] == "user"
    assert "Go on" in last["content"]

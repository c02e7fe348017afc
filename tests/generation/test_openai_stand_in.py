"""The stand-in itself, through the openai library, so that other tests may trust it."""

import httpx
import openai
import pytest

from tests.standins.openai_server import OpenAIServer


@pytest.fixture
def client(server: OpenAIServer):
    with openai.OpenAI(base_url=server.base_url, api_key=server.api_key, max_retries=0) as client:
        yield client


def test_it_lists_its_models(client: openai.OpenAI):
    assert [model.id for model in client.models.list()] == ["stand-in", "stand-in-large"]


def test_it_answers_without_streaming(client: openai.OpenAI):
    answer = client.chat.completions.create(model="stand-in", messages=[{"role": "user", "content": "Hello there"}])

    assert answer.choices[0].message.content == "The stage is yours."
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (2, 4)


def test_it_streams_and_counts_only_when_asked(client: openai.OpenAI):
    with client.chat.completions.create(
        model="stand-in", messages=[{"role": "user", "content": "Hello"}], stream=True
    ) as stream:
        chunks = list(stream)

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "The stage is yours."
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks)


def test_it_refuses_a_wrong_key(server: OpenAIServer):
    client = openai.OpenAI(base_url=server.base_url, api_key="wrong", max_retries=0)

    with client, pytest.raises(openai.AuthenticationError):
        client.models.list()


def test_it_knows_no_other_path(server: OpenAIServer):
    answer = httpx.get(f"{server.base_url}/audio", headers={"Authorization": f"Bearer {server.api_key}"})

    assert answer.status_code == 404


def test_scripts_are_used_up_in_their_order(server: OpenAIServer, client: openai.OpenAI):
    server.script(text="First.")
    server.script(status=418, error={"message": "Second."})
    messages = [{"role": "user", "content": "Hello"}]

    assert client.chat.completions.create(model="stand-in", messages=messages).choices[0].message.content == "First."
    with pytest.raises(openai.APIStatusError):
        client.chat.completions.create(model="stand-in", messages=messages)
    answer = client.chat.completions.create(model="stand-in", messages=messages)

    assert answer.choices[0].message.content == "The stage is yours."
    assert len(server.completions) == 3

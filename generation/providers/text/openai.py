"""Any server that speaks OpenAI's chat completions: OpenAI, Gemini, Anthropic, Ollama, vLLM, llama.cpp."""

import asyncio
import json
import logging
import random
import time
from contextlib import aclosing
from typing import Any

from openai import APIConnectionError, APIError, AsyncOpenAI, AsyncStream, Timeout

from common.tokens import count_tokens
from generation.providers.text.base import ProviderError, TextDelta, TextRequest, TextStream, TextUsage
from generation.providers.text.openai_errors import BROKEN, BUSY, REFUSED, fault_of

# At DEBUG the library logs whole request bodies, which hold people's conversations.
logging.getLogger("openai").setLevel(logging.WARNING)

CONNECT_TIMEOUT = 10.0
TOTAL_TIMEOUT = 600.0
LONGEST_WAIT = 10.0  # a server that asks for more is not waited for
AFTER_THE_END = 2.0  # once the reply is complete, only its token counts are still worth waiting for
# Servers differ in what a last message of the model's own means to them; this they all understand.
GO_ON = "[Go on from exactly where your last message stops. Repeat nothing of it, and add no greeting.]"

Chunks = AsyncStream[object]


class OpenAIText:
    """Settings: `BASE_URL`, `API_KEY`, and optional:

    `MODEL` (what the catalogue's name "default" stands for), `TOKENS_FIELD` (`max_tokens`, or `max_completion_tokens`
    for OpenAI's own models), `LEAVE_OUT` (fields the server refuses, such as `temperature`), `EXTRA` (fields to add),
    `RETRIES` (2, before the first text only), and in seconds `STALL_TIMEOUT` (30, between two chunks),
    `FIRST_TIMEOUT` (60, until the first text) and `BACKOFF` (0.5, doubling).
    """

    is_demo = False

    def __init__(self, name: str, config: dict[str, Any]) -> None:
        self.name = name
        self._model = config.get("MODEL", "")
        self._tokens_field = config.get("TOKENS_FIELD", "max_tokens")
        self._extra = dict(config.get("EXTRA", {}))
        self._leave_out = frozenset(config.get("LEAVE_OUT", ()))
        self._stall = float(config.get("STALL_TIMEOUT", 30.0))
        self._first = max(self._stall, float(config.get("FIRST_TIMEOUT", 60.0)))
        self._backoff = float(config.get("BACKOFF", 0.5))
        self._retries = int(config.get("RETRIES", 2))
        # Tries are ours (the library can't know whether text has been passed on), and so is the pace of the stream.
        self._client = AsyncOpenAI(
            base_url=config["BASE_URL"],
            api_key=config["API_KEY"],
            max_retries=0,
            timeout=Timeout(TOTAL_TIMEOUT, connect=CONNECT_TIMEOUT),
        )

    async def aclose(self) -> None:
        await self._client.close()

    async def stream(self, request: TextRequest) -> TextStream:
        """Streams the reply; see `TextProvider.stream`. Closing the iterator closes the HTTP connection."""
        deadline = time.monotonic() + TOTAL_TIMEOUT
        attempt = 0
        while True:
            reply = _Reply()
            try:
                async with (
                    aclosing(await self._open(request, deadline)) as chunks,
                    aclosing(self._read(chunks, reply, deadline)) as items,
                ):
                    async for item in items:
                        yield item
            except APIError as error:
                fault = fault_of(error, provider=self.name, model=request.model)
                if reply.has_text:
                    raise _broken_off(fault.error.private) from error
                if not fault.worth_retrying or attempt >= self._retries:
                    raise fault.error from error
                wait = fault.error.retry_after
                if wait is not None and wait > LONGEST_WAIT:
                    raise fault.error from error
                await asyncio.sleep(self._pause(attempt) if wait is None else wait)
                attempt += 1
            else:
                yield reply.usage(request)
                return

    async def _open(self, request: TextRequest, deadline: float) -> Chunks:
        try:
            async with asyncio.timeout(min(self._first, deadline - time.monotonic())):
                return await self._client.post(
                    "/chat/completions",
                    body=self._body(request),
                    cast_to=object,  # plain dicts: quicker than models, and servers differ in what they leave out
                    stream=True,
                    stream_cls=Chunks,
                )
        except TimeoutError as error:
            raise self._too_slow() from error

    async def _read(self, chunks: Chunks, reply: "_Reply", deadline: float) -> TextStream:
        while True:
            pause = AFTER_THE_END if reply.finish_reason else self._stall if reply.has_text else self._first
            try:
                async with asyncio.timeout(min(pause, deadline - time.monotonic())):
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                break
            except (TimeoutError, APIError) as error:
                if reply.finish_reason:
                    return
                if isinstance(error, APIError):
                    raise
                raise (_broken_off(f"{self.name}: stalled.") if reply.has_text else self._too_slow()) from error
            except (json.JSONDecodeError, UnicodeDecodeError) as error:
                raise _malformed(self.name) from error
            if text := reply.take(chunk, self.name):
                yield TextDelta(text)
        if not reply.finish_reason:
            raise APIConnectionError(message="The stream ended too early.", request=chunks.response.request)

    def _body(self, request: TextRequest) -> dict[str, Any]:
        messages = [{"role": message.role, "content": message.content} for message in request.messages]
        if request.continuation:
            messages.append({"role": "user", "content": GO_ON})
        body: dict[str, Any] = {
            "model": self._model if request.model == "default" else request.model,
            "messages": messages,
            self._tokens_field: request.max_output_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.stop:
            body["stop"] = list(request.stop)
        return {key: value for key, value in body.items() if key not in self._leave_out} | self._extra

    def _pause(self, attempt: int) -> float:
        return min(LONGEST_WAIT, self._backoff * 2**attempt) * random.uniform(0.75, 1.25)  # noqa: S311

    def _too_slow(self) -> ProviderError:
        private = f"{self.name}: no text within {self._first:g} s."
        return ProviderError("PROVIDER_UNAVAILABLE", BUSY, permanent=False, private=private)


class _Reply:
    """What has arrived of one reply."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.finish_reason = ""
        self._counts: dict[str, Any] = {}

    @property
    def has_text(self) -> bool:
        return bool(self.parts)

    def take(self, chunk: object, provider: str) -> str:
        """Notes a chunk and returns its text. Raises ProviderError for a refusal or a chunk of no known shape."""
        if not isinstance(chunk, dict):
            raise _malformed(provider)
        if isinstance(chunk.get("usage"), dict):
            self._counts = chunk["usage"]
        choices = chunk.get("choices")
        if not choices:
            return ""
        try:
            choice = choices[0]
            delta = choice.get("delta") or {}
            text, refusal = delta.get("content") or "", delta.get("refusal")
            self.finish_reason = choice.get("finish_reason") or self.finish_reason
        except (AttributeError, IndexError, KeyError, TypeError) as error:
            raise _malformed(provider) from error
        if not isinstance(text, str):
            raise _malformed(provider)
        if refusal or self.finish_reason == "content_filter":
            raise ProviderError("CONTENT_REJECTED", REFUSED, permanent=True, private=f"{provider}: content filter.")
        if text:
            self.parts.append(text)
        return text

    def usage(self, request: TextRequest) -> TextUsage:
        if not self.has_text:
            private = f"The reply was empty, finish_reason {self.finish_reason}."
            raise ProviderError("PROVIDER_ERROR", "The model sent no text.", permanent=False, private=private)
        asked, written = self._counts.get("prompt_tokens"), self._counts.get("completion_tokens")
        if not isinstance(asked, int):
            asked = sum(count_tokens(message.content) for message in request.messages)
        if not isinstance(written, int):
            written = count_tokens("".join(self.parts))
        return TextUsage(asked, written, "length" if self.finish_reason == "length" else "stop")


def _broken_off(private: str) -> ProviderError:
    return ProviderError("PROVIDER_ERROR", BROKEN, permanent=False, private=private)


def _malformed(provider: str) -> ProviderError:
    return _broken_off(f"{provider}: a chunk of the stream was malformed.")

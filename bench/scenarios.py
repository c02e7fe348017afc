"""What is asked over HTTP, as files of requests (see requests.lua), and what each scenario is called."""

import json
import random
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_plus

from bench import words, world

Line = tuple[str, str, str, str]
SENTENCE = words.SAID[0]
NOBODY = "-"


@dataclass(frozen=True)
class HttpScenario:
    """`compared`: the same work exists elsewhere and may be held against it."""

    name: str
    title: str
    compared: bool = True


HTTP = {
    scenario.name: scenario
    for scenario in (
        HttpScenario("health", "health_live"),
        HttpScenario("list", "public list, pages 1-10"),
        HttpScenario("search", "search, 20 terms, 2 pages"),
        HttpScenario("search_cold", "search, no two alike", compared=False),
        HttpScenario("character", "one character, signed in"),
        HttpScenario("history", "history page, 50 messages"),
        HttpScenario("me", "who I am", compared=False),
        HttpScenario("post", "message post"),
        HttpScenario("post_reply", "message post, reply asked for", compared=False),
        HttpScenario("spend", "credit spend, 200 wallets"),
        HttpScenario("spend_hot", "credit spend, one wallet"),
    )
}


def write_requests(folder: Path, url: str, token_of: Callable[[int], str]) -> dict[str, Path]:
    """The request file of each scenario. `url` is the running site: list pages are found by walking it."""
    rng = random.Random("requests")
    tokens = {person: token_of(person) for person in range(1, world.CONVERSATIONS + 1)}
    lines: dict[str, Iterable[Line]] = {
        "health": [_get("/health/live")],
        "list": [_get(path) for path in _pages(url, "/api/characters?limit=20", 10)],
        "search": [_get(path) for path in _search_pages(url)],
        "search_cold": [_get(f"/api/characters?search={quote_plus(s)}") for s in world.distinct_searches(5_000)],
        "character": [_get(_character(number), rng.choice(list(tokens.values()))) for number in _public(rng, 2_000)],
        "history": [line for person, token in tokens.items() for line in _history(url, rng, person, token)],
        "me": [_get("/api/auth/me", token) for token in tokens.values()],
        "post": [_post(_messages(n), token, text=SENTENCE, reply=False) for n, token in tokens.items()],
        "post_reply": [_post(_messages(n), token, text=SENTENCE) for n, token in tokens.items()],
        "spend": [_spend(token) for token in tokens.values()],
        "spend_hot": [_spend(tokens[1])],
    }
    return {name: _write(folder / f"{name}.tsv", rows, rng) for name, rows in lines.items()}


def _get(path: str, token: str = NOBODY) -> Line:
    return ("GET", path, token, "-")


def _post(path: str, token: str, **body: object) -> Line:
    return ("POST", path, token, json.dumps(body, separators=(",", ":")))


def _spend(token: str) -> Line:
    return _post("/api/credits/spend", token, amount="1", feature="story_generation")


def _character(number: int) -> str:
    return f"/api/characters/{world.row_id('character', number)}"


def _messages(conversation: int) -> str:
    return f"/api/conversations/{world.row_id('conversation', conversation)}/messages"


def _public(rng: random.Random, count: int) -> list[int]:
    return rng.sample([n for n in range(1, world.CHARACTERS + 1) if world.is_public(n)], count)


def _history(url: str, rng: random.Random, conversation: int, token: str) -> list[Line]:
    """The newest page, and one somewhere further back."""
    newest = f"{_messages(conversation)}?limit=50"
    skip = rng.randint(1, 100)
    cursor = _read(url, f"{_messages(conversation)}?limit={skip}", token)["next"]
    return [_get(newest, token), _get(f"{newest}&cursor={cursor}", token)]


def _pages(url: str, path: str, count: int) -> list[str]:
    """The paths of the first pages of a list, by their cursors."""
    paths = [path]
    while len(paths) < count and (cursor := _read(url, paths[-1])["next"]):
        paths.append(f"{path}&cursor={cursor}")
    return paths


def _search_pages(url: str) -> list[str]:
    return [
        page
        for term in words.SEARCHES
        for page in _pages(url, f"/api/characters?search={quote_plus(term)}&limit=20", 2)
    ]


def _read(url: str, path: str, token: str = "") -> dict[str, str]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with urllib.request.urlopen(urllib.request.Request(url + path, headers=headers), timeout=30) as answer:  # noqa: S310
        found: dict[str, str] = json.load(answer)
        return found


def _write(path: Path, lines: Iterable[Line], rng: random.Random) -> Path:
    lines = list(lines)
    rng.shuffle(lines)
    path.write_text("".join("\t".join(line) + "\n" for line in lines), encoding="utf-8")
    return path

"""A device in words: only names of our own lists, whatever a browser says of itself."""

import re
import time

import pytest

from accounts import devices
from accounts.devices import describe

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
KNOWN = {
    "Firefox on Linux": "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Chrome on Windows": f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/126.0.0.0 Safari/537.36",
    "Edge on Windows": f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/126.0.0.0 Safari/537.36 Edg/126.0",
    "Safari on macOS": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.4.1 Safari/605.1.15",
    "Safari on iOS": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1",
    "Samsung Internet on Android": f"Mozilla/5.0 (Linux; Android 14; SM-S911B) {WEBKIT} SamsungBrowser/25.0 "
    "Chrome/121.0.0.0 Mobile Safari/537.36",
    "curl": "curl/8.5.0",
}
NONSENSE = [
    "",
    " ",
    "node",
    "\x00\x01\x02",
    "☎" * 300,
    "\u202egnp.exe",
    "\ud800",
    "(" * 300,
    "{browser} {0.__class__}",
    "<script>alert(1)</script>/1.0",
    "Your password is wrong, visit https://evil.example/1.0",
    "Mozilla/5.0 EvilBot https://evil.example/bot/1.0",
]
SHOWN = re.compile(r"[A-Za-z ]{2,40}")


@pytest.mark.parametrize(("words", "user_agent"), KNOWN.items(), ids=KNOWN)
def test_what_is_known_is_named(words, user_agent):
    assert describe(user_agent) == words


@pytest.mark.parametrize("user_agent", NONSENSE, ids=repr)
def test_nonsense_is_an_unknown_device(user_agent):
    assert describe(user_agent) == devices.UNKNOWN == "Unknown device"


def test_no_word_of_a_browsers_own_is_ever_shown():
    for start in (
        *KNOWN.values(),
        "Mozilla/5.0 (Linux; Android 9; {}) ",
        "{}/1.0 (iPhone; iOS 17) {}",
        "{}Browser/1.0",
    ):
        for evil in ("<b>Evil</b>", "visit evil.example", "Ev\u202eil\x00"):
            text = describe((start.replace("Firefox", evil) + evil).replace("{}", evil))
            assert SHOWN.fullmatch(text), text
            assert "vil" not in text.lower()


def test_a_very_long_one_takes_no_longer():
    for part in ("(", "Mozilla/5.0 (Linux; Android 9; ", "a/1 ", "9;"):
        started = time.perf_counter()
        describe(part * 100_000)
        assert time.perf_counter() - started < 1


def test_it_is_said_in_the_persons_language():
    firefox = KNOWN["Firefox on Linux"]
    assert describe(firefox, "de") == "Firefox auf Linux"
    assert describe(firefox, "xx") == "Firefox on Linux"
    assert [describe("", language) for language in devices.WORDS] == [
        "Unknown device", "Unbekanntes Gerät", "Appareil inconnu", "Dispositivo desconocido", "Dispositivo desconhecido"
    ]  # fmt: skip

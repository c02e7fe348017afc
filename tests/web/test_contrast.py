"""Every text can be read on its ground: WCAG AA, by night and by day, computed from the tokens themselves."""

import re
from pathlib import Path

import pytest

TOKENS = (Path(__file__).parents[2] / "static/css/tokens.css").read_text()

TEXT = 4.5
LARGE_OR_GRAPHIC = 3.0

GROUNDS = ("house", "stage", "curtain", "accent-wash", "danger-wash")
PAIRS = [
    *[(text, ground, TEXT) for text in ("text", "text-soft", "accent-text", "danger-text") for ground in GROUNDS],
    *[("text-faint", ground, TEXT) for ground in ("house", "stage", "curtain")],
    ("on-accent", "accent", TEXT),
    ("on-accent", "accent-strong", TEXT),
    ("on-danger", "danger", TEXT),
    ("on-danger", "danger-strong", TEXT),
    ("on-valance", "valance", TEXT),
    ("on-valance-soft", "valance", TEXT),
    ("valance", "on-valance", TEXT),  # the initial in the account menu
    ("house", "text", TEXT),  # toasts
    *[("rule-strong", ground, LARGE_OR_GRAPHIC) for ground in ("house", "stage")],
    *[("focus", ground, LARGE_OR_GRAPHIC) for ground in ("house", "stage", "curtain")],
    ("valance-edge", "valance", LARGE_OR_GRAPHIC),  # focus inside the header
]


def _block(selector: str, css: str = TOKENS) -> dict[str, str]:
    start = css.index(selector + " {")
    body = css[css.index("{", start) + 1 : css.index("}", start)]
    return dict(re.findall(r"--([a-z-]+):\s*([^;]+);", body))


NIGHT = _block(":root")
DAY = _block(':root[data-theme="light"]')


def _luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_measure_itself_is_right() -> None:
    assert _contrast("#000000", "#ffffff") == pytest.approx(21)
    assert _contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", [NIGHT, DAY], ids=["night", "day"])
@pytest.mark.parametrize(("text", "ground", "least"), PAIRS, ids=str)
def test_a_text_is_readable_on_its_ground(theme: dict[str, str], text: str, ground: str, least: float) -> None:
    assert _contrast(theme[text], theme[ground]) >= least


def test_both_copies_of_the_day_are_the_same() -> None:
    assert _block(':root:not([data-theme="dark"])') == DAY


def test_day_and_night_name_the_same_colours() -> None:
    assert set(DAY) == set(NIGHT)

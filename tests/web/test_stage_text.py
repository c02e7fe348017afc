"""The server reads what is said on stage exactly as the browser's module does: both answer to one list of cases."""

import json
import time
from pathlib import Path

import pytest

from common.stage_text import stage_html, stage_plain

CASES = json.loads((Path(__file__).parent / "stage_text_cases.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=[case["text"][:30] or "nothing" for case in CASES])
def test_a_text_reads_as_the_browser_reads_it(case: dict[str, str]) -> None:
    assert stage_html(case["text"]) == case["html"]


def test_a_long_hostile_text_is_read_in_little_time() -> None:
    started = time.perf_counter()
    for sign in ("*", "**", "* ", "*a", "*a ", "**a *", "\n \n"):
        stage_html(sign * (16_000 // len(sign)))
    assert time.perf_counter() - started < 1


def test_in_a_list_the_words_stand_without_their_marks() -> None:
    assert stage_plain("*waves* Come **in**, 2 * 3 is <6>.") == "waves Come in, 2 * 3 is <6>."

"""The token estimate. The true counts were made with OpenAI's o200k_base vocabulary and are written down here."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.tokens import count_tokens, truncate_to_tokens

COUNTED = {
    "I couldn't sleep. The lighthouse kept blinking, and somebody downstairs was practising a waltz.": 19,
    '*She leans over the counter.* "Well, well. Look who the tide dragged in."': 20,
    "lol ok, idk, maybe tomorrow? thx!!": 12,
    "Ich habe gestern Abend meinen Regenschirm in der Straßenbahn vergessen, und niemand hat ihn abgegeben.": 21,
    "Ayer por la noche olvidé mi paraguas en el tranvía y nadie lo ha devuelto todavía.": 23,
    "Wczoraj wieczorem zostawiłam parasol w tramwaju i nikt go jeszcze nie oddał.": 24,
    "Вчера вечером я забыла зонтик в трамвае, и никто его до сих пор не вернул.": 23,
    "昨日の夜、電車に傘を忘れてしまいました。まだ誰も届けてくれていません。": 25,
    "昨天晚上我把雨伞忘在电车上了，到现在还没有人送回来。": 21,
    "어젯밤에 전차에 우산을 두고 내렸는데 아직 아무도 돌려주지 않았어요.": 26,
    "نسيت مظلتي في الترام مساء أمس ولم يُعدها أحد حتى الآن.": 18,
    "मैं कल शाम अपना छाता ट्राम में भूल गई और अभी तक किसी ने उसे लौटाया नहीं है।": 22,
    '{"id": 4018, "items": ["cello", "umbrella"], "found_at": "2026-02-11T08:30:00Z", "price": 12.50}': 45,
    "See you at 8 🎭✨ bring 👩‍👩‍👧 and cake!! 🎂": 22,
}


@pytest.mark.parametrize("text", COUNTED, ids=lambda text: text[:20])
def test_it_comes_near_the_true_count_and_seldom_below(text: str):
    assert 0.85 <= count_tokens(text) / COUNTED[text] <= 1.95


def test_nothing_has_no_tokens():
    assert count_tokens("") == 0


def test_a_long_word_is_not_one_token():
    assert count_tokens("a" * 1000) >= 125


def test_it_is_fast():
    text = "The lamp turns, the fog comes in, and somebody is always awake. " * 2000
    began = time.perf_counter()

    count_tokens(text)

    assert (time.perf_counter() - began) / len(text) < 1e-6


@given(st.text(max_size=400), st.integers(min_value=0, max_value=60), st.booleans())
def test_a_truncated_text_fits_and_is_part_of_the_whole(text: str, limit: int, keep_end: bool):
    kept = truncate_to_tokens(text, limit, keep_end=keep_end)

    assert count_tokens(kept) <= limit
    assert (text.rstrip().endswith(kept.rstrip()) or text.endswith(kept)) if keep_end else text.startswith(kept)


def test_a_text_that_fits_stays_as_it_is():
    assert truncate_to_tokens("  Two words. \n", 50) == "  Two words. \n"


def test_it_cuts_between_words():
    text = "Nobody asked for a lighthouse, and yet here it stands"

    assert truncate_to_tokens(text, 5) == "Nobody asked for a lighthouse"[: len(truncate_to_tokens(text, 5))]
    assert text[len(truncate_to_tokens(text, 5))] in " ,"
    assert truncate_to_tokens(text, 4, keep_end=True) in {"yet here it stands", "here it stands"}

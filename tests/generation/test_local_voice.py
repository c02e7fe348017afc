"""The demo voice: the same request gives the same reply, and a conversation with it goes somewhere."""

import asyncio
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.providers.text.base import TextMessage, TextRequest, Voice
from generation.providers.text.local import LocalText
from generation.providers.text.local.compose import compose
from generation.providers.text.local.person import in_first_person, mirrored
from generation.providers.text.local.phrasebook import language_of
from generation.providers.text.local.words import folded, sentences
from tests.generation.conftest import KEEPER, ask, read

EVENING = [
    "Hello!",
    "My name is Ana.",
    "I walked here from the harbour this morning.",
    "Do you ever get lonely?",
    "My brother is a sailor.",
    "What do you do all day?",
    "haha",
    "I lost my gloves on the stairs.",
    "Is a storm coming?",
    "Tell me a story",
    "ok",
    "Why?",
    "That's a beautiful lamp.",
    "I have to go now.",
]

WRITERS = {
    "Greek": Voice("Ελένη", "Μια γιαγιά από την Κρήτη που φτιάχνει ψωμί. Ξέρει όλα τα μυστικά του χωριού."),
    "Hindi": Voice("सीमा", "एक जिज्ञासु खगोलशास्त्री जो पहाड़ पर रहती है।"),
    "Japanese": Voice("猫先生", "古い神社に住む、しゃべる三毛猫。魚と昼寝が好き。"),
    "Chinese": Voice("老船长", "他住在灯塔里，收集别人丢失的雨伞。"),
    "Korean": Voice("등대지기", "아무도 찾지 않는 등대를 지키는 할머니."),
    "Arabic": Voice("ليلى", "امرأة عجوز تجمع الأغاني القديمة في دفتر أزرق."),
    "Russian": Voice("Марфа", "Старая ведьма, живёт на болоте и варит зелья."),
    "Thai": Voice("ยายบัว", "คุณยายที่ขายขนมหน้าวัดและรู้เรื่องของทุกคน"),
    "Hebrew": Voice("מרים", "שומרת מגדלור שאוספת מטריות אבודות."),
    "Spanish": Voice("Lucía", "Guía de montaña jubilada. Colecciona cencerros."),
}


def converse(voice: Voice | None, said: list[str], seed: str = "") -> list[str]:
    """The replies of a whole conversation."""
    messages = [TextMessage("system", "Stay in character.")]
    if voice and voice.greeting:
        messages.append(TextMessage("assistant", voice.greeting))
    replies = []
    for text in said:
        messages.append(TextMessage("user", text))
        replies.append(compose(TextRequest("local", tuple(messages), 400, voice=voice, seed=seed)))
        messages.append(TextMessage("assistant", replies[-1]))
    return replies


# --- the same, and not the same --------------------------------------------------------------------------------------


def test_the_same_conversation_gets_the_same_replies():
    assert converse(KEEPER, EVENING, "m/0") == converse(KEEPER, EVENING, "m/0")


def test_variants_of_one_reply_differ():
    for said in ("Hello!", "Is a storm coming?", "I lost my gloves on the stairs.", "Tell me a story"):
        variants = {compose(ask(said, voice=KEEPER, seed=f"m/{number}")) for number in range(4)}
        assert len(variants) == 4, variants


def test_variants_differ_even_for_a_character_without_material():
    variants = {compose(ask("I like trains.", voice=Voice("Zed"), seed=f"m/{number}")) for number in range(4)}

    assert len(variants) > 1


@pytest.mark.parametrize("seed", ["", "a/0", "b/1"])
def test_no_reply_and_no_long_sentence_comes_twice_in_an_evening(seed: str):
    replies = converse(KEEPER, EVENING, seed)

    assert len(set(replies)) == len(replies) == 14
    said = [folded(sentence) for reply in replies for sentence in sentences(reply) if "*" not in sentence]
    long = [sentence for sentence in said if len(sentence) > 30]
    assert len(set(long)) == len(long)


@pytest.mark.parametrize("voice", [Voice("Zed"), Voice("Moss", "A grumpy pirate who loves cats."), None], ids=str)
def test_no_reply_comes_twice_even_without_material(voice: Voice | None):
    replies = converse(voice, EVENING)

    assert len(set(replies)) == len(replies)
    assert all(reply.strip() for reply in replies)


# --- it listens ------------------------------------------------------------------------------------------------------


def test_it_answers_what_was_asked_from_its_topics():
    assert "weather that has made up its mind" in compose(ask("Is a storm coming?", voice=KEEPER))
    assert "married inland" in compose(ask("My brother is a sailor.", voice=KEEPER))


def test_it_answers_as_its_example_dialogue_does():
    reply = compose(ask("And who are you?", voice=KEEPER))

    assert "Mara Vell. I keep the light." in reply
    assert "{{" not in reply


def test_it_answers_what_the_description_knows():
    pirate = Voice("Captain Moss", "Captain Moss sails a leaking boat called Biscuit. His left eye is made of glass.")

    assert "I sail a leaking boat called Biscuit." in compose(ask("Do you have a boat?", voice=pirate))
    assert "My left eye is made of glass." in compose(ask("What happened to your eye?", voice=pirate))


def test_it_takes_up_what_was_said():
    assert "you lost your gloves on the stairs" in compose(
        ask("I lost my gloves on the stairs.", voice=Voice("Zed"))
    ).replace("You", "you")


def test_it_learns_a_name_and_keeps_it():
    assert "Ana" in converse(KEEPER, ["Hi, I'm Ana."])[0]
    assert "Ana" in converse(Voice("Zed"), ["My name is ana.", "Tell me a story", "Goodbye!"], "m/1")[-1]
    night = Voice("Zed", example_dialogue="{{user}}: How was your night?\n{{char}}: Long, {{user}}, and cold.")
    assert "Long, Ana, and cold." in converse(night, ["I'm Ana.", "How are you?"])[-1]
    assert "Long, and cold." in converse(night, ["How are you?"])[-1]


def test_it_comes_back_to_what_was_said_earlier():
    said = ["I walked here from the harbour.", "Nice lamp.", "The stairs are steep.", "The sea is loud today.", "Odd."]
    evenings = [converse(Voice("Zed"), said, f"{seed}/0") for seed in "abcdefgh"]

    assert any("you walked here from the harbour" in reply for replies in evenings for reply in replies[2:])


@pytest.mark.parametrize("said", ["Goodbye!", "I think I should go now", "Thanks, bye!", "good night"])
def test_it_says_goodbye_and_asks_nothing_more(said: str):
    assert not compose(ask(said, voice=KEEPER)).rstrip('"”*').endswith("?")


@pytest.mark.parametrize("said", ["Are you an AI?", "are you real?", "What language model is this?"])
def test_asked_what_it_is_it_owns_up(said: str):
    reply = compose(ask(said, voice=KEEPER))

    assert "demo voice" in reply
    assert "AI model behind" in reply


def test_going_on_starts_where_the_last_reply_ended():
    told = "A captain once sent me a cheese by way of thanks. It had travelled further than he had."
    reply = compose(ask("Tell me a story", told, voice=KEEPER, continuation=True))

    assert reply.startswith("\n\n")
    assert "cheese" not in reply
    assert len(reply) > 20


def test_it_never_speaks_for_the_person():
    for reply in converse(KEEPER, EVENING):
        assert "{{" not in reply
        assert "You:" not in reply


# --- any character, any script ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("voice", WRITERS.values(), ids=WRITERS)
def test_it_works_in_any_script(voice: Voice):
    said = sentences(voice.description)[0]
    replies = converse(voice, [said, f"{said}?", voice.name, "🙂", f"{voice.name} {said}"])

    assert all(reply.strip() for reply in replies)
    assert len(set(replies)) == len(replies)
    assert any(sentence.strip("*") in " ".join(replies) for sentence in sentences(voice.description))


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What a strange little lamp", "en"),
        ("pirate", "en"),
        ("¿Cómo estás? Yo no lo sé.", "es"),
        ("Je ne sais pas où tu es", "fr"),
        ("Ich weiß nicht, was du willst", "de"),
        ("Non lo so, ma mi piace", "it"),
        ("Eu não sei o que você quer", "pt"),
        ("Привет, как дела?", "ru"),
        ("Привіт, як справи, мій друже?", ""),
        ("今日はいい天気です", "ja"),
        ("今天天气很好", "zh"),
        ("오늘 날씨가 좋아요", "ko"),
        ("كيف حالك اليوم", "ar"),
        ("Γεια σου", ""),
        ("สวัสดี", ""),
        ("🙂", "en"),
    ],
)
def test_it_tells_languages_apart(text: str, language: str):
    assert language_of(text) == language


def test_greetings_and_goodbyes_are_understood_in_other_languages():
    assert "Lucía" in compose(ask("¿Quién eres?", voice=WRITERS["Spanish"]))
    assert "猫先生" in compose(ask("あなたは誰ですか？", voice=WRITERS["Japanese"]))
    assert "Олег" in compose(ask("Меня зовут Олег", voice=WRITERS["Russian"]))


words_of_people = st.text(max_size=300)
material = st.one_of(st.none(), st.text(max_size=60), st.lists(st.text(max_size=60), max_size=3), st.integers())


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_nothing_that_people_write_breaks_it(data):
    text = data.draw
    voice = Voice(
        *(text(words_of_people) for _ in range(6)),
        voice=text(
            st.dictionaries(
                st.sampled_from(["openers", "stories", "questions", "asides", "topics", "else"]),
                st.one_of(material, st.dictionaries(st.text(max_size=20), material, max_size=3)),
            )
        ),
    )
    said = text(st.lists(words_of_people, min_size=1, max_size=4))

    assert all(reply.strip() for reply in converse(voice, said))


def test_a_very_long_message_is_answered_quickly():
    message = "I said that " * 1300 + "!" * 500
    began = time.perf_counter()

    assert compose(ask(*([message] * 41), voice=KEEPER))

    assert time.perf_counter() - began < 0.2


# --- turning sentences round -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "turned"),
    [
        ("I lost my keys.", "you lost your keys"),
        ("I'm tired of this", "you're tired of this"),
        ("Well, I was there myself", "you were there myself".replace("myself", "yourself")),
        ("My cat is asleep", "your cat is asleep"),
        ("I love you", ""),
        ("The cat is asleep", ""),
        ("I wonder: why?", ""),
    ],
)
def test_what_somebody_says_of_themselves_is_turned_round(said: str, turned: str):
    assert mirrored(said) == turned


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("Mara keeps a lighthouse.", "I keep a lighthouse."),
        ("She has a cat called Admiral.", "I have a cat called Admiral."),
        ("He was born at sea.", "I was born at sea."),
        ("She carries her own lamp.", "I carry my own lamp."),
        ("You are a tired wizard.", "I am a tired wizard."),
        ("Her hands are always cold.", "My hands are always cold."),
        ("I sell maps.", "I sell maps."),
        ("She lives with a cat and sells maps.", ""),
        ("He keeps what she gave him.", ""),
        ("Everyone in town is afraid of Mara.", ""),
    ],
)
def test_what_is_told_of_a_character_becomes_what_it_says_where_that_is_safe(told: str, said: str):
    assert in_first_person(told, "Mara Vell") == said


# --- the stream ------------------------------------------------------------------------------------------------------


@pytest.fixture
def local() -> LocalText:
    return LocalText("local", {"DELAY": 0})


async def test_the_stream_is_the_reply(local: LocalText, keeper: Voice):
    request = ask("Is a storm coming?", voice=keeper)

    text, usage = await read(local.stream(request))

    assert text == compose(request)
    assert usage.finish_reason == "stop"


async def test_it_keeps_to_the_length_it_was_given(local: LocalText, keeper: Voice):
    text, usage = await read(local.stream(ask("Tell me a story", voice=keeper, max_output_tokens=8)))

    assert usage.output_tokens <= 8
    assert usage.finish_reason == "length"
    assert compose(ask("Tell me a story", voice=keeper)).startswith(text)


async def test_it_ends_before_a_stop_sequence(local: LocalText, keeper: Voice):
    text, _ = await read(local.stream(ask("Is a storm coming?", voice=keeper, stop=("made up",))))

    assert text
    assert "made up" not in text


async def test_it_speaks_at_the_pace_it_is_given(keeper: Voice):
    stream = LocalText("local", {"DELAY": 0.02}).stream(ask("Is a storm coming?", voice=keeper))
    began = time.monotonic()
    pieces = [await anext(stream) for _ in range(6)]
    await stream.aclose()

    assert len(pieces) == 6
    assert time.monotonic() - began >= 0.09


async def test_fifty_conversations_at_once_do_not_wait_for_each_other(local: LocalText, keeper: Voice):
    async def first(number: int) -> float:
        began = time.perf_counter()
        stream = local.stream(ask("Hello!", "Hm.", f"Number {number} is here.", voice=keeper))
        await anext(stream)
        await stream.aclose()
        return time.perf_counter() - began

    await first(0)
    waits = await asyncio.gather(*(first(number) for number in range(50)))

    assert max(waits) < 0.1

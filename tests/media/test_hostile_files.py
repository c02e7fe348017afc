"""What is refused, what is drawn and what is left of it: nothing but pixels. The child lives through all of it."""

import contextlib
import struct

import pytest

from common.errors import Problem, Unprocessable, UnsupportedMediaType
from media import drawing
from media.drawing import Picture, pool
from media.drawing.pool import Pool
from media.formats import format_of
from tests.media import hostile
from tests.media.forged import MAGIC, noise, picture
from tests.media.hostile import CASES, DRAWN, EITHER, PAYLOADS, REFUSED, UNKNOWN, Case


@pytest.fixture(scope="module")
def own_pool():
    pool = Pool(1, pictures=10_000)
    yield pool
    pool.close()


@pytest.fixture(autouse=True)
def _draws_there(own_pool, monkeypatch):
    monkeypatch.setattr(drawing, "decoders", own_pool)


@pytest.fixture
def draw(tmp_path):
    """`draw(data)`: what becomes of a file with these bytes; its name says jpg, whatever it is."""
    source, folder = tmp_path / "picture.jpg", tmp_path / "drawn"
    folder.mkdir()

    def send(data: bytes) -> Picture:
        source.write_bytes(data)
        for old in folder.iterdir():
            old.unlink()
        try:
            drawn = drawing.draw(source, folder)
        except Problem:
            assert not list(folder.iterdir())
            raise
        assert set(folder.iterdir()) == {file.path for file in drawn.files}
        return drawn

    return send


def pids(pool: Pool) -> list[int]:
    return [child.pid for child in pool.children if child.alive]


def require_clean(drawn: Picture) -> None:
    for file in drawn.files:
        data = file.path.read_bytes()
        assert set(riff_chunks(data)) <= {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF"}
        assert not [word for word in PAYLOADS if word in data]


def riff_chunks(data: bytes) -> list[bytes]:
    """The names of a WebP's parts, of which it consists to its last byte."""
    assert (data[:4], data[8:12]) == (b"RIFF", b"WEBP")
    names, at = [], 12
    while at < len(data):
        names.append(data[at : at + 4])
        (length,) = struct.unpack_from("<I", data, at + 4)
        at += 8 + length + length % 2
    assert at == len(data) == 8 + struct.unpack_from("<I", data, 4)[0]
    return names


def test_there_are_enough_of_them():
    assert len(CASES) >= 60
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_hostile_file(case: Case, draw, own_pool):
    data = case.build()
    draw(picture(".png"))
    before = pids(own_pool)
    if case.outcome == UNKNOWN:
        with pytest.raises(UnsupportedMediaType):
            draw(data)
        assert (found := format_of(data[:4096])) is None or found.family != "image"
    elif case.outcome == REFUSED:
        with pytest.raises(Unprocessable) as refusal:
            draw(data)
        assert refusal.value.detail not in (pool.CRASHED, pool.TOO_SLOW)
    elif case.outcome == DRAWN:
        require_clean(draw(data))
    else:
        assert case.outcome == EITHER
        with contextlib.suppress(Unprocessable):
            require_clean(draw(data))
    assert pids(own_pool) == before  # it was refused by the child, not by its end
    assert draw(picture(".jpg")).files


@pytest.mark.parametrize("name", hostile.SOURCES)
def test_what_was_changed_at_random_ends_as_a_picture_or_a_problem(name, draw):
    ends = []
    for data in hostile.mutations(name, 22):
        try:
            drawn = draw(data)
        except (Unprocessable, UnsupportedMediaType) as problem:
            ends.append(problem.code)
        else:
            ends.append("drawn")
            assert max(drawn.width, drawn.height) <= 2560
            assert {file.mime_type for file in drawn.files} == {"image/webp"}
    assert len(ends) == 22
    assert "UNPROCESSABLE_ENTITY" in ends  # the changes do reach the decoder
    assert draw(picture(".jpg")).files


@pytest.mark.parametrize("kind", MAGIC)
@pytest.mark.parametrize("seed", range(4))
def test_noise_behind_the_right_first_bytes_is_no_picture(kind, seed, draw):
    with pytest.raises(Unprocessable):
        draw(MAGIC[kind] + noise(f"{kind} {seed}", 2000))

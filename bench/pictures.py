"""Pictures for the bench: the same in every run, like photographs in what they cost, and no two alike to the byte."""

import struct

import pyvips

MIB = 1024 * 1024
PHOTO_SIZE, PHOTO_BYTES = (2400, 1800), 1_000_000
GRAIN = 3.0
LARGE_BYTES = 10 * MIB - 96 * 1024  # just under what is taken, with the form around it
OCTAVES = (8, 16, 32, 64, 128, 256, 512)  # pixels across of the first noise, which is made larger until it fills


def photo() -> bytes:
    """About a megabyte of JPEG: soft shapes of every size over a gradient, with a little grain."""
    width, height = PHOTO_SIZE
    ramp = pyvips.Image.xyz(width, height)[0] * (160 / width)
    bands = [(ramp + _shapes(width, height, seed) + 20).cast("uchar") for seed in (1, 2, 3)]
    return _of_size(bands[0].bandjoin(bands[1:]), PHOTO_BYTES)


def _shapes(width: int, height: int, seed: int) -> pyvips.Image:
    shapes = pyvips.Image.gaussnoise(width, height, sigma=GRAIN, mean=0, seed=seed)
    for octave in OCTAVES:
        noise = pyvips.Image.gaussnoise(octave + 2, octave + 2, sigma=24, mean=0, seed=seed + octave)
        larger = noise.resize(width / octave, vscale=height / octave, kernel="cubic")
        shapes = shapes + larger.crop(0, 0, width, height)
    return shapes


def large() -> bytes:
    """Almost as large as a picture may be, and as hard to pack as one can be: noise."""
    side = 1690
    bands = [pyvips.Image.gaussnoise(side, side, mean=128, sigma=60, seed=seed).cast("uchar") for seed in (1, 2, 3)]
    noise = bands[0].bandjoin(bands[1:])
    data = noise.copy(interpretation="srgb").jpegsave_buffer(Q=100, subsample_mode="off")
    if len(data) > LARGE_BYTES:
        raise RuntimeError(f"The large picture has {len(data)} bytes.")
    return _with_comments(data, LARGE_BYTES - len(data))


def _of_size(picture: pyvips.Image, size: int) -> bytes:
    """With the highest quality that is not above `size` bytes."""
    picture = picture.copy(interpretation="srgb").copy_memory()
    low, high = 40, 98
    while low < high:
        quality = (low + high + 1) // 2
        if len(picture.jpegsave_buffer(Q=quality)) > size:
            high = quality - 1
        else:
            low = quality
    return bytes(picture.jpegsave_buffer(Q=low))


def _with_comments(jpeg: bytes, more: int) -> bytes:
    while more > 4:
        length = min(more, 65_537) - 4
        jpeg, more = _commented(jpeg, b"." * length), more - length - 4
    return jpeg


def numbered(jpeg: bytes, number: int) -> tuple[bytes, bytes]:
    """The same picture as other bytes: a head of its own, and the rest, which all share."""
    return _commented(jpeg[:2], f"picture {number:09d}".encode()), jpeg[2:]


def _commented(jpeg: bytes, text: bytes) -> bytes:
    return jpeg[:2] + b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text + jpeg[2:]

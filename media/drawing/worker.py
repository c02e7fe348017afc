"""The child that draws. It is given one picture a line and answers with one line; it knows nothing of Django.

Run by path in isolated mode, as `worker.py MEMORY_BYTES FILE_BYTES SECONDS`, so that it starts in a tenth of a second.
A job is `{source, folder, format, square, names, width, height, save_as, quality}`; the answer is one of
`{width, height, animated, blurhash, seconds: {decode, encode}, files}` (of each file name, extension, width, height,
size, sha256), `{refused: words for the sender, reason: what libvips said}`, `{failed: why this machine could not}`.
What is drawn stands in the folder as `<name>.<webp|avif>`, and nothing of the file but its pixels is in it.
"""

import errno
import hashlib
import json
import logging
import os
import resource
import signal
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import blurhash
import pyvips

MOST_PIXELS = 40_000_000
MOST_AT_ONCE = 16_000_000  # where a file can't be decoded line by line, and all of it stands in memory
MOST_FRAMES = 300
MOST_FRAME_PIXELS = 60_000_000  # of all frames together
LONGEST_SIDE = 16_383  # pixels; WebP knows no more
SQUARE_SIDE = 1024
ORIGINAL = "original"
SIDES = {"medium": 1024, "small": 512, "thumbnail": 256}  # the longer one, in pixels

LOADERS = {"jpeg": "jpegload", "png": "pngload", "webp": "webpload", "gif": "gifload", "avif": "heifload"}
READ_WHOLE = {"webp", "gif", "avif"}
ANIMATED = {"webp", "gif"}
MANY_PASSES = ("jpeg-multiscan", "interlaced")  # what libvips says of such JPEGs and PNGs
GIF_FRAME, GIF_EXTENSION = 0x2C, 0x21
PROFILE = "icc-profile-data"
TURNED = 5  # EXIF orientations from this one on lie on their side

# more effort saves a tenth of the bytes and takes four times as long: good for what is small and asked for most
WEBP_EFFORT, SMALL_EFFORT = 0, 4
SMALL_PIXELS = 512 * 512
ANIMATED_EFFORT = 0
AVIF_EFFORT = 0
SAVED_AT_ONCE = 2
THREADS = 2
BLUR_SIDE, BLUR_COLUMNS, BLUR_ROWS = 24, 4, 3

BROKEN = "This picture is broken, or it is not what it says it is."
TOO_LARGE = "This picture has too many bytes once it is drawn anew."
TOO_MUCH_MEMORY = "This picture needs too much memory."

Job = dict[str, Any]
Size = tuple[int, int]


class Refused(Exception):  # noqa: N818
    """The sender's fault, in words for them."""


def main(memory: int, file_bytes: int, seconds: int) -> None:
    """Answers until its parent closes the pipe or dies."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # a library that prints would garble the answers
    _take_limits(memory, file_bytes)
    _set_up_libvips()
    _tell(answers, {"ready": True})
    for line in sys.stdin:
        signal.alarm(seconds)  # nobody ends this process in mid-picture when its parent has died
        _tell(answers, answer(json.loads(line)))
        signal.alarm(0)


def _tell(answers: Any, what: dict[str, Any]) -> None:
    answers.write(json.dumps(what) + "\n")
    answers.flush()


def _take_limits(memory: int, file_bytes: int) -> None:
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, file_bytes)
    if sys.platform != "darwin":  # whose kernel knows no such limit
        _limit(resource.RLIMIT_AS, memory)


def _limit(what: int, most: int) -> None:
    hard = resource.getrlimit(what)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))


def _set_up_libvips() -> None:
    logging.getLogger("pyvips").setLevel(logging.ERROR)
    # readers that nobody has tried to break for years (PDF, SVG and more) are shut, whatever a file claims to be
    pyvips.block_untrusted_set(True)
    pyvips.cache_set_max(0)
    pyvips.concurrency_set(THREADS)  # not one for each core of a large machine


def answer(job: Job) -> dict[str, Any]:
    """What is said of a job, whatever becomes of it; only a crash says nothing."""
    try:
        os.chdir(job["folder"])
        return draw(job)
    except Refused as refusal:
        return {"refused": str(refusal)}
    except pyvips.Error as error:
        return {"refused": BROKEN, "reason": str(error).strip()[-300:]}
    except MemoryError:
        return {"refused": TOO_MUCH_MEMORY}
    except OSError as error:
        if error.errno == errno.EFBIG:
            return {"refused": TOO_LARGE}
        return {"failed": f"{type(error).__name__}: {error.strerror}"}
    finally:
        os.chdir("/")


# --- one picture ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """What is to be made of a picture whose header was read: sizes are upright, in pixels."""

    job: Job
    frames: int
    orientation: int
    sizes: dict[str, Size]  # of what is wanted, the largest first; without a name the one that the others are made from

    @property
    def base(self) -> Size:
        return next(iter(self.sizes.values()))

    @property
    def animated(self) -> bool:
        return self.frames > 1 and ORIGINAL in self.sizes

    @property
    def as_stored(self) -> Size:
        """The base in the source's own orientation."""
        width, height = self.base
        return (height, width) if self.orientation >= TURNED else (width, height)


def draw(job: Job) -> dict[str, Any]:
    """Draws all that is wanted. Raises Refused, pyvips.Error where the file is broken, OSError where ours is."""
    began = time.perf_counter()
    header = _load(job, access="sequential")  # no pixel is read yet
    _check(job, header)
    plan, full = _plan(job, header)
    picture = _frames(plan) if plan.animated else _still(plan, header)
    decoded = time.perf_counter()
    hashed, files = _make(plan, picture)
    seconds = {"decode": decoded - began, "encode": time.perf_counter() - decoded}
    return {
        "width": full[0],
        "height": full[1],
        "animated": plan.frames > 1,
        "blurhash": hashed,
        "files": files,
        "seconds": {name: round(value, 4) for name, value in seconds.items()},
    }


def _load(job: Job, **options: Any) -> Any:
    # not `thumbnail`, which reads on where a file is torn off, whatever `fail_on` says
    return getattr(pyvips.Image, LOADERS[job["format"]])(job["source"], fail_on="error", **options)


def _check(job: Job, header: Any) -> None:
    if job["format"] == "gif":
        _check_gif(Path(job["source"]).read_bytes())
    pixels, frames = header.width * header.height, _number_of_frames(job, header)
    most = MOST_AT_ONCE if job["format"] in READ_WHOLE or _is_in_passes(header) else MOST_PIXELS
    if pixels > most:
        raise _too_many_pixels(most)
    if max(header.width, header.height) > LONGEST_SIDE:
        raise Refused(f"A picture may be at most {LONGEST_SIDE} pixels long.")
    if frames > MOST_FRAMES or (frames > 1 and frames * pixels > MOST_FRAME_PIXELS):
        raise Refused(
            f"An animation may have at most {MOST_FRAMES} frames, "
            f"and {MOST_FRAME_PIXELS // 1_000_000} million pixels in all of them."
        )


def _too_many_pixels(most: int) -> Refused:
    return Refused(f"A picture may have at most {most // 1_000_000} million pixels.")


def _check_gif(data: bytes) -> None:
    """Looks for what libvips overlooks: a screen beyond measure, frames without pixels, and a file torn off in one."""
    try:
        if _number(data, 6) * _number(data, 8) > MOST_AT_ONCE:
            raise _too_many_pixels(MOST_AT_ONCE)
        at = 13 + _table(data[10])
        while at < len(data) and data[at] in (GIF_FRAME, GIF_EXTENSION):
            if data[at] == GIF_FRAME:
                if not _number(data, at + 5) * _number(data, at + 7):
                    raise Refused(BROKEN)
                at += 11 + _table(data[at + 9])
            else:
                at += 2
            while data[at]:
                at += 1 + data[at]
            at += 1
    except IndexError:
        raise Refused(BROKEN) from None


def _number(data: bytes, at: int) -> int:
    return data[at] | data[at + 1] << 8


def _table(flags: int) -> int:
    """Bytes of the palette that these flags announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _is_in_passes(header: Any) -> bool:
    return any(header.get_typeof(name) and header.get(name) for name in MANY_PASSES)


def _number_of_frames(job: Job, header: Any) -> int:
    return int(header.get("n-pages")) if job["format"] in ANIMATED and header.get_typeof("n-pages") else 1


def _plan(job: Job, header: Any) -> tuple[Plan, Size]:
    """The plan, and the size of the original as it is, or would be, drawn."""
    frames = _number_of_frames(job, header)
    orientation = header.get("orientation") if frames == 1 and header.get_typeof("orientation") else 1
    width, height = (header.height, header.width) if orientation >= TURNED else (header.width, header.height)
    most_width, most_height = job["width"], job["height"]
    if job["square"]:
        width = height = min(width, height)
        most_width, most_height = min(most_width, SQUARE_SIDE), min(most_height, SQUARE_SIDE)
    original = fit((width, height), most_width, most_height)
    sizes = {ORIGINAL: original}
    sizes |= {name: fit(original, side, side) for name, side in SIDES.items() if max(original) > side}
    wanted = {name: size for name, size in sizes.items() if name in job["names"]}
    return Plan(job, frames, orientation, wanted or {"": fit(original, BLUR_SIDE, BLUR_SIDE)}), original


def fit(size: Size, width: int, height: int) -> Size:
    """The size made smaller, never larger, until it is within both."""
    by = min(width / size[0], height / size[1], 1)
    return max(1, round(size[0] * by)), max(1, round(size[1] * by))


def _still(plan: Plan, header: Any) -> Any:
    """The picture (or its first frame) upright in sRGB, in memory, in the largest size that is wanted."""
    options: dict[str, Any] = {"access": "sequential"}
    if plan.job["format"] == "jpeg":
        options["shrink"] = _shrink(plan, header)
    picture = _load(plan.job, **options)
    if plan.job["square"]:
        picture = _middle(picture)
    picture = _in_srgb(_resized(picture, plan.as_stored)).copy_memory()
    if plan.orientation > 1:
        picture = picture.autorot().copy_memory()
    return _bare(picture)


def _shrink(plan: Plan, header: Any) -> int:
    """By how much a JPEG is made smaller while it is decoded: an eighth of a large photo is an eighth of the work."""
    width, height = header.width, header.height
    if plan.job["square"]:
        width = height = min(width, height)
    by = min(width / plan.as_stored[0], height / plan.as_stored[1])
    return next((shrink for shrink in (8, 4, 2) if by >= shrink), 1)


def _frames(plan: Plan) -> Any:
    """All frames below each other, in sRGB, in memory, in the size that is wanted; with their delays."""
    strip = _load(plan.job, n=-1, access="sequential")
    drawn = _bare(_all_resized(plan, strip) if _is_changed(plan, strip) else _in_srgb(strip).copy_memory())
    for name, kind in (("delay", pyvips.GValue.array_int_type), ("loop", pyvips.GValue.gint_type)):
        if strip.get_typeof(name):
            drawn.set_type(kind, name, strip.get(name))
    return drawn


def _is_changed(plan: Plan, strip: Any) -> bool:
    return plan.job["square"] or (strip.width, strip.get_page_height()) != plan.base


def _all_resized(plan: Plan, strip: Any) -> Any:
    """Each frame by itself: made smaller together, one would bleed into the next."""
    height, whole, frames = strip.get_page_height(), strip.copy_memory(), []
    for top in range(0, whole.height, height):
        frame = whole.crop(0, top, whole.width, height)
        if plan.job["square"]:
            frame = _middle(frame)
        frames.append(_in_srgb(_resized(frame, plan.base)).copy_memory())
    return pyvips.Image.arrayjoin(frames, across=1).copy_memory()


def _middle(picture: Any) -> Any:
    side = min(picture.width, picture.height)
    return picture.crop((picture.width - side) // 2, (picture.height - side) // 2, side, side)


def _resized(picture: Any, size: Size) -> Any:
    width, height = size
    if (picture.width, picture.height) == size:
        return picture
    across, down = width / picture.width, height / picture.height
    if not picture.hasalpha():
        return picture.resize(across, vscale=down)
    # otherwise the colour of what can't be seen shines through at the edges
    return picture.premultiply().resize(across, vscale=down).unpremultiply().cast(picture.format)


def _in_srgb(picture: Any) -> Any:
    """Three bands of 8 bits, and alpha where there is one; by the picture's own profile, if that is any good."""
    if picture.get_typeof(PROFILE):
        try:
            picture = picture.icc_transform("srgb", embedded=True, depth=8)
        except pyvips.Error:
            picture = picture.copy()
            picture.remove(PROFILE)
    if picture.interpretation != "srgb" or picture.format != "uchar":
        picture = picture.colourspace("srgb").cast("uchar")
    return picture[:4] if picture.bands > 4 else picture


def _bare(picture: Any) -> Any:
    """The same pixels, and no word that came with them."""
    bare = picture.copy()
    for name in bare.get_fields():
        bare.remove(name)  # what every picture has (width, bands …) stays
    return bare


def _make(plan: Plan, picture: Any) -> tuple[str, list[dict[str, Any]]]:
    """Saves what is wanted, each made from the next larger one; returns the blurhash and what was saved."""
    saved: list[Future[dict[str, Any]]] = []
    with ThreadPoolExecutor(SAVED_AT_ONCE) as savers:
        for name, size in plan.sizes.items():
            if name and name == ORIGINAL and plan.animated:
                saved.append(savers.submit(_save, plan.job, name, picture, size))
                picture = _bare(picture.crop(0, 0, *size))
            elif name:
                picture = _resized(picture, size).copy_memory()
                saved.append(savers.submit(_save, plan.job, name, picture, size))
        hashed = _blurhash(picture)
    return hashed, [one.result() for one in saved]


def _save(job: Job, name: str, picture: Any, size: Size) -> dict[str, Any]:
    data, extension = _encoded(job, picture, size)
    Path(job["folder"], f"{name}.{extension}").write_bytes(data)
    return {
        "name": name,
        "extension": extension,
        "width": size[0],
        "height": size[1],
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def _encoded(job: Job, picture: Any, size: Size) -> tuple[Any, str]:
    options: dict[str, Any] = {"Q": job["quality"], "keep": "none"}
    if picture.height > size[1]:  # frames below each other
        return picture.webpsave_buffer(page_height=size[1], effort=ANIMATED_EFFORT, **options), "webp"
    if job["save_as"] == "avif":
        return picture.heifsave_buffer(compression="av1", effort=AVIF_EFFORT, **options), "avif"
    effort = SMALL_EFFORT if size[0] * size[1] <= SMALL_PIXELS else WEBP_EFFORT
    return picture.webpsave_buffer(effort=effort, **options), "webp"


def _blurhash(picture: Any) -> str:
    """A few letters that stand for the picture while it loads."""
    small = _resized(picture, fit((picture.width, picture.height), BLUR_SIDE, BLUR_SIDE))
    if small.hasalpha():
        small = small.flatten(background=[255, 255, 255])
    data, line = bytes(small.write_to_memory()), small.width * 3
    rows = [[data[at : at + 3] for at in range(top, top + line, 3)] for top in range(0, len(data), line)]
    return str(blurhash.encode(rows, BLUR_COLUMNS, BLUR_ROWS))


if __name__ == "__main__":
    main(*(int(number) for number in sys.argv[1:4]))

"""The parts of a paper mask that make its face: outline, eyes, brows, nose, mouth, hair on the chin, painted pattern.

Every part is a list of (role, path) sheets. The origin is the middle of the mask, y grows downwards, and paths use
absolute M, L, Q, C and Z only, so that `portraits.py` can shift their points a little, the way a knife does. A role is the
paper a sheet is cut from: face, second, third, ground, or hole (what one sees through the mask).
"""

# A table of drawings reads best with one drawing a line.
# ruff: noqa: E501

import re
from typing import NamedTuple

Sheet = tuple[str, str]
Part = tuple[Sheet, ...]

_COMMAND = re.compile(r"([LQC])([^LQC]*)")


def _text(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")


def fold(half: str) -> str:
    """A closed path from its right half, top of the fold to bottom ("x y L… Q… C…"): paper is folded before it is cut."""
    start, rest = re.split(r"(?=[LQC])", half, maxsplit=1)
    x, y = (float(n) for n in start.split())
    points = [(x, y)]
    segments: list[tuple[str, list[tuple[float, float]]]] = []
    for command, numbers in _COMMAND.findall(rest):
        values = [float(n) for n in numbers.split()]
        pairs = list(zip(values[::2], values[1::2], strict=True))
        segments.append((command, pairs))
        points.append(pairs[-1])
    mirrored = []
    for index in range(len(segments) - 1, -1, -1):
        command, pairs = segments[index]
        back = [*reversed(pairs[:-1]), points[index]]
        mirrored.append(command + " ".join(f"{_text(-px)} {_text(py)}" for px, py in back))
    return f"M{half}{''.join(mirrored)}Z"


def pair(path: str) -> str:
    """The same shape twice, on the right as drawn and on the left mirrored."""
    numbers = iter(range(10_000))
    mirrored = re.sub(r"-?\d+(?:\.\d+)?", lambda m: _text(-float(m[0])) if next(numbers) % 2 == 0 else m[0], path)
    return path + mirrored


def disc(x: float, y: float, r: float) -> str:
    """A closed path for a circle; the small ones a little square, as a knife leaves them."""
    t = _text
    if r <= 12:
        c = r * 0.94
        return (
            f"M{t(x)} {t(y - r)}Q{t(x + c)} {t(y - c)} {t(x + r)} {t(y)}Q{t(x + c)} {t(y + c)} {t(x)} {t(y + r)}"
            f"Q{t(x - c)} {t(y + c)} {t(x - r)} {t(y)}Q{t(x - c)} {t(y - c)} {t(x)} {t(y - r)}Z"
        )
    k = r * 0.552
    return (
        f"M{t(x)} {t(y - r)}C{t(x + k)} {t(y - r)} {t(x + r)} {t(y - k)} {t(x + r)} {t(y)}"
        f"C{t(x + r)} {t(y + k)} {t(x + k)} {t(y + r)} {t(x)} {t(y + r)}"
        f"C{t(x - k)} {t(y + r)} {t(x - r)} {t(y + k)} {t(x - r)} {t(y)}"
        f"C{t(x - r)} {t(y - k)} {t(x - k)} {t(y - r)} {t(x)} {t(y - r)}Z"
    )


def dots(*places: tuple[float, float], r: float = 4) -> str:
    """Small four-cornered snips, the way a paper-cutter makes dots."""
    t = _text
    return "".join(f"M{t(x)} {t(y - r)}L{t(x + r)} {t(y)}L{t(x)} {t(y + r)}L{t(x - r)} {t(y)}Z" for x, y in places)


class Face(NamedTuple):
    """An outline and where its features go. `eared` outlines leave room for a small ornament only."""

    path: str
    eye: tuple[float, float] = (27, -8)
    mouth: float = 40
    top: tuple[float, float] = (-54, 1.0)
    chin: float = 70
    mouth_scale: float = 1.0
    eye_scale: float = 1.0
    eared: bool = False


# fmt: off
FACES: dict[str, Face] = {
    "oval": Face(fold("0 -66C38 -66 56 -36 56 -2C56 38 28 72 0 72")),
    "round": Face(fold("0 -62C38 -62 64 -34 64 2C64 40 36 68 0 68"), top=(-50, 1.08)),
    "long": Face(fold("0 -74C32 -74 46 -52 46 -10C46 42 22 86 0 86"), eye=(22, -12), mouth=46, top=(-62, 0.86), chin=82,
                 mouth_scale=0.85, eye_scale=0.88),
    "shield": Face(fold("0 -58Q30 -64 58 -56C62 0 44 54 0 82"), eye=(28, -12), mouth=38, chin=76, mouth_scale=0.9),
    "heart": Face(fold("0 -58C14 -70 58 -70 62 -26C62 20 26 50 0 80"), eye=(29, -14), mouth=34, top=(-62, 1.05), chin=74,
                  mouth_scale=0.85),
    "block": Face(fold("0 -58L52 -58Q60 -58 60 -50L60 52Q60 62 50 62L0 62"), eye=(28, -14), mouth=34, chin=60,
                  top=(-52, 1.1)),
    "fox": Face(fold("0 -40L24 -48L64 -92L62 -14Q50 26 0 76"), eye=(28, -12), mouth=46, top=(-38, 0.6), chin=72,
                mouth_scale=0.5, eared=True),
    "cat": Face(fold("0 -48L22 -52L54 -92L62 -22C68 34 40 64 0 64"), eye=(29, -8), mouth=38, top=(-44, 0.6), chin=62,
                mouth_scale=0.8, eared=True),
    "egg": Face(fold("0 -70C26 -70 46 -42 54 0C64 42 40 72 0 72"), top=(-56, 0.86)),
    "drop": Face(fold("0 -100C6 -66 58 -46 58 8C58 46 32 72 0 72"), eye=(25, -2), mouth=42, top=(-66, 0.5), eared=True),
    "gem": Face(fold("0 -70L48 -44L60 14L34 66L0 78"), eye=(26, -10), mouth=38, chin=74, top=(-58, 0.95),
                mouth_scale=0.9),
    "owl": Face(fold("0 -46Q34 -44 62 -80Q74 -14 60 28Q40 70 0 76"), eye=(29, -10), mouth=50, top=(-44, 0.6),
                mouth_scale=0.6, eye_scale=1.25, eared=True),
    "jaw": Face(fold("0 -64L38 -62Q52 -56 52 -20L64 30Q54 72 0 74"), mouth=42, top=(-54, 0.95), mouth_scale=1.15),
    "leaf": Face(fold("0 -92Q66 -52 58 6Q52 52 0 92"), eye=(24, -8), mouth=38, top=(-66, 0.5), chin=84, mouth_scale=0.85,
                 eared=True),
    "ghost": Face(fold("0 -74C44 -74 60 -42 60 0L68 84Q52 62 40 82Q28 100 14 82Q6 72 0 74"), eye=(25, -16), mouth=30,
                  top=(-60, 0.98), chin=90),
    "dragon": Face(fold("0 -52L16 -58L34 -98L44 -56L76 -66L62 -28L78 -8L58 4L60 24L42 30Q46 66 28 78Q12 86 0 82"),
                   eye=(26, -14), mouth=58, top=(-50, 0.4), chin=80, mouth_scale=0.8, eared=True),
    "bear": Face(fold("0 -54Q14 -58 26 -54C24 -90 80 -82 58 -36C72 -4 66 64 0 66"), eye=(25, -8), mouth=42,
                 top=(-50, 0.55), chin=64, mouth_scale=0.8, eared=True),
    "hare": Face(fold("0 -34Q6 -40 10 -42C0 -96 14 -120 26 -114C42 -104 40 -66 36 -38C56 -20 60 12 52 36Q38 70 0 70"),
                 eye=(26, -2), mouth=44, top=(-34, 0.4), mouth_scale=0.7, eared=True),
    "frog": Face(fold("0 -36Q10 -38 14 -46C20 -78 62 -76 60 -40Q76 -8 68 24C58 58 28 64 0 64"), eye=(37, -46), mouth=18,
                 top=(-36, 0.4), chin=62, mouth_scale=1.55, eye_scale=0.9, eared=True),
    "ram": Face(fold("0 -62Q30 -64 38 -42L84 -44Q76 -14 46 -14L36 50Q24 82 0 82"), eye=(22, -16), mouth=54,
                top=(-54, 0.75), chin=80, mouth_scale=0.7, eye_scale=0.85),
    "skull": Face(fold("0 -68C46 -68 64 -40 62 -4Q60 18 44 28L42 60Q22 70 0 70"), eye=(26, -8), mouth=48,
                  top=(-54, 1.05), mouth_scale=0.85),
    "kite": Face(fold("0 -76L60 -16L0 92"), eye=(20, -14), mouth=34, top=(-58, 0.6), chin=82, mouth_scale=0.65,
                 eye_scale=0.8),
    "pear": Face(fold("0 -68C26 -68 38 -50 40 -24C44 0 68 10 66 40C62 68 32 74 0 74"), eye=(20, -20), mouth=40,
                 top=(-56, 0.78), mouth_scale=1.15, eye_scale=0.85),
    "bell": Face(fold("0 -66C34 -66 50 -40 50 -8Q50 40 70 66Q36 76 0 76"), eye=(25, -14), mouth=36, top=(-54, 0.92)),
    "tusk": Face(fold("0 -60Q40 -64 56 -34Q62 0 50 26L70 18Q70 52 44 58Q26 76 0 76"), mouth=44, top=(-50, 0.98)),
}

_ALMOND = "M-16 2Q-4 -14 17 -4Q6 12 -16 2Z"
_RING = disc(0, 0, 16)

# The right eye; +x points away from the nose. A second part, where there is one, is the left eye.
EYES: dict[str, tuple[Part, ...]] = {
    "almond": ((("hole", _ALMOND),),),
    "keen": ((("hole", _ALMOND), ("third", disc(1, -2, 5))),),
    "round": ((("hole", disc(0, 0, 12)),),),
    "wide": ((("hole", disc(0, 0, 15)), ("face", disc(0, 2, 6))),),
    "laugh": ((("hole", "M-17 8Q0 -22 17 8Q0 -8 -17 8Z"),),),
    "sad": ((("hole", "M-16 -6Q6 -14 18 10Q-2 14 -16 -6Z"),),),
    "slit": ((("hole", "M-18 0Q0 -8 18 -2Q0 6 -18 0Z"),),),
    "stern": ((("hole", "M-16 -2L18 -12Q18 10 0 8Q-12 6 -16 -2Z"),),),
    "half": ((("hole", "M-17 -2L17 -2Q14 14 0 14Q-14 14 -17 -2Z"), ("face", "M-5 -3L6 -3Q5 6 0 6Q-5 6 -5 -3Z")),),
    "lashes": ((("hole", "M-18 -4Q0 18 18 -4L24 -8L22 2L26 6L17 6L16 14L9 10L4 18L-1 11Q-12 8 -18 -4Z"),),),
    "wink": (
        (("hole", "M-17 6Q0 -14 18 4Q0 -4 -17 6Z"),),
        (("hole", _ALMOND), ("third", disc(1, -2, 5))),
    ),
    "cross": ((("hole", "M-12 -8L-8 -12L0 -4L8 -12L12 -8L4 0L12 8L8 12L0 4L-8 12L-12 8L-4 0Z"),),),
    "diamond": ((("hole", "M0 -18L12 0L0 18L-12 0Z"),),),
    "square": ((("hole", "M-13 -13L13 -13L13 13L-13 13Z"), ("third", "M-5 -5L6 -5L6 6L-5 6Z")),),
    "star": ((("hole", "M0 -18L5 -6L18 -5L8 4L11 16L0 9L-11 16L-8 4L-18 -5L-5 -6Z"),),),
    "cat": ((("second", "M-18 4Q-2 -18 20 -8Q10 16 -18 4Z"), ("hole", "M1 -12Q7 -2 1 9Q-5 -2 1 -12Z")),),
    "glasses": ((
        ("hole", disc(0, 0, 20) + "M-27 -3L-18 -3L-18 3L-27 3Z"), ("third", disc(0, 0, 15)), ("hole", disc(0, 1, 6)),
    ),),
    "specs": ((
        ("third", "M-20 -10L22 -14L20 10Q2 18 -16 10Z" + "M-27 -8L-19 -8L-19 -2L-27 -2Z"),
        ("hole", "M-14 -5L16 -8L14 6Q2 12 -11 6Z"),
    ),),
    "goggles": ((
        ("second", disc(0, 0, 22) + "M-28 -5L-20 -5L-20 5L-28 5ZM20 -5L34 -9L34 7L20 5Z"),
        ("hole", disc(0, 0, 15)), ("third", "M-8 -2Q-6 -10 2 -10Q-4 -6 -8 -2Z"),
    ),),
    "monocle": (
        (("third", disc(0, 0, 21) + "M14 14L18 13L22 58L18 58Z"), ("face", disc(0, 0, 16)), ("hole", disc(0, 0, 8))),
        (("hole", "M-16 2Q0 -12 16 2Q0 8 -16 2Z"),),
    ),
    "patch": (
        (("second", "M-18 -12Q0 -20 20 -12Q22 14 0 20Q-18 14 -18 -12ZM10 -14L42 -30L44 -24L16 -8ZM-16 -8L-40 -20L-38 -25L-10 -14Z"),),
        (("hole", disc(0, 0, 11)),),
    ),
    "bead": ((("hole", disc(0, 0, 7)),),),
    "moon": ((("hole", "M8 -16C-22 -14 -22 16 8 16C-8 8 -8 -8 8 -16Z"),),),
    "drop": ((("hole", "M0 -18Q14 2 10 10Q0 20 -10 10Q-14 2 0 -18Z"),),),
    "sleep": ((("hole", "M-18 -4Q0 16 18 -4Q2 6 -18 -4Z"),),),
    "owl": ((("second", disc(0, 0, 23)), ("hole", disc(0, 0, 14)), ("third", disc(0, 0, 6))),),
    "painted": ((
        ("second", "M-20 4Q-4 -26 26 -18Q20 2 26 16Q0 22 -20 4Z"), ("hole", _ALMOND),
    ),),
    "sparkle": ((("hole", "M0 -20Q3 -3 18 0Q3 3 0 20Q-3 3 -18 0Q-3 -3 0 -20Z"),),),
    "heart": ((("hole", "M0 14C-26 -4 -12 -20 0 -8C12 -20 26 -4 0 14Z"),),),
    "kohl": ((("hole", "M-16 2Q-2 -16 18 -4L34 -10Q28 2 16 4Q4 14 -16 2Z"), ("face", disc(1, -2, 5))),),
    "lamp": ((("third", _RING), ("hole", disc(0, 0, 9)), ("third", disc(-2, -2, 3))),),
    "brook": ((("hole", "M-16 0Q0 -16 16 0Q0 -6 -16 0Z"), ("hole", "M-14 8Q0 -3 14 8Q0 2 -14 8Z")),),
}

BROWS: dict[str, tuple[Part, ...]] = {
    "none": ((),),
    "arch": ((("hole", "M-16 -16Q2 -34 22 -18Q2 -26 -16 -16Z"),),),
    "angry": ((("hole", "M-20 -12L22 -28L20 -20L-18 -6Z"),),),
    "worried": ((("hole", "M-16 -28Q4 -26 22 -14Q2 -20 -17 -22Z"),),),
    "raised": ((("hole", "M-16 -24Q2 -42 22 -26Q2 -34 -16 -24Z"),), (("hole", "M-18 -16L20 -20L20 -14L-17 -11Z"),)),
    "heavy": ((("second", "M-22 -12Q-4 -34 28 -22Q26 -10 8 -16Q-10 -16 -22 -12Z"),),),
    "tuft": ((("second", "M-20 -14L4 -26L34 -40L22 -22L30 -18L8 -14Z"),),),
    "dots": ((("hole", dots((0, -26), r=6)),),),
    "feather": ((("third", "M-14 -16Q8 -40 40 -36Q32 -30 34 -24Q26 -24 26 -18Q6 -22 -14 -16Z"),),),
    "flat": ((("hole", "M-18 -20L20 -20L20 -15L-18 -15Z"),),),
    "curl": ((("hole", "M-18 -15Q4 -36 26 -22Q32 -14 24 -12Q26 -18 18 -19Q2 -24 -18 -15Z"),),),
}

NOSES: dict[str, Part] = {
    "none": (),
    "wedge": (("hole", "M2 -6L12 22L-6 20L2 18Z"),),
    "line": (("hole", "M-3 -10L1 -10Q0 12 10 22L-8 22L-8 18Q2 18 -3 -10Z"),),
    "button": (("second", disc(0, 14, 9)),),
    "clown": (("third", disc(0, 14, 14)),),
    "shield": (("second", fold("0 -40Q6 -10 13 18Q6 24 0 24")),),
    "ridge": (("second", fold("0 -30L5 -26Q4 6 16 16Q8 26 0 22")), ("hole", pair("M4 18Q9 14 13 17Q9 21 4 20Z"))),
    "beak": (("third", fold("0 -12Q18 -2 17 14Q8 44 0 56")), ("hole", pair("M5 6L11 8L6 11Z"))),
    "snout": (("second", fold("0 12Q26 10 28 28Q26 44 0 44")), ("hole", pair("M8 22Q18 18 18 30Q12 34 8 22Z"))),
    "muzzle": (("second", fold("0 4Q12 2 14 10Q38 20 34 46Q24 64 0 62")), ("hole", fold("0 8Q14 6 15 14Q8 24 0 24"))),
    "tip": (("hole", fold("0 12Q12 8 13 14Q8 24 0 24")),),
    "nostril": (("hole", pair("M4 16Q12 12 14 20Q8 22 4 16Z")),),
    "drop": (("second", fold("0 -22Q6 4 14 14Q12 26 0 26")),),
    "arrow": (("hole", fold("0 -4L4 -2L4 16L12 14L0 26")),),
    "long": (("third", "M-7 -20L7 -20Q14 10 18 42Q0 54 -16 42Q-12 10 -7 -20Z"), ("hole", pair("M5 38Q10 34 12 39Z"))),
    "tee": (("second", fold("0 -34L36 -34L36 -27L8 -25L11 20L0 24")),),
}

_BIG = "M-34 -12Q0 2 34 -12Q30 22 0 24Q-30 22 -34 -12Z"
_DOWN = "M-30 18Q-26 -12 0 -14Q26 -12 30 18Q0 2 -30 18Z"
_GRIN = "M-36 -10Q0 6 36 -10Q30 16 0 18Q-30 16 -36 -10Z"

MOUTHS: dict[str, Part] = {
    "comedy": (("hole", _BIG),),
    "tongue": (("hole", _BIG), ("third", "M-14 14Q0 2 14 14Q8 24 0 24Q-8 24 -14 14Z")),
    "tragedy": (("hole", _DOWN),),
    "smile": (("hole", "M-30 -6Q0 22 30 -6Q0 6 -30 -6Z"),),
    "frown": (("hole", "M-26 10Q0 -14 26 10Q0 0 -26 10Z"),),
    "flat": (("hole", "M-24 -3Q0 -6 24 -3L23 4Q0 2 -22 4Z"),),
    "grin": (("hole", _GRIN), ("third", "M-28 -5Q0 7 28 -5L25 3Q0 12 -25 3Z")),
    "teeth": (("hole", _GRIN), ("face", "M-24 -5L-14 -2L-18 8ZM-8 -1L0 0L-4 10ZM8 -1L18 -3L13 8Z")),
    "fangs": (("hole", "M-30 -6Q0 4 30 -6Q0 14 -30 -6Z"), ("third", pair("M13 -1L21 -3L18 14Z"))),
    "oh": (("hole", "M0 -14Q14 -12 13 4Q12 18 0 18Q-12 18 -13 4Q-14 -12 0 -14Z"),),
    "smirk": (("hole", "M-22 4Q10 12 30 -14Q20 18 -22 10Z"),),
    "cat": (("hole", "M-26 -2Q-14 16 0 0Q14 16 26 -2Q16 24 0 9Q-16 24 -26 -2Z"),),
    "grille": (("hole", "M-32 -10L-24 -10L-24 12L-32 12ZM-18 -10L-10 -10L-10 12L-18 12ZM-4 -10L4 -10L4 12L-4 12ZM10 -10L18 -10L18 12L10 12ZM24 -10L32 -10L32 12L24 12Z"),),
    "lips": (("third", "M-26 0Q-10 -14 0 -7Q10 -14 26 0Q10 18 0 18Q-10 18 -26 0Z"), ("hole", "M-24 0Q0 6 24 0Q0 10 -24 0Z")),
    "bow": (("third", "M-16 0Q-8 -10 0 -5Q8 -10 16 0Q8 13 0 13Q-8 13 -16 0Z"),),
    "jagged": (("hole", "M-34 -8L-20 0L-10 -8L0 2L10 -8L20 0L34 -8L26 12L12 6L0 14L-12 6L-26 12Z"),),
    "tooth": (("hole", "M-32 -8Q0 2 32 -8Q24 18 0 18Q-24 18 -32 -8Z"), ("third", "M-2 -4L10 -5L9 8L-1 8Z")),
    "stitch": (("hole", "M-30 -2L30 -2L30 3L-30 3ZM-21 -9L-17 -9L-17 10L-21 10ZM-2 -9L2 -9L2 10L-2 10ZM17 -9L21 -9L21 10L17 10Z"),),
    "wave": (("hole", "M-30 2Q-20 -12 -10 0Q0 10 10 0Q20 -12 30 2Q20 -2 12 8Q0 18 -12 8Q-20 -2 -30 2Z"),),
    "whistle": (("hole", disc(8, 2, 7)),),
    "wry": (("hole", "M-28 8Q-4 4 26 -8L30 0Q4 14 -26 14Z"),),
    "maw": (("hole", "M-40 -14Q0 0 40 -14Q40 16 0 20Q-40 16 -40 -14Z"),
            ("face", "M-30 -9L-20 -6L-25 4ZM-12 -5L-4 -4L-8 5ZM4 -4L12 -5L8 5ZM20 -6L30 -9L25 4ZM-22 13L-14 16L-18 6ZM14 16L22 13L18 6Z")),
    "broad": (("hole", "M-38 -10Q-20 8 0 8Q20 8 38 -10Q28 18 0 18Q-28 18 -38 -10Z"),),
    "none": (),
}

# Hair of the lower face, placed like the mouth and drawn below it.
BEARDS: dict[str, Part] = {
    "none": (),
    "moustache": (("second", fold("0 -16Q20 -24 34 -8Q44 -6 50 -18Q52 8 26 4Q10 2 0 -6")),),
    "walrus": (("second", fold("0 -22Q22 -22 34 2L40 22Q22 18 14 2L0 -4")),),
    "goatee": (("second", fold("0 20Q14 16 16 26Q10 44 0 58")),),
    "full": (("second", fold("0 -20Q24 -26 36 -8Q46 -22 58 -36Q64 10 40 40Q20 60 0 60")),),
    "pointed": (("second", fold("0 -18Q22 -24 34 -4L54 -34Q54 20 0 80")),),
    "forked": (("second", fold("0 -18Q22 -24 34 -4L56 -34Q58 20 26 76Q20 40 0 40")),),
    "curly": (("second", fold("0 -18Q22 -24 34 -6L54 -40Q70 -26 60 -10Q72 6 58 18Q62 38 44 40Q42 58 24 54Q14 68 0 60")),),
    "sides": (("second", pair("M60 -50Q72 -10 52 26L36 10Q50 -10 52 -44Z")),),
    "whiskers": (("third", pair("M22 -8L70 -22L71 -18L24 -4ZM22 0L74 2L74 6L22 4Z")),),
    "stubble": (("hole", dots((-30, 12), (-20, 24), (0, 28), (20, 24), (30, 12), (-10, 20), (10, 20), r=2.5)),),
}

_FAR = 140
_STRIPES = "".join(f"M-140 {y}Q0 {y + 22} 140 {y}L140 {y + 11}Q0 {y + 33} -140 {y + 11}Z" for y in (-84, -58, 30, 56))

# Painted on the face and cut off at its edge.
PATTERNS: dict[str, Part] = {
    "none": (),
    "split": (("second", f"M0 -{_FAR}L{_FAR} -{_FAR}L{_FAR} {_FAR}L0 {_FAR}Z"),),
    "slant": (("second", f"M40 -{_FAR}L{_FAR} -{_FAR}L{_FAR} {_FAR}L-50 {_FAR}L4 8Z"),),
    "wave": (("second", f"M0 -{_FAR}Q34 -70 6 -30Q-26 20 6 60Q20 90 0 {_FAR}L{_FAR} {_FAR}L{_FAR} -{_FAR}Z"),),
    "brow": (("second", f"M-{_FAR} -{_FAR}L{_FAR} -{_FAR}L{_FAR} -30Q0 -44 -{_FAR} -30Z"),),
    "widow": (("second", f"M-{_FAR} -{_FAR}L{_FAR} -{_FAR}L{_FAR} -20Q44 -40 0 -24Q-44 -40 -{_FAR} -20Z"),),
    "chin": (("second", f"M-{_FAR} {_FAR}L{_FAR} {_FAR}L{_FAR} 20Q0 34 -{_FAR} 20Z"),),
    "domino": (("second", f"M-{_FAR} -34Q-30 -40 0 -24Q30 -40 {_FAR} -34L{_FAR} 14Q30 24 0 4Q-30 24 -{_FAR} 14Z"),),
    "band": (("second", f"M-{_FAR} -26L{_FAR} -26L{_FAR} 10L-{_FAR} 10Z"),),
    "eclipse": (("second", disc(44, -14, 66)),),
    "stripes": (("second", _STRIPES),),
    "cheeks": (("third", disc(-40, 24, 13) + disc(40, 24, 13)),),
    "harlequin": (("second", "M28 -60L52 -10L28 44L4 -10Z"),),
    "strokes": (("third", pair("M22 14L70 4L70 12L24 20ZM22 26L70 18L70 26L24 32Z")),),
    "tiger": (("second", pair("M70 -40L34 -30L70 -26ZM74 -10L44 -2L74 6ZM74 24L36 28L74 40ZM4 -80L14 -40L22 -80Z")),),
    "blaze": (("second", fold("0 -140L34 -140Q20 -40 8 -6Q14 40 34 140L0 140")),),
    "tears": (("third", pair("M27 8Q36 26 33 32Q27 38 21 32Q18 26 27 8Z")),),
    "trail": (("second", pair("M22 0L32 0L30 140L24 140Z")),),
    "freckles": (("hole", dots((-42, 20), (-33, 26), (-40, 31), (42, 20), (33, 26), (40, 31), r=3)),),
    "third_eye": (("third", fold("0 -56Q14 -46 0 -36")), ("hole", disc(0, -46, 3))),
    "star": (("third", "M0 -58L4 -48L15 -47L6 -40L9 -30L0 -36L-9 -30L-6 -40L-15 -47L-4 -48Z"),),
    "sickle": (("third", "M6 -58C-18 -58 -18 -30 6 -30C-6 -36 -6 -52 6 -58Z"),),
    "scales": (("second", "M-12 -60L0 -48L12 -60L12 -52L0 -40L-12 -52ZM-30 -52L-18 -40L-6 -50L-6 -42L-18 -30L-30 -42ZM6 -50L18 -40L30 -52L30 -42L18 -30L6 -42Z"),),
    "rivets": (("hole", dots((-48, -46), (48, -46), (-48, 50), (48, 50), (0, -46), r=4)),),
    "lattice": (("hole", dots((0, -50), (-16, -44), (16, -44), (-32, -38), (32, -38), (-42, 26), (42, 26), (-34, 38), (34, 38), r=5)),),
    "sunrise": (("third", "M-26 -140L-14 -38L-40 -140ZM-8 -140L0 -40L8 -140ZM26 -140L14 -38L40 -140Z"),),
    "lines": (("hole", pair("M36 6Q46 16 40 30Q42 16 36 6ZM44 2Q56 16 48 34Q52 16 44 2Z") + fold("0 -46Q14 -46 20 -42Q10 -44 0 -43")),),
    "checks": (("second", "M-140 -140L-30 -140L-30 -44L0 -44L0 8L-140 8ZM0 8L140 8L140 140L30 140L30 60L0 60Z"),),
    "scar": (("third", "M30 -44L36 -42L28 28L22 26ZM20 -30L44 -26L43 -22L19 -26ZM16 10L38 14L37 18L15 14Z"),),
    "beauty": (("hole", dots((38, 26), r=5)),),
}

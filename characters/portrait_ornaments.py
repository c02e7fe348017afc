"""What a paper mask wears and what it hangs before: hats and crests, fans behind it, collars, and cuts in the ground.

Same language as `portrait_faces.py`. Tops stand on the hairline at (0, 0), collars hang from the chin at (0, 0), backs
and grounds are centred on the mask. The first sheet of a top is its outline and throws the shadow.
"""

# A table of drawings reads best with one drawing a line.
# ruff: noqa: E501

from math import cos, pi, sin

from characters.portrait_faces import Part, disc, dots, fold, pair


def _burst(count: int, inner: float, outer: float, phase: float = 0.0) -> str:
    """A star-shaped sheet with `count` points."""
    points = []
    for index in range(count * 2):
        radius = outer if index % 2 == 0 else inner
        angle = pi * (index / count + phase)
        points.append(f"{radius * sin(angle):.0f} {-radius * cos(angle):.0f}")
    return "M" + "L".join(points) + "Z"


def _scallop(count: int, inner: float, outer: float) -> str:
    """A sheet with `count` round petals."""
    step = 2 * pi / count
    path = f"M0 {-inner:.0f}"
    for index in range(count):
        mid, end = (index + 0.5) * step, (index + 1) * step
        path += f"Q{outer * sin(mid):.0f} {-outer * cos(mid):.0f} {inner * sin(end):.0f} {-inner * cos(end):.0f}"
    return path + "Z"


_BRIM = fold("0 -8Q40 -8 66 4L64 14Q30 0 0 2")
_FLOWER = (
    "M0 -16Q10 -24 14 -12Q26 -12 20 0Q28 10 16 14Q12 26 0 18Q-12 26 -16 14Q-28 10 -20 0Q-26 -12 -14 -12Q-10 -24 0 -16Z"
)


def _moved(path: str, dx: float, dy: float) -> str:
    out, index, number = [], 0, ""
    for char in path + " ":
        if char in "-.0123456789":
            number += char
            continue
        if number:
            out.append(f"{float(number) + (dx, dy)[index % 2]:g}")
            index, number = index + 1, ""
        out.append(char)
    return "".join(out).strip()


# fmt: off
TOPS: dict[str, Part] = {
    "none": (),
    "crown": (("second", "M-44 6L-54 -40L-26 -18L0 -52L26 -18L54 -40L44 6Q0 -6 -44 6Z"),
              ("third", disc(0, -52, 6) + disc(-54, -42, 5) + disc(54, -42, 5))),
    "rook": (("second", "M-46 6L-50 -44L-30 -44L-30 -30L-10 -30L-10 -44L10 -44L10 -30L30 -30L30 -44L50 -44L46 6Q0 -6 -46 6Z"),),
    "queen": (("second", "M-36 6L-58 -34L-34 -20L-24 -50L-8 -22L0 -56L8 -22L24 -50L34 -20L58 -34L36 6Q0 -4 -36 6Z"),
              ("third", disc(0, -54, 5) + disc(-24, -50, 4) + disc(24, -50, 4))),
    "horns": (("second", pair("M12 6Q40 -6 42 -54Q66 -10 40 18Z")),),
    "bull": (("second", pair("M16 -2Q60 4 66 -44Q88 16 30 22Z")),),
    "curled": (("second", pair("M10 0C40 -36 92 -22 86 20C82 42 54 42 54 22C62 30 70 20 64 10C56 -8 36 0 22 16Z")),),
    "antlers": (("second", pair("M10 4L22 -24L8 -44L15 -48L27 -34L34 -60L42 -57L37 -28L56 -44L61 -37L37 -12L26 10Z")),),
    "tophat": (("second", "M-40 2L-44 -58Q0 -66 44 -58L40 2Z"), ("third", "M-41 -16L41 -16L40 2L-40 2Z"), ("second", _BRIM)),
    "bowler": (("second", fold("0 -46C30 -46 42 -26 42 4L0 4")), ("third", "M-42 -8L42 -8L42 4L-42 4Z"), ("second", _BRIM)),
    "jester": (("second", "M-46 8Q-50 -20 -84 2Q-72 -50 -30 -42Q-10 -42 0 -64Q10 -42 30 -42Q72 -50 84 2Q50 -20 46 8Q0 -8 -46 8Z"),
               ("third", "M0 -64Q10 -42 30 -42Q72 -50 84 2Q50 -20 46 8Q24 0 0 0Z"),
               ("face", disc(-82, 4, 7) + disc(82, 4, 7) + disc(0, -62, 7))),
    "beret": (("second", "M-50 8C-88 -20 -40 -52 6 -44L10 -56L17 -54L14 -43C62 -42 78 -10 46 8Q0 -6 -50 8Z"),),
    "toque": (("second", "M-36 8L-38 -20C-66 -22 -62 -58 -34 -54C-26 -70 26 -70 34 -54C62 -58 66 -22 38 -20L36 8Q0 0 -36 8Z"),
              ("third", "M-38 -16Q0 -22 38 -16L36 8Q0 0 -36 8Z")),
    "captain": (("second", "M-60 -12C-68 -46 68 -46 60 -12L50 8Q0 -4 -50 8Z"), ("third", "M-50 4Q0 -10 50 4Q42 22 0 22Q-42 22 -50 4Z"),
                ("face", disc(0, -18, 9))),
    "fez": (("second", "M-36 8L-27 -46Q0 -52 27 -46L36 8Q0 -4 -36 8Z"), ("third", "M-2 -50L4 -50L34 -36L36 -10L30 -10L28 -32Z")),
    "turban": (("second", "M-56 12C-76 -56 76 -56 56 12Q0 -12 -56 12Z"),
               ("face", "M-54 -8Q-10 -34 38 -38Q-6 -22 -50 2ZM54 -8Q34 -20 14 -24L8 -20Q34 -10 50 2Z"), ("third", "M0 -22L9 -10L0 2L-9 -10Z")),
    "fur": (("second", "M-54 16L-66 10L-58 2L-70 -8L-58 -14L-66 -28L-50 -28L-52 -44L-36 -38L-28 -54L-16 -42L0 -58L14 -42L28 -54L36 -38L52 -44L50 -28L66 -28L58 -14L70 -8L58 2L66 10L54 16Q0 -8 -54 16Z"), ("third", disc(0, -22, 9))),
    "scarf": (("second", "M-64 34C-66 -48 66 -48 64 34Q44 -12 0 -12Q-44 -12 -64 34Z"),
              ("third", dots((0, -22), (-24, -18), (24, -18), (-44, 0), (44, 0), r=5))),
    "wizard": (("second", "M-40 4Q-20 -40 2 -70Q12 -54 34 -58Q20 -44 40 4Z"), ("third", "M-2 -38L2 -30L10 -29L4 -23L6 -15L-2 -20L-10 -15L-8 -23L-14 -29L-6 -30Z"),
               ("second", _BRIM)),
    "laurel": (("second", pair("M4 0Q10 -22 26 -24Q24 -6 4 0ZM22 -2Q34 -22 52 -18Q46 0 22 -2ZM36 8Q52 -6 68 2Q56 18 36 8ZM46 24Q64 16 76 28Q60 38 46 24Z")),),
    "feather": (("second", "M14 8Q22 -46 68 -62Q78 -16 30 10Z"), ("hole", "M18 8Q34 -26 62 -52Q40 -22 24 10Z")),
    "plumes": (("second", "M-8 4Q-40 -20 -50 -60Q-10 -50 0 -20Q10 -50 50 -60Q40 -20 8 4Z"), ("third", "M-6 4Q-22 -30 0 -66Q22 -30 6 4Z")),
    "antenna": (("second", "M-2.5 6L-2.5 -40L2.5 -40L2.5 6ZM-14 8L-10 -4L10 -4L14 8Z"), ("third", disc(0, -46, 10))),
    "feelers": (("second", pair("M8 6Q10 -30 34 -48L39 -44Q18 -26 15 6Z")), ("third", disc(38, -48, 8) + disc(-38, -48, 8))),
    "flower": (("third", _moved(_FLOWER, 34, -8)), ("second", disc(34, -7, 8))),
    "garland": (("third", _moved(_FLOWER, 0, -14)), ("second", _moved(_FLOWER, 38, -2)), ("second", _moved(_FLOWER, -38, -2)),
                ("face", dots((0, -13), (38, -1), (-38, -1), r=8))),
    "candle": (("second", "M-12 8L-12 -26L12 -26L12 8ZM-22 10Q0 2 22 10L20 2L-20 2Z"), ("third", "M0 -66Q16 -44 8 -32Q0 -26 -8 -32Q-16 -44 0 -66Z")),
    "moon": (("third", "M-36 -42C-36 10 36 10 36 -42C26 -14 -26 -14 -36 -42Z"),),
    "star": (("third", "M0 -66L9 -42L34 -40L14 -24L22 0L0 -14L-22 0L-14 -24L-34 -40L-9 -42Z"),),
    "planet": (("second", disc(0, -32, 24)), ("third", "M-50 -16Q-46 -26 -24 -32Q-40 -22 -34 -20Q0 -22 24 -42Q38 -50 50 -50Q60 -40 14 -20Q-48 2 -50 -16Z")),
    "book": (("second", "M0 2L-60 -8L-60 -42Q-26 -44 0 -30Q26 -44 60 -42L60 -8Z"), ("face", "M-2 -6L-52 -15L-52 -36Q-24 -36 -2 -24ZM2 -6L52 -15L52 -36Q24 -36 2 -24Z"),
             ("hole", "M-46 -28Q-26 -28 -10 -20L-10 -17Q-26 -25 -46 -25ZM46 -28Q26 -28 10 -20L10 -17Q26 -25 46 -25Z")),
    "teacup": (("second", "M-32 -44L32 -44Q34 -8 14 0L-14 0Q-34 -8 -32 -44ZM30 -38Q54 -42 50 -22Q44 -8 24 -12L26 -18Q40 -16 42 -26Q42 -34 29 -31Z"),
               ("third", "M-46 2L46 2Q30 12 0 12Q-30 12 -46 2Z"), ("third", "M-6 -50Q-14 -58 -6 -68Q-4 -60 0 -50ZM8 -50Q2 -58 10 -66Q12 -58 14 -50Z")),
    "ship": (("second", "M-50 -14L50 -14Q40 10 22 10L-22 10Q-40 10 -50 -14Z"), ("third", "M-3 -18L-3 -68L40 -20ZM-8 -20L-8 -56L-36 -20Z")),
    "bird": (("second", "M-50 -30L-20 -22Q-4 -58 22 -48Q32 -46 34 -38L48 -34L34 -30Q34 0 4 4Q-24 4 -28 -12Z"), ("hole", disc(22, -38, 4)), ("third", "M-14 -18Q6 -30 14 -12Q2 -2 -14 -18Z")),
    "key": (("third", "M-5 8L-5 -24L5 -24L5 8ZM5 -2L16 -2L16 4L5 4ZM5 -14L14 -14L14 -8L5 -8Z" + disc(0, -38, 18)), ("hole", disc(0, -38, 9))),
    "fish": (("second", "M-52 -36L-28 -22Q0 -48 46 -16Q0 14 -28 -8L-52 6L-42 -15Z"), ("hole", disc(26, -18, 4)), ("third", "M4 -32L8 2L-4 -2L0 -30Z")),
    "umbrella": (("second", "M-60 -14Q-54 -62 0 -64Q54 -62 60 -14Q48 -24 38 -14Q28 -24 16 -14Q8 -24 0 -14Q-8 -24 -16 -14Q-28 -24 -38 -14Q-48 -24 -60 -14Z"),
                 ("third", "M-3 -16L3 -16L3 8L-3 8Z")),
    "lantern": (("second", "M-20 6L-24 -40L24 -40L20 6ZM-10 -44L10 -44L6 -56L-6 -56Z"), ("third", "M-12 0L-15 -34L15 -34L12 0Z"), ("second", "M0 -30Q10 -16 4 -8Q0 -4 -4 -8Q-10 -16 0 -30Z")),
    "peak": (("second", "M-58 8L-26 -34L-16 -24L8 -66L58 8Q0 -6 -58 8Z"), ("third", "M8 -66L24 -42L14 -34L6 -42L-6 -40Z")),
    "sprout": (("second", "M-3 8L-3 -22Q-34 -22 -38 -52Q-4 -54 0 -28Q6 -62 40 -58Q36 -26 3 -24L3 8Z"),),
    "mushroom": (("second", "M-66 6C-58 -66 58 -66 66 6Q0 -14 -66 6Z"), ("third", disc(0, -32, 9) + disc(-32, -14, 7) + disc(32, -14, 7))),
    "bun": (("second", disc(0, -28, 24) + "M-50 22C-52 -24 52 -24 50 22Q34 -6 0 -6Q-34 -6 -50 22Z"), ("third", "M-44 -50L-40 -54L40 -6L36 -2Z")),
    "curls": (("second", "M-58 26C-80 16 -72 -10 -56 -10C-64 -36 -36 -44 -26 -32C-20 -52 20 -52 26 -32C36 -44 64 -36 56 -10C72 -10 80 16 58 26Q50 0 22 4Q0 -12 -22 4Q-50 0 -58 26Z"),),
    "bob": (("second", "M-66 94Q-84 -42 0 -36Q84 -42 66 94L46 84Q58 20 40 -6Q0 10 -40 -6Q-58 20 -46 84Z"),),
    "parting": (("second", "M-62 60C-76 -40 -30 -44 0 -32C40 -48 78 -30 62 60Q56 4 -8 -14Q-50 4 -62 60Z"),),
    "flame": (("third", "M-34 6Q-50 -24 -26 -44Q-24 -28 -14 -28Q-18 -50 4 -68Q2 -48 16 -38Q20 -44 18 -54Q46 -28 34 6Q0 -6 -34 6Z"), ("second", "M-16 4Q-20 -16 0 -32Q22 -16 16 4Q0 -2 -16 4Z")),
    "scholar": (("second", "M0 -50L76 -26L0 -4L-76 -26Z"), ("second", "M-38 -16L0 -4L38 -16L40 10Q0 -6 -40 10Z"), ("third", "M60 -31L65 -29L64 12L56 12Z")),
    "deerstalker": (("second", "M-44 4C-48 -58 48 -58 44 4L66 16Q40 12 30 6Q0 -4 -30 6Q-40 12 -66 16Z"), ("third", "M-4 -42L4 -42L4 0L-4 0ZM-14 -44Q0 -56 14 -44Q0 -36 -14 -44Z")),
    "headphones": (("second", "M-68 30C-80 -70 80 -70 68 30L58 28C64 -50 -64 -50 -58 28Z"), ("third", "M-78 22L-52 22L-52 66L-78 66ZM52 22L78 22L78 66L52 66Z")),
    "bicorne": (("second", "M-82 6Q-40 -12 -30 -44Q0 -62 30 -44Q40 -12 82 6Q0 -8 -82 6Z"), ("third", disc(0, -26, 10))),
    "nightcap": (("second", "M-48 8Q-30 -60 30 -58Q76 -56 80 -6L70 -4Q64 -34 36 -30Q48 -16 48 8Q0 -8 -48 8Z"), ("third", disc(76, 2, 11))),
    "straw": (("third", fold("0 -36Q34 -36 36 -2L0 0")), ("second", "M-36 -14L36 -14L36 0L-36 0Z"), ("third", fold("0 -6Q60 -6 86 10Q40 16 0 6"))),
    "bow": (("third", "M0 -18L-38 -40Q-50 -14 -38 8L0 -10L38 8Q50 -14 38 -40ZM-9 -24L9 -24L9 -4L-9 -4Z"),),
    "halo": (("third", disc(0, -26, 40)), ("ground", disc(0, -26, 30))),
    "tiara": (("third", "M-46 10Q-40 -12 -28 -18L-24 -8Q-14 -20 0 -44Q14 -20 24 -8L28 -18Q40 -12 46 10Q0 -10 -46 10Z"), ("second", disc(0, -18, 6))),
    "quill": (("third", "M-34 8L-26 0Q-18 -52 52 -64Q40 -10 -20 6L-28 12Z"), ("hole", "M-22 0Q10 -24 42 -54Q14 -18 -18 4Z")),
    "mast": (("second", "M-24 8L-4 -52L4 -52L24 8L16 8L9 -12L-9 -12L-16 8ZM-6 -22L6 -22L2 -36L-2 -36Z"), ("third", pair("M10 -58Q18 -50 10 -42L15 -38Q28 -50 15 -62ZM22 -68Q38 -50 22 -32L27 -28Q48 -50 27 -72Z"))),
    "rose": (("third", _burst(8, 12, 34) ), ("second", _burst(4, 8, 46, 0.0))),
    "chimney": (("second", "M-48 8L-48 -22L0 -56L48 -22L48 8Q0 -6 -48 8Z"), ("hole", "M-8 0L-8 -20L8 -20L8 0ZM-32 -4L-32 -18L-20 -18L-20 -4ZM20 -4L20 -18L32 -18L32 -4Z"), ("third", "M22 -38L22 -62L34 -62L34 -30Z")),
    "basket": (("second", "M-44 -24L44 -24L34 8Q0 -4 -34 8Z"), ("third", disc(-24, -34, 13) + disc(24, -34, 13) + disc(0, -42, 15)), ("second", "M-48 -28L48 -28L47 -18L-47 -18Z")),
    "helmet": (("second", "M-58 30C-64 -60 64 -60 58 30L40 22Q42 -2 0 -4Q-42 -2 -40 22Z"), ("third", "M-6 -60Q-6 -70 20 -66Q56 -54 62 -6Q40 -42 6 -42Z"), ("second", "M-7 -8L7 -8L5 44L-5 44Z")),
    "hood": (("second", "M0 -46C60 -48 92 0 80 110L54 110Q66 20 46 -2Q20 -14 0 -14Q-20 -14 -46 -2Q-66 20 -54 110L-80 110C-92 0 -60 -48 0 -46Z"),),
    "cap": (("second", "M-48 8C-52 -48 52 -48 48 8Q0 -8 -48 8Z"), ("third", "M-52 2Q-20 -8 20 -4Q66 -2 86 14Q40 10 0 12Q-40 12 -52 2Z"), ("third", disc(0, -34, 5))),
    "headband": (("third", "M-58 4Q0 -12 58 4L56 18Q0 2 -56 18ZM54 8L82 -2L78 10L86 18L56 16Z"),),
    "visor": (("third", "M-60 2Q0 -16 60 2L72 22Q0 4 -72 22Z"),),
    "bell": (("third", "M-40 6Q-26 -2 -24 -26Q-20 -48 0 -48Q20 -48 24 -26Q26 -2 40 6ZM-5 -48L-5 -58L5 -58L5 -48Z"), ("second", disc(0, 8, 8))),
    "fan": (("second", "M0 8L-64 -28Q-52 -60 0 -64Q52 -60 64 -28Z"), ("third", "M0 4L-46 -38L-34 -48ZM0 4L-8 -58L8 -58ZM0 4L34 -48L46 -38Z")),
    "rails": (("third", "M-20 8L-8 -60L-2 -60L-10 8ZM20 8L8 -60L2 -60L10 8ZM-26 -2L26 -2L26 4L-26 4ZM-20 -24L20 -24L20 -18L-20 -18ZM-15 -44L15 -44L15 -39L-15 -39Z"),),
    "loaf": (("second", "M-54 4C-74 -24 -52 -46 -30 -42C-10 -54 10 -54 30 -42C52 -46 74 -24 54 4Q0 -6 -54 4Z"), ("third", "M-34 -34L-22 -10L-30 -10ZM-4 -42L8 -14L0 -14ZM26 -36L38 -12L30 -12Z")),
    "snail": (("second", "M-56 8Q-50 -4 -30 -6L24 -6Q36 -10 38 -30L42 -46L46 -30L54 -44L52 -26Q58 8 30 8Z"), ("third", disc(-4, -28, 26)), ("second", disc(-2, -26, 15)), ("third", disc(-4, -26, 7))),
    "kite": (("third", "M30 -72L56 -40L30 2L6 -40Z"), ("second", "M30 -72L56 -40L30 -40ZM6 -40L30 -40L30 2Z"), ("second", "M30 2Q16 14 6 4Q-2 -2 -10 6L-12 2Q-4 -8 8 0Q16 8 28 0Z")),
    "clock": (("second", disc(0, -28, 32)), ("face", disc(0, -28, 24)), ("hole", "M-2 -46L2 -46L2 -30L16 -20L13 -16L-2 -26Z")),
    "envelope": (("third", "M-44 2L-44 -48L44 -48L44 2Z"), ("second", "M-44 -48L44 -48L0 -16Z"), ("third", disc(0, -18, 7))),
    "bottle": (("second", "M-16 8L-18 -24Q-18 -34 -7 -40L-7 -62L7 -62L7 -40Q18 -34 18 -24L16 8Z"), ("third", "M-13 -18L13 -18L12 0L-12 0Z")),
    "glove": (("third", "M-30 8L-26 -6Q-46 -40 -14 -60Q30 -70 38 -34Q40 -12 26 -6L30 8ZM-24 -40Q-50 -40 -44 -18Q-36 -4 -20 -16Z"), ("second", "M-30 8L-27 -4L27 -4L30 8Z")),
}

# Ornaments small enough to sit between two ears.
SMALL_TOPS = ("none", "none", "none", "crown", "star", "flower", "moon", "candle", "antenna", "sprout", "flame", "bow", "key",
              "bird", "tophat", "plumes", "lantern", "feather", "halo", "bottle")

_HAIR = fold("0 -84C62 -86 88 -30 82 40Q80 84 90 116L40 116L0 60")

BACKS: dict[str, Part] = {
    "none": (),
    "rays": (("third", _burst(14, 74, 112)),),
    "spikes": (("third", _burst(18, 80, 106)),),
    "sun": (("third", _burst(10, 66, 116)), ("second", disc(0, 0, 80))),
    "petals": (("third", _scallop(10, 78, 128)),),
    "bloom": (("third", _scallop(6, 64, 160)),),
    "disc": (("third", disc(0, 0, 92)),),
    "ring": (("third", disc(0, 0, 100)), ("ground", disc(0, 0, 84))),
    "mane": (("third", _burst(12, 74, 104, 0.03)), ("second", _scallop(12, 66, 96))),
    "ruff": (("third", _moved(_scallop(14, 70, 96), 0, 44)),),
    "fan": (("third", "M-20 60L-112 -20Q-104 -46 -88 -54L-86 -78Q-60 -92 -50 -90L-40 -108Q-10 -118 0 -112Q10 -118 40 -108L50 -90Q60 -92 86 -78L88 -54Q104 -46 112 -20L20 60Z"),),
    "wings": (("third", pair("M30 30Q60 -40 118 -78Q120 -52 108 -40Q118 -30 104 -14Q110 2 92 10Q94 26 76 28Q70 46 30 50Z")),),
    "batwings": (("third", pair("M20 40L52 -30L76 -92Q80 -66 120 -60Q104 -40 114 -18Q96 -14 98 12Q82 8 78 36Q60 30 20 60Z")),),
    "hair": (("third", _HAIR),),
    "bobcut": (("third", fold("0 -82C60 -86 86 -30 78 46L40 56L0 40")),),
    "cloud": (("third", _scallop(9, 74, 120)),),
    "puffs": (("third", disc(62, -50, 36) + disc(-62, -50, 36)),),
    "braids": (("third", pair("M40 -40Q74 -40 72 -10Q84 6 72 22Q84 38 72 54Q82 72 66 96Q52 76 58 56Q48 40 56 24Q46 6 50 -8Z")),),
    "hood": (("third", fold("0 -112C66 -92 96 -20 92 118L0 118")),),
    "leaves": (("third", pair("M30 20Q60 -20 112 -30Q96 20 44 36ZM24 -30Q40 -80 90 -98Q88 -46 44 -16ZM30 44Q70 34 104 66Q64 86 34 62ZM0 -60Q14 -100 40 -116Q44 -80 20 -50Z")),),
    "flames": (("third", fold("0 -118Q20 -92 16 -76Q34 -88 40 -108Q62 -84 56 -60Q74 -68 84 -86Q98 -54 84 -30Q100 -32 112 -44Q116 0 92 26Q104 30 114 24Q100 76 40 84L0 90")),),
    "frame": (("third", "M0 -114L114 0L0 114L-114 0Z"),),
    "arch": (("third", fold("0 -112C60 -112 84 -70 84 -30L84 118L0 118")),),
    "crescent": (("third", "M20 -112C-130 -110 -130 112 20 112C-70 70 -70 -70 20 -112Z"),),
    "cog": (("third", _burst(12, 88, 108, 0.04)), ("second", disc(0, 0, 82))),
    "shell": (("third", _moved(_scallop(14, 84, 116), 0, -4)), ("second", disc(0, -4, 78))),
    "collar": (("third", pair("M16 100L24 40Q60 20 92 -46Q120 20 84 100Z")),),
    "cape": (("third", fold("0 60L44 44Q92 56 108 118L0 118")),),
    "sails": (("third", pair("M10 90L10 -110Q70 -70 96 30Z")),),
    "web": (("third", fold("0 -116L30 -70L84 -84L72 -30L116 0L74 30L84 84L30 70L0 116")),),
    "ears": (("third", pair("M44 -34Q84 -60 110 -40Q106 10 54 24Z")),),
    "kites": (("third", "M-60 -112L-24 -66L-66 -10L-104 -64ZM66 -104L106 -50L62 0L30 -52Z"),),
}

NECKS: dict[str, Part] = {
    "none": (),
    "bowtie": (("third", "M0 6L-34 -10L-34 26L0 12L34 26L34 -10Z"), ("second", "M-8 0L8 0L8 18L-8 18Z")),
    "pleats": (("third", _moved(_burst(13, 44, 64), 0, -18)),),
    "scarf": (("second", "M-44 -18Q0 8 44 -18L50 6Q0 30 -50 6ZM14 10L36 4L44 54L20 58Z"), ("third", "M21 40L42 36L43 45L22 49Z")),
    "beads": (("third", dots((-44, -12), (-30, 4), (-12, 14), (12, 14), (30, 4), (44, -12), r=9)),),
    "jabot": (("third", "M-20 -6L20 -6Q34 14 18 18Q28 34 10 36Q10 50 0 52Q-10 50 -10 36Q-28 34 -18 18Q-34 14 -20 -6Z"),),
    "points": (("third", pair("M0 0L52 -18L40 34Z")),),
    "shawl": (("second", fold("0 -6L46 -30Q82 0 90 60L0 60")), ("third", fold("0 16L20 60L0 60"))),
    "tie": (("third", "M-12 -4L12 -4L8 12L16 50L0 60L-16 50L-8 12Z"),),
    "medal": (("second", "M-30 -16L-18 -20L0 16L18 -20L30 -16L6 26L-6 26Z"), ("third", disc(0, 34, 15))),
    "apron": (("second", fold("0 6L22 2L44 60L0 60")), ("third", pair("M14 4L46 -20L50 -14L22 8Z"))),
    "collar": (("second", fold("0 4Q40 -4 54 -30L74 -6Q60 40 0 48")),),
}

GROUNDS: dict[str, str] = {
    "plain": "",
    "disc": disc(0, 0, 108),
    "hills": "M-128 60Q-70 10 -20 56Q30 0 128 48L128 128L-128 128Z",
    "curtains": pair("M128 -128L60 -128Q72 -40 96 10Q84 60 100 128L128 128Z"),
    "rays": "".join(
        f"M0 20L{220 * sin(a):.0f} {20 - 220 * cos(a):.0f}L{220 * sin(a + 0.26):.0f} {20 - 220 * cos(a + 0.26):.0f}Z"
        for a in (i * pi / 6 for i in range(12))
    ),
    "stage": "M-128 84L128 84L128 128L-128 128Z",
    "arch": "M-104 128L-104 -10C-104 -130 104 -130 104 -10L104 128Z",
    "stars": dots((-100, -96), (-60, -112), (96, -100), (108, -40), (-110, -10), (100, 40), (-98, 70), (60, 106), (-50, 110), r=9),
    "waves": "M-128 70Q-108 50 -88 70Q-68 90 -48 70Q-28 50 -8 70Q12 90 32 70Q52 50 72 70Q92 90 112 70Q120 62 128 62L128 128L-128 128Z",
    "half": "M0 -128L128 -128L128 128L0 128Z",
    "slope": "M-128 40L128 -60L128 128L-128 128Z",
    "swag": "M-128 -128L128 -128L128 -84Q86 -56 43 -92Q0 -56 -43 -92Q-86 -56 -128 -84Z",
    "confetti": dots((-104, -60), (-84, -104), (-30, -116), (50, -114), (104, -86), (112, 0), (96, 76), (40, 114), (-40, 114), (-106, 40),
                     (-90, 100), r=7),
    "window": pair("M10 -118L118 -118L118 -8L10 -8ZM10 10L118 10L118 118L10 118Z"),
    "moon": disc(64, -64, 44),
    "beam": "M-40 -128L40 -128L112 128L-112 128Z",
}

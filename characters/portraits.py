"""Paper-cut theatre masks, drawn as SVG from a seed: the portraits of characters that have no picture of their own."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from characters.portrait_faces import BEARDS, BROWS, EYES, FACES, MOUTHS, NOSES, PATTERNS, Part, Sheet
from characters.portrait_ornaments import BACKS, GROUNDS, NECKS, SMALL_TOPS, TOPS


class Palette(NamedTuple):
    """Flat colours: the ground, what is cut into it, the shadow, and three papers that read on all of it."""

    ground: str
    cut: str
    shadow: str
    papers: tuple[str, str, str]


PALETTES: dict[str, Palette] = {
    "footlight": Palette("#e2a13a", "#d08c28", "#a3651b", ("#fff4de", "#34122b", "#ad2c30")),
    "velvet": Palette("#8f2232", "#7a1a2a", "#5a111f", ("#f8e7cb", "#eba63e", "#2c1026")),
    "plum": Palette("#52244f", "#461c44", "#301230", ("#f9e6cf", "#f2a04c", "#e0566c")),
    "ink": Palette("#2a2033", "#332840", "#15101b", ("#f2a83f", "#fbf0de", "#d9503c")),
    "lagoon": Palette("#1e5a61", "#184d54", "#0e363c", ("#fcf0dc", "#ea6a34", "#f0ac36")),
    "bottle": Palette("#27503f", "#204536", "#123025", ("#fbeed6", "#e9a13c", "#e0603f")),
    "blush": Palette("#e0958a", "#d38478", "#a85a55", ("#fff3e4", "#4a1539", "#b02a3c")),
    "night": Palette("#26335c", "#2f3e6b", "#151e3c", ("#faeeda", "#e8644b", "#eda73a")),
    "brick": Palette("#c25238", "#b1462e", "#7f2d1f", ("#fdf0da", "#34122f", "#f2ac38")),
    "sage": Palette("#a3b08a", "#95a37b", "#69774f", ("#fff6e3", "#351e39", "#ab382d")),
    "cream": Palette("#f1dfbf", "#e6d0a9", "#c3a678", ("#a8242f", "#271030", "#2f928c")),
    "lilac": Palette("#a48bb8", "#967cab", "#67507d", ("#fff2dc", "#33123f", "#96203a")),
    "walnut": Palette("#5b3526", "#4e2c1f", "#341b12", ("#faebd2", "#eca043", "#df5b42")),
    "sky": Palette("#7fb0b5", "#70a2a8", "#467a82", ("#fff5e1", "#3b1434", "#b23a26")),
    "mustard": Palette("#c8952b", "#b88520", "#835a10", ("#fff3d6", "#3a1328", "#14606a")),
    "aubergine": Palette("#341a3c", "#3f2249", "#1c0c22", ("#eeb548", "#e2664f", "#fbeeda")),
    "rust": Palette("#8a3f1f", "#7b3618", "#56240e", ("#fbead0", "#efa544", "#2a1320")),
    "slate": Palette("#4b5170", "#414763", "#292d42", ("#f8e6c8", "#ee9a4a", "#171122")),
    "rosewood": Palette("#7d2b53", "#6f2349", "#4b1531", ("#fbe6d2", "#f2a24a", "#1c0a19")),
    "dusk": Palette("#d9785a", "#cb6a4d", "#964631", ("#fff0da", "#2c1238", "#8e1631")),
}
_DARK, _LIGHT = "#1d1222", "#fff4e0"
_CASTS = ("abc", "acb", "bac", "bca", "cab", "cba")
_TILTS = ("-8", "-5", "-3", "0", "0", "3", "5", "8")
# What every second mask does without, so that no one feature becomes noise.
_SPARSE = {"brow": 2, "beard": 9, "neck": 9, "back": 4, "top": 3, "pattern": 4}

CHOICES: dict[str, tuple[str, ...]] = {
    "palette": tuple(PALETTES),
    "cast": _CASTS,
    "ground": tuple(GROUNDS),
    "back": tuple(BACKS),
    "face": tuple(FACES),
    "pattern": tuple(PATTERNS),
    "eyes": tuple(EYES),
    "brow": tuple(BROWS),
    "nose": tuple(NOSES),
    "mouth": tuple(MOUTHS),
    "beard": tuple(BEARDS),
    "top": tuple(TOPS),
    "neck": tuple(NECKS),
    "tilt": tuple(dict.fromkeys(_TILTS)),
}
# A mask one can read: what never goes together when the traits are drawn by lot.
_LARGE_EYES = {"glasses", "specs", "goggles", "monocle", "patch", "owl", "star", "heart", "painted", "diamond"}
_MOUTH_BEARDS = {"full", "pointed", "forked", "curly"}
_OVER_MOUTH = {"beak", "long"}
_HAIR_TOPS = {"hood", "bob", "parting", "curls", "scarf", "bun", "helmet", "headphones"}
_HAIR_BACKS = {"hair", "bobcut", "hood", "braids", "puffs", "ears", "cape"}
_READABLE = 2.4
# Costume of living people is worn by choice, never dealt by lot to a grotesque; nor is a face cut by lot from the
# darkest paper, where white holes would make a caricature.
_BY_CHOICE = {"turban", "fez"}
_DARKEST_FACE = 0.055
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def _hash(*parts: str) -> int:
    return int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest()[:8])


def _pick(seed: str, trait: str, options: Sequence[str]) -> str:
    return options[_hash(seed, trait) % len(options)]


def mask_traits(seed: str, style: Mapping[str, str] | None = None) -> dict[str, str]:
    """The traits of a seed's mask, one for each key of `CHOICES`; `style` fixes some of them.

    Every trait is drawn by itself, so fixing one leaves the others as they were but for what would clash with it.
    Raises ValueError for an unknown trait or value in `style`.
    """
    style = style or {}
    for trait, value in style.items():
        if trait not in CHOICES:
            raise ValueError(f"unknown mask trait {trait!r}; known are {', '.join(CHOICES)}")
        if value not in CHOICES[trait]:
            raise ValueError(f"unknown {trait} {value!r}; known are {', '.join(CHOICES[trait])}")
    drawn = {trait: _pick(seed, trait, _pool(trait)) for trait in CHOICES} | dict(style)
    drawn["cast"] = style.get("cast") or _pick(seed, "cast", _light_casts(drawn["palette"]))
    if FACES[drawn["face"]].eared:
        drawn["top"] = _pick(seed, "top", SMALL_TOPS)
    if drawn["eyes"] in _LARGE_EYES:
        drawn["brow"] = "none"
    if drawn["nose"] in _OVER_MOUTH:
        drawn["mouth"] = "none"
    if drawn["top"] in _HAIR_TOPS and drawn["back"] in _HAIR_BACKS:
        drawn["back"] = "none"
    drawn |= style
    if "pattern" not in style and _hole(_papers(drawn), drawn["pattern"])[1] < _READABLE:
        drawn["pattern"] = "none"
    return drawn


def _pool(trait: str) -> Sequence[str]:
    options = _TILTS if trait == "tilt" else tuple(value for value in CHOICES[trait] if value not in _BY_CHOICE)
    return ("none",) * _SPARSE.get(trait, 0) + options


def _light_casts(palette: str) -> list[str]:
    papers = dict(zip("abc", PALETTES[palette].papers, strict=True))
    return [cast for cast in _CASTS if _luminance(papers[cast[0]]) >= _DARKEST_FACE]


def _luminance(colour: str) -> float:
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The WCAG contrast of two `#rrggbb` colours, 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _papers(traits: Mapping[str, str]) -> dict[str, str]:
    palette = PALETTES[traits["palette"]]
    papers = dict(zip("abc", palette.papers, strict=True))
    face, second, third = (papers[letter] for letter in traits["cast"])
    return {
        "face": face,
        "second": second,
        "third": third,
        "ground": palette.ground,
        "cut": palette.cut,
        "shadow": palette.shadow,
    }


def _best_on(papers: Sequence[str], shadow: str) -> tuple[str, float]:
    """The colour of a hole that shows best on all of `papers`, and its contrast on the worst of them."""
    return max(
        ((c, min(contrast(c, paper) for paper in papers)) for c in (shadow, _DARK, _LIGHT)), key=lambda pair: pair[1]
    )


def _hole(papers: Mapping[str, str], pattern: str) -> tuple[str, float]:
    behind = [papers["face"]]
    if any(role == "second" for role, _ in PATTERNS[pattern]):
        behind.append(papers["second"])
    return _best_on(behind, papers["shadow"])


def _colours(traits: Mapping[str, str]) -> dict[str, str]:
    papers = _papers(traits)
    return papers | {"hole": _hole(papers, traits["pattern"])[0]}


class _Knife:
    """Moves every point of a path a little, always the same way for the same seed: paper is cut by hand."""

    def __init__(self, seed: str) -> None:
        self._state = _hash(seed, "knife")

    def _slip(self, number: re.Match[str]) -> str:
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) % 2**64
        value = round(float(number[0]) + ((self._state >> 33) / 2**31 - 0.5) * 1.7)
        return str(value)

    def cut(self, path: str) -> str:
        return _NUMBER.sub(self._slip, path).replace(" -", "-")


def _sheets(part: Sequence[Sheet], colours: Mapping[str, str], knife: _Knife) -> str:
    return "".join(f'<path fill="{colours[role]}" d="{knife.cut(path)}"/>' for role, path in part)


def _group(content: str, x: float = 0, y: float = 0, scale_x: float = 1, scale_y: float | None = None) -> str:
    if not content:
        return ""
    scale_y = scale_x if scale_y is None else scale_y
    scale = "" if (scale_x, scale_y) == (1, 1) else f" scale({scale_x:g} {scale_y:g})"
    return f'<g transform="translate({x:g} {y:g}){scale}">{content}</g>'


def _both_sides(
    parts: tuple[Part, ...], x: float, y: float, scale: float, colours: Mapping[str, str], knife: _Knife
) -> str:
    right = _sheets(parts[0], colours, knife)
    left = _sheets(parts[-1], colours, knife)
    return _group(right, x, y, scale) + _group(left, -x, y, -scale, scale)


def _shadow(path: str, colours: Mapping[str, str]) -> str:
    return f'<path fill="{colours["shadow"]}" transform="translate(4 5)" d="{path}"/>'


def _ornament(part: Part, colours: Mapping[str, str], knife: _Knife) -> str:
    """An ornament over a shadow of its first sheet."""
    if not part:
        return ""
    role, path = part[0]
    outline = knife.cut(path)
    first = f'<path fill="{colours[role]}" d="{outline}"/>'
    return _shadow(outline, colours) + first + _sheets(part[1:], colours, knife)


def _head(seed: str, traits: Mapping[str, str], colours: Mapping[str, str], knife: _Knife) -> str:
    face = FACES[traits["face"]]
    outline = knife.cut(face.path)
    pattern = _sheets(PATTERNS[traits["pattern"]], colours, knife)
    if pattern:
        # Pages show many masks inline, so the id must differ between them.
        clip = f"m{_hash(seed, *traits.values()):016x}"
        pattern = f'<clipPath id="{clip}"><path d="{outline}"/></clipPath><g clip-path="url(#{clip})">{pattern}</g>'
    eye_x, eye_y = face.eye
    mouth_colours = colours
    if traits["beard"] in _MOUTH_BEARDS:
        mouth_colours = {**colours, "hole": _best_on([colours["second"]], colours["shadow"])[0]}
    nose = _group(_sheets(NOSES[traits["nose"]], colours, knife), 0, (eye_y + face.mouth) / 2 - 16, face.eye_scale)
    mouth = _group(_sheets(MOUTHS[traits["mouth"]], mouth_colours, knife), 0, face.mouth, face.mouth_scale)
    return (
        _shadow(outline, colours)
        + f'<path fill="{colours["face"]}" d="{outline}"/>'
        + pattern
        + _both_sides(BROWS[traits["brow"]], eye_x, eye_y, face.eye_scale, colours, knife)
        + _both_sides(EYES[traits["eyes"]], eye_x, eye_y, face.eye_scale, colours, knife)
        + _group(_sheets(BEARDS[traits["beard"]], colours, knife), 0, face.mouth)
        + (nose + mouth if traits["nose"] == "muzzle" else mouth + nose)
    )


def _fit(traits: Mapping[str, str]) -> tuple[float, float]:
    """How large the mask may be, and how far it moves down to make room for what it wears."""
    bare_top, bare_back = traits["top"] == "none", traits["back"] == "none"
    if bare_top:
        return (1.3 if bare_back else 1.08), 0.0
    return (1.12 if bare_back else 1.04), 16.0


def portrait_svg(seed: str, *, size: int = 512, style: Mapping[str, str] | None = None) -> str:
    """A square SVG of the mask that belongs to `seed`, `size` pixels wide: the same seed, the same mask.

    `style` fixes traits, each from the closed list in `CHOICES`. Nothing of the seed appears in the SVG, which has no
    script and no outside reference, so it may stand inline in a page. Raises ValueError for an unknown trait or value
    and for a size below 1.
    """
    if size < 1:
        raise ValueError("a portrait is at least one pixel wide")
    traits = mask_traits(seed, style)
    colours = _colours(traits)
    knife = _Knife(seed)
    face = FACES[traits["face"]]
    scale, down = _fit(traits)
    ground = GROUNDS[traits["ground"]]
    top_y, top_scale = face.top
    body = (
        _ornament(BACKS[traits["back"]], colours, knife)
        + _group(_ornament(NECKS[traits["neck"]], colours, knife), 0, face.chin)
        + _head(seed, traits, colours, knife)
        + _group(_ornament(TOPS[traits["top"]], colours, knife), 0, top_y, top_scale)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-128 -128 256 256" width="{size}" height="{size}">'
        f'<path fill="{colours["ground"]}" d="M-128-128H128V128H-128z"/>'
        + (f'<path fill="{colours["cut"]}" d="{ground}"/>' if ground else "")
        + f'<g transform="translate(0 {down:g}) rotate({traits["tilt"]}) scale({scale:g})">{body}</g></svg>'
    )

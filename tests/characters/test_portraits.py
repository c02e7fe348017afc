"""Paper-cut masks: the same seed draws the same mask, and no two seeds look alike."""

import re
from itertools import combinations
from xml.etree import ElementTree as ET

import pytest

from characters.portraits import CHOICES, PALETTES, contrast, mask_traits, portrait_svg

SEEDS = [f"0192f3c0-7e1a-7c00-8000-{number:012d}" for number in range(2_000)]
ELEMENTS = {"svg", "path", "g", "clipPath"}
ATTRIBUTES = {"viewBox", "width", "height", "fill", "d", "transform", "clip-path", "id"}


@pytest.fixture(scope="module")
def portraits() -> list[str]:
    return [portrait_svg(seed) for seed in SEEDS]


def test_a_seed_always_draws_the_same_mask() -> None:
    assert portrait_svg("Orsolya") == portrait_svg("Orsolya")
    assert portrait_svg("Orsolya") != portrait_svg("orsolya")


def test_two_thousand_seeds_draw_two_thousand_masks(portraits: list[str]) -> None:
    assert len(set(portraits)) == len(SEEDS)


def test_masks_differ_in_what_one_sees_at_48_pixels() -> None:
    seen = {
        tuple(mask_traits(seed)[trait] for trait in ("palette", "cast", "face", "back", "top", "eyes", "mouth"))
        for seed in SEEDS
    }
    assert len(seen) == len(SEEDS)


def test_every_mask_is_well_formed_and_under_four_kilobytes(portraits: list[str]) -> None:
    for svg in portraits:
        assert ET.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314 (our own drawing)
        assert len(svg.encode()) < 4096


def test_a_mask_holds_shapes_only(portraits: list[str]) -> None:
    for svg in portraits:
        for element in ET.fromstring(svg).iter():  # noqa: S314 (our own drawing)
            assert element.tag.split("}")[1] in ELEMENTS
            assert set(element.attrib) <= ATTRIBUTES


def test_a_mask_refers_to_nothing_outside_itself(portraits: list[str]) -> None:
    for svg in portraits:
        assert "href" not in svg
        assert "script" not in svg
        assert svg.count("http") == 1  # the namespace
        assert set(re.findall(r"url\((.)", svg)) <= {"#"}


def test_masks_on_one_page_never_share_an_id(portraits: list[str]) -> None:
    ids = [name for svg in portraits for name in re.findall(r' id="([^"]+)"', svg)]
    assert ids
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("seed", ['"><script>alert(1)</script>', "\x00", "", "نور", "a" * 100_000])
def test_nothing_of_the_seed_reaches_the_drawing(seed: str) -> None:
    svg = portrait_svg(seed)
    ET.fromstring(svg)  # noqa: S314 (our own drawing)
    assert "alert" not in svg
    assert len(svg) < 4096


def test_the_size_is_the_callers_and_at_least_one_pixel() -> None:
    assert 'width="48" height="48"' in portrait_svg("Wren", size=48)
    with pytest.raises(ValueError, match="one pixel"):
        portrait_svg("Wren", size=0)


@pytest.mark.parametrize(("trait", "value"), [(trait, value) for trait in CHOICES for value in CHOICES[trait]])
def test_every_choice_can_be_asked_for(trait: str, value: str) -> None:
    assert mask_traits("Wren", {trait: value})[trait] == value
    ET.fromstring(portrait_svg("Wren", style={trait: value}))  # noqa: S314 (our own drawing)


def test_a_style_changes_only_what_it_names_or_clashes_with() -> None:
    plain = mask_traits("Wren", {"eyes": "almond", "nose": "none"})
    crowned = mask_traits("Wren", {"eyes": "almond", "nose": "none", "mouth": "comedy"})
    assert crowned == plain | {"mouth": "comedy"}


@pytest.mark.parametrize("style", [{"hat": "crown"}, {"top": "sombrero"}, {"palette": '#fff" onload="x'}])
def test_an_unknown_trait_or_value_is_refused(style: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="unknown"):
        portrait_svg("Wren", style=style)


def test_papers_read_on_their_ground_and_on_each_other() -> None:
    for name, palette in PALETTES.items():
        assert min(contrast(paper, palette.ground) for paper in palette.papers) >= 1.9, name
        assert min(contrast(one, other) for one, other in combinations(palette.papers, 2)) >= 1.5, name

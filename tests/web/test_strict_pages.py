"""What the strict CSP would refuse, and what a page must not lack, is not in the templates at all."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAIL = ROOT / "templates/mail"  # a mail has its styles inside; it is never a page of this site
TEMPLATES = sorted(path for path in (ROOT / "templates").rglob("*.html") if MAIL not in path.parents)
SCRIPTS = sorted((ROOT / "static/js").rglob("*.js"))
STYLES = sorted((ROOT / "static/css").rglob("*.css"))

REFUSED_IN_TEMPLATES = {
    "a style attribute": r"<[^>]*\sstyle\s*=",
    "a style element": r"<style\b",
    "an inline handler": r"<[^>]*\son[a-z]+\s*=",
    "an htmx handler (it is evaluated)": r"\shx-on\b|hx-vals\s*=\s*['\"]js:|hx-trigger\s*=\s*\"[^\"]*\[",
    "a script without a file": r"<script(?![^>]*\b(?:src=|type=\"application/json\"))",
    "a javascript: address": r"javascript:",
    "something from another host": r"(?:src|href)\s*=\s*[\"'](?:https?:)?//",
    "unescaped output": r"\|\s*safe\b|autoescape off",
}
REFUSED_IN_SCRIPTS = {
    "evaluated text": r"\beval\(|new Function\(",
    "markup made of text": r"\.innerHTML\b|\.outerHTML\s*=|insertAdjacentHTML|document\.write",
    "a style attribute": r"setAttribute\(\s*[\"']style",
    "something from another host": r"[\"']https?://",
}


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", TEMPLATES, ids=_name)
def test_a_template_has_nothing_the_policy_refuses(path: Path) -> None:
    text = path.read_text()
    assert {what for what, pattern in REFUSED_IN_TEMPLATES.items() if re.search(pattern, text)} == set()


@pytest.mark.parametrize("path", SCRIPTS, ids=_name)
def test_a_script_has_nothing_the_policy_refuses(path: Path) -> None:
    text = path.read_text()
    assert {what for what, pattern in REFUSED_IN_SCRIPTS.items() if re.search(pattern, text)} == set()


@pytest.mark.parametrize("path", SCRIPTS, ids=_name)
def test_a_script_imports_only_files_that_are_there(path: Path) -> None:
    for name in re.findall(r"from \"(.+?)\";", path.read_text()):
        assert (path.parent / name).is_file(), name


@pytest.mark.parametrize("path", STYLES, ids=_name)
def test_a_style_uses_only_tokens_that_are_there_and_no_colours_of_its_own(path: Path) -> None:
    # a page of the console has the names of Django's admin, which console.css gives them
    source = ROOT / "static/css" / ("console.css" if path.name == "finance.css" else "tokens.css")
    tokens = set(re.findall(r"(--[a-z0-9-]+):", source.read_text()))
    text = path.read_text()
    used = set(re.findall(r"var\((--[a-z0-9-]+)\)", text))
    assert used <= tokens | set(re.findall(r"(--[a-z0-9-]+):", text))
    if path.name != "tokens.css":
        assert re.findall(r"(?<=[:\s])#[0-9a-f]{6}\b", text) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=_name)
def test_every_form_that_writes_has_its_csrf_token(path: Path) -> None:
    for form in re.findall(r"<form\b[^>]*method=\"post\"[^>]*>.{0,40}", path.read_text(), re.DOTALL):
        assert "{% csrf_token %}" in form


def test_every_static_file_a_template_names_is_there() -> None:
    for path in TEMPLATES:
        text = path.read_text()
        for name in re.findall(r"{% static '([^']+)' %}", text) + re.findall(r"\"/static/([^\"]+)\"", text):
            assert (ROOT / "static" / name).is_file(), f"{_name(path)}: {name}"


def test_every_template_says_what_it_needs() -> None:
    for path in TEMPLATES:
        assert "{% comment %}" in path.read_text(), _name(path)

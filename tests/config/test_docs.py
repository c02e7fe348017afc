"""The documents say what the code says."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from config import documents
from config.env import DEVELOPMENT_SECRET, Environment, load_environment
from stack.envfile import parse

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = sorted((ROOT / "docs").rglob("*.md")) + [ROOT / name for name in ("README.md", "CONTRIBUTING.md")]
ROW = re.compile(r"^\| `([A-Z0-9_]+)` \| [^|]+ \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
FIELDS = Environment.model_fields
SPOKEN = {"ALLOWED_HOSTS", "DATABASE_POOL_SIZE", "RATE_LIMIT_FACTOR"}  # defaults that are told in words


def rows() -> dict[str, str]:
    """The variables of the settings that configuration.md lists, and the default it gives each."""
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8").split("## Beside the application")[0]
    return {name: default.strip() for name, default, _ in ROW.findall(text)}


def procfile_variables() -> set[str]:
    return set(re.findall(r"\$\{([A-Z0-9_]+):", (ROOT / "Procfile").read_text(encoding="utf-8")))


def spoken(default: Any) -> str:
    """A default as configuration.md writes it."""
    if default in ("", []):
        return "–"
    if default == DEVELOPMENT_SECRET:
        return "a known text"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, timedelta):
        minutes = int(default.total_seconds() // 60)
        return f"`{minutes // 1440}d`" if minutes % 1440 == 0 else f"`{minutes}m`"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def test_every_variable_is_explained_with_its_default():
    assert rows().keys() == FIELDS.keys()
    wrong = {
        name: (default, spoken(FIELDS[name].default))
        for name, default in rows().items()
        if name not in SPOKEN and default != spoken(FIELDS[name].default)
    }
    assert not wrong


def test_the_example_has_every_variable_and_no_other():
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    named = re.findall(r"^# ([A-Z0-9_]+)=", text, re.MULTILINE)
    assert sorted(named) == sorted(FIELDS.keys() | procfile_variables())


def test_the_example_as_it_is_changes_nothing():
    assert parse((ROOT / ".env.example").read_text(encoding="utf-8")) == {}


def test_the_example_with_every_line_in_force_is_what_goes_without_saying():
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert load_environment(parse(re.sub(r"^# ([A-Z0-9_]+=)", r"\1", text, flags=re.MULTILINE))) == Environment()


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_what_a_document_links_to_is_there(path):
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?://|#)([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        found = path.parent / file
        assert found.exists(), target
        if anchor:
            assert anchor in anchors(found.read_text(encoding="utf-8")), target


def anchors(text: str) -> set[str]:
    """The anchors that a Markdown page gives its headings."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_the_files_that_a_document_names_are_there(path):
    """Paths in backquotes, such as `chat/responder.py`; those with a * or an … are patterns."""
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|js|mjs|html|css|md|yaml|toml))`", text)
    missing = sorted({name for name in named if not (ROOT / name).exists()})
    assert not missing


@pytest.mark.parametrize(
    ("name", "command", "make"),
    [
        ("openapi.yaml", "export_openapi", documents.openapi_yaml),
        ("api.md", "export_api_markdown", documents.api_markdown),
        ("llms.txt", "export_llms_txt", documents.llms_txt),
    ],
)
def test_the_api_documents_are_what_the_code_says(name, command, make):
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == make(), f"run: make manage ARGS={command}"


def test_every_shape_that_the_api_document_names_is_explained_in_it():
    text = documents.api_markdown()
    assert set(re.findall(r"\]\(#([\w-]+)\)", text)) <= anchors(text)

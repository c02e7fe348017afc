"""The words of words.yaml."""

from pathlib import Path

import yaml

_words = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))

SEARCHES: list[str] = _words["searches"]
FIRST_NAMES: list[str] = _words["first_names"].split()
LAST_NAMES: list[str] = _words["last_names"].split()
ROLES: list[str] = _words["roles"]
PLACES: list[str] = _words["places"]
HABITS: list[str] = _words["habits"]
SECRETS: list[str] = _words["secrets"]
OPENINGS: list[str] = _words["openings"]
TRAITS: list[str] = _words["traits"].split()
TAGS: list[str] = _words["tags"].split()
GENDERS: list[str] = _words["genders"]
CATEGORIES: list[str] = _words["categories"]
SAID: list[str] = _words["said"]
ANSWERED: list[str] = _words["answered"]

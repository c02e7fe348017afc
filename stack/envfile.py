"""`.env`: plain KEY=VALUE lines, which the real environment overrules."""

import os
import re
from collections.abc import MutableMapping
from pathlib import Path

from stack import StackError

LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")


def parse(text: str, name: str = ".env") -> dict[str, str]:
    """The variables in `text`. A value may stand in quotes; unquoted, ` #` starts a comment.

    Raises StackError with the line's number when a line is neither empty, a comment nor KEY=VALUE.
    """
    values = {}
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        match = LINE.fullmatch(line)
        if not match:
            raise StackError(f"{name}, line {number}: expected KEY=VALUE, found {line!r}")
        values[match[1]] = _value(match[2])
    return values


def load(path: Path, environ: MutableMapping[str, str] = os.environ) -> None:
    """Adds the variables of the file to `environ`, if there is such a file; those already set stay."""
    if path.is_file():
        for name, value in parse(path.read_text(encoding="utf-8-sig"), path.name).items():
            environ.setdefault(name, value)


def _value(text: str) -> str:
    if quoted := re.fullmatch(r"""(["'])(.*?)\1(?:\s+#.*)?""", text):
        return quoted[2]
    return re.split(r"\s+#", text, maxsplit=1)[0].strip()

"""The logs of the servers: one file and its predecessor, and the last lines of it for a message."""

from pathlib import Path

LARGE = 1_000_000


def fresh_log(path: Path) -> None:
    """Puts a log that grew large aside, so that it never fills the disk."""
    if path.exists() and path.stat().st_size > LARGE:
        path.replace(path.with_suffix(".old.log"))


def tail(path: Path, lines: int) -> str:
    """The last lines of a file, indented for a message; nothing when there is no file."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])

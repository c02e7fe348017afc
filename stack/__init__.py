"""The embedded stack: everything `make` does.

Imports nothing beyond the standard library until it runs inside `.venv`, which it builds itself.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VAR = ROOT / "var"
MARK = "TROUPE_RUN"  # in the environment of every process of a run, see leftovers


class StackError(Exception):
    """Something the person at the terminal can act on; the message says what and how."""

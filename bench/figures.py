"""Arithmetic on what was measured."""

from collections.abc import Sequence


def percentile(ordered: Sequence[float], rank: float) -> float:
    """The value that `rank` per cent of an ascending sequence don't exceed; 0 for an empty one."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, max(0, round(len(ordered) * rank / 100 + 0.5) - 1))]


def spread(values: Sequence[float]) -> float:
    """How far apart the repeats are, as a share of their median's: 0.1 is ten per cent."""
    middle = sorted(values)[len(values) // 2]
    return (max(values) - min(values)) / middle if middle else 0.0

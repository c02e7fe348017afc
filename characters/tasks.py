"""Work of the scheduler. Every function is safe to run twice, at once, and again after it was killed."""

from characters import services
from characters.services.counters import FOLDED_AT_ONCE


def fold_counters() -> int:
    """Every ten seconds: folds likes and messages into their characters, until few are left; returns how many."""
    total = 0
    while True:
        moved = services.fold_counters()
        total += moved
        if moved < FOLDED_AT_ONCE:
            return total


def refresh_scores() -> int:
    """Every five minutes: orders discovery afresh; returns how many characters moved."""
    return services.refresh_scores()

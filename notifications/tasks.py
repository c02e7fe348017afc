"""RQ jobs of notifications."""

from notifications import services


def forget_old() -> int:
    """Safe to run at any time; returns how many are gone."""
    return services.forget_old()

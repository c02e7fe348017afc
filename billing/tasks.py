"""RQ jobs of the ledger."""

from billing import services


def sweep_reservations() -> int:
    """Gives back what nobody reported on in time; returns how many reservations expired. Safe to run at any time."""
    return services.sweep_expired_reservations()

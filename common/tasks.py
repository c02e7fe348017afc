"""RQ jobs of the ground floor."""

from common import idempotency


def forget_idempotency_keys() -> int:
    return idempotency.forget_old()

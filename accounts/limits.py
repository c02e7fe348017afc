"""The rate limit of the sign-in doors: by the caller's address and by the account named (contract, section 12)."""

import hashlib

from common.ratelimits import Gate


def account_gate(email: str) -> Gate:
    """Counts tries on one account, wherever they come from. Redis is told a hash, not the address."""
    digest = hashlib.sha256(email.strip().lower().encode()).hexdigest()[:32]
    return Gate(who=f"account:{digest}", preset="auth")


def enter_web_door(address: str, email: str) -> None:
    """For a sign-in form. Raises RateLimited, or Unavailable while nothing can be counted."""
    Gate(who=address, preset="auth", write=True).enter()
    account_gate(email).enter()

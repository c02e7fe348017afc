"""What others read of accounts."""

from accounts.selectors.blocks import block_data, blocked, blocks_of, hidden_people, is_blocked_between, refuse_blocked
from accounts.selectors.people import (
    get_user,
    live_sessions,
    me_data,
    paying_organization,
    personal_organization_id,
    public_user_data,
    session_is_live,
    user_data,
)

__all__ = [
    "block_data",
    "blocked",
    "blocks_of",
    "get_user",
    "hidden_people",
    "is_blocked_between",
    "live_sessions",
    "me_data",
    "paying_organization",
    "personal_organization_id",
    "public_user_data",
    "refuse_blocked",
    "session_is_live",
    "user_data",
]

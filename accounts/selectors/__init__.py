"""What others read of accounts."""

from accounts.selectors.people import (
    get_user,
    me_data,
    paying_organization,
    personal_organization_id,
    public_user_data,
    session_is_live,
    user_data,
)

__all__ = [
    "get_user",
    "me_data",
    "paying_organization",
    "personal_organization_id",
    "public_user_data",
    "session_is_live",
    "user_data",
]

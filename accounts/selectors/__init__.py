"""What others read of accounts."""

from accounts.selectors.api_keys import api_key_data, api_keys_for, export_api_keys, with_budgets
from accounts.selectors.blocks import block_data, blocked, blocks_of, hidden_people, is_blocked_between, refuse_blocked
from accounts.selectors.favourites import favourites_data, is_favourite
from accounts.selectors.invitations import invitations_to
from accounts.selectors.organizations import (
    export_organizations,
    is_member,
    organization_data_for,
    place_of,
    place_of_manager,
    teams_of,
    with_totals,
)
from accounts.selectors.people import (
    get_user,
    me_data,
    paying_organization,
    personal_organization_id,
    public_user_data,
    session_is_live,
    user_data,
)
from accounts.selectors.profiles import get_person, profile_data
from accounts.selectors.sessions import live_sessions, session_data

__all__ = [
    "api_key_data",
    "api_keys_for",
    "block_data",
    "blocked",
    "blocks_of",
    "export_api_keys",
    "export_organizations",
    "favourites_data",
    "get_person",
    "get_user",
    "hidden_people",
    "invitations_to",
    "is_blocked_between",
    "is_favourite",
    "is_member",
    "live_sessions",
    "me_data",
    "organization_data_for",
    "paying_organization",
    "personal_organization_id",
    "place_of",
    "place_of_manager",
    "profile_data",
    "public_user_data",
    "refuse_blocked",
    "session_data",
    "session_is_live",
    "teams_of",
    "user_data",
    "with_budgets",
    "with_totals",
]

"""People, their organisations, their sign-ins, keys and data."""

from accounts.models.api_keys import ApiKey, Scope
from accounts.models.organizations import Invitation, Membership, Organization
from accounts.models.own_data import DataExport
from accounts.models.people import STAFF_ROLES, Block, Consent, Favourite, FormerUsername, Role, User, join_staff_group
from accounts.models.sign_in import AuthSession, MailKey

__all__ = [
    "STAFF_ROLES",
    "ApiKey",
    "AuthSession",
    "Block",
    "Consent",
    "DataExport",
    "Favourite",
    "FormerUsername",
    "Invitation",
    "MailKey",
    "Membership",
    "Organization",
    "Role",
    "Scope",
    "User",
    "join_staff_group",
]

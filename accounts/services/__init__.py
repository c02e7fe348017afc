"""Every write of accounts."""

from accounts.services.access import set_access
from accounts.services.addresses import ask_to_change, offer_new_address, send_confirmation_again
from accounts.services.api_keys import (
    create_api_key,
    mark_used,
    revoke_api_key,
    revoke_api_key_as_staff,
    revoke_api_keys,
)
from accounts.services.blocks import block, unblock
from accounts.services.deletion import delete_account, is_restorable, restore
from accounts.services.devices import Device
from accounts.services.entering import enter, finish, sign_in
from accounts.services.favourites import add_favourite, remove_favourite
from accounts.services.invitations import (
    accept_invitation,
    invite,
    resend_invitation,
    revoke_invitation,
    revoke_invitation_as_staff,
)
from accounts.services.last_seen import see
from accounts.services.memberships import (
    appoint_owner,
    change_role,
    leave_team,
    remove_member,
    transfer_team,
)
from accounts.services.organizations import MAX_NAME as MAX_ORGANIZATION_NAME
from accounts.services.organizations import (
    check_can_leave_all,
    create_team,
    delete_team,
    leave_all,
    rename_organization,
)
from accounts.services.passwords import reset_password, set_password, tell_of_new_password
from accounts.services.preferences import update_preferences
from accounts.services.profiles import set_avatar, update_profile
from accounts.services.second_factor import MfaRequired
from accounts.services.sessions import (
    end_other_sessions,
    end_own_session,
    end_session,
    end_sessions_of,
    forget_old_sessions,
)
from accounts.services.signing_in import (
    SignedIn,
    check_password,
    hand_out_tokens,
    refresh,
    sign_out,
    start_token_session,
    start_web_session,
)
from accounts.services.signing_up import MAX_PASSWORD, create_account, sign_up

__all__ = [
    "MAX_ORGANIZATION_NAME",
    "MAX_PASSWORD",
    "Device",
    "MfaRequired",
    "SignedIn",
    "accept_invitation",
    "add_favourite",
    "appoint_owner",
    "ask_to_change",
    "block",
    "change_role",
    "check_can_leave_all",
    "check_password",
    "create_account",
    "create_api_key",
    "create_team",
    "delete_account",
    "delete_team",
    "end_other_sessions",
    "end_own_session",
    "end_session",
    "end_sessions_of",
    "enter",
    "finish",
    "forget_old_sessions",
    "hand_out_tokens",
    "invite",
    "is_restorable",
    "leave_all",
    "leave_team",
    "mark_used",
    "offer_new_address",
    "refresh",
    "remove_favourite",
    "remove_member",
    "rename_organization",
    "resend_invitation",
    "reset_password",
    "restore",
    "revoke_api_key",
    "revoke_api_key_as_staff",
    "revoke_api_keys",
    "revoke_invitation",
    "revoke_invitation_as_staff",
    "see",
    "send_confirmation_again",
    "set_access",
    "set_avatar",
    "set_password",
    "sign_in",
    "sign_out",
    "sign_up",
    "start_token_session",
    "start_web_session",
    "tell_of_new_password",
    "transfer_team",
    "unblock",
    "update_preferences",
    "update_profile",
]

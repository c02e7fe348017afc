"""Every write of accounts."""

from accounts.services.access import set_access
from accounts.services.blocks import block, unblock
from accounts.services.devices import Device
from accounts.services.sessions import end_session, end_sessions_of, forget_old_sessions
from accounts.services.signing_in import (
    SignedIn,
    check_password,
    refresh,
    sign_in,
    sign_out,
    start_token_session,
    start_web_session,
)
from accounts.services.signing_up import MAX_PASSWORD, create_account, sign_up

__all__ = [
    "MAX_PASSWORD",
    "Device",
    "SignedIn",
    "block",
    "check_password",
    "create_account",
    "end_session",
    "end_sessions_of",
    "forget_old_sessions",
    "refresh",
    "set_access",
    "sign_in",
    "sign_out",
    "sign_up",
    "start_token_session",
    "start_web_session",
    "unblock",
]

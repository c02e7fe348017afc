"""Other sites' accounts by which a signed-in person may come in as well."""

import uuid

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db import transaction

from accounts.models import User
from accounts.providers import Identity, configured, name_of, title_of
from accounts.selectors.connections import public_id
from accounts.services import second_factor, social
from accounts.services.deletion import is_fresh_sign_in
from common.errors import Conflict, Forbidden, NotFound, ValidationProblem


def purpose_of(user_id: uuid.UUID) -> str:
    """What a state is for that connects something to this person."""
    return f"connect {user_id}"


def require_proof(*, user: User, session_id: uuid.UUID, password: str = "", code: str = "") -> None:
    """A new way in is worth as much as a password: a stolen session must not be enough to add one.

    A sign-in of the last five minutes, the password, or a code of the second factor is. Raises ValidationProblem
    (`errors.password`, `errors.code`), or Forbidden where there is no proof.
    """
    if is_fresh_sign_in(session_id):
        return
    if code:
        second_factor.check_code(user, code)
    elif not password:
        raise Forbidden(
            "You signed in a while ago. Please send your password, or a code of your second factor, or sign in again."
        )
    elif not user.check_password(password):
        raise ValidationProblem(errors={"password": ["This is not your password."]})


def connect(*, user_id: uuid.UUID, identity: Identity) -> SocialAccount:
    """Connects it; what is connected already stays so. Raises Conflict where it is somebody else's."""
    try:
        return _connect(user_id, identity)
    except social.FasterError:
        return _connect(user_id, identity)


@transaction.atomic
def _connect(user_id: uuid.UUID, identity: Identity) -> SocialAccount:
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    account = social.find_account(identity)
    if account is None:
        return social.add_account(user, identity)
    if account.user_id != user_id:
        title = title_of(identity.provider)
        raise Conflict(f"This {title} account is connected to another account here. Disconnect it there first.")
    return account


@transaction.atomic
def disconnect(*, user_id: uuid.UUID, connection_id: uuid.UUID) -> None:
    """Raises NotFound, or Conflict where the person could not come in any more."""
    # of two at once the second waits here, and finds what the first has left
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    accounts = {public_id(account): account for account in SocialAccount.objects.filter(user_id=user_id)}
    account = accounts.pop(connection_id, None)
    if account is None:
        raise NotFound
    if not has_way_in(user, list(accounts.values())):
        raise Conflict(
            "This is your only way in. Set a password, confirm your address or connect another account first."
        )
    account.delete()
    social.tell_of_connection(user, name_of(account.provider), added=False)


def has_way_in(user: User, others: list[SocialAccount]) -> bool:
    """A confirmed address is one: a link can be sent to it. An account of a site that is off here is none."""
    on = {provider.stored_as for provider in configured()}
    return (
        user.has_usable_password()
        or user.email_verified
        or any(account.provider in on for account in others)
        or _has_passkey(user)
    )


def _has_passkey(user: User) -> bool:
    """One that signs in by itself; a second factor alone does not."""
    keys = Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.WEBAUTHN)
    return settings.MFA_PASSKEY_LOGIN_ENABLED and any(key.wrap().is_passwordless for key in keys)

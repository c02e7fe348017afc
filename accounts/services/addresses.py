"""A person's address: confirmed, proven by a link, changed. allauth's table holds the same and is kept equal."""

import uuid

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.db import IntegrityError, transaction

from accounts.models import ApiKey, MailKey, User
from accounts.names import masked_address
from accounts.services import mail_keys
from accounts.services.deletion import is_fresh_sign_in
from accounts.services.ending_keys import end_keys
from accounts.services.mail_keys import Kind
from accounts.services.sessions import EndReason, end_sessions_of
from common import audit, mail
from common.errors import Conflict, Forbidden, Gone, ValidationProblem


def send_confirmation(user: User) -> MailKey:
    """A link that confirms the address. An earlier one still works."""
    return mail_keys.send(
        Kind.CONFIRM, email=user.email, user=user, context={"name": user.display_name or user.username}
    )


def send_confirmation_again(*, user_id: uuid.UUID) -> None:
    """Nothing is sent to who has confirmed already."""
    user = User.objects.get(pk=user_id)
    if not user.email_verified:
        send_confirmation(user)


@transaction.atomic
def confirm(key: MailKey) -> User:
    """The link of `send_confirmation` was followed. Raises Gone where the person has another address by now."""
    user = _owner(key)
    set_verified(user)
    return user


@transaction.atomic
def prove(key: MailKey) -> User:
    """Who follows a link that was not asked for by the one who signed up (magic link, new password) owns the address.

    Whatever was set up while nobody had confirmed it may be a stranger's trap: password, sessions, keys and connected
    accounts of an unconfirmed account end here.
    """
    user = _owner(key)
    if not user.email_verified:
        wipe_credentials(user)
        set_verified(user)
    return user


def wipe_credentials(user: User) -> None:
    """Ends every way in that was set up by now, open links among them; the address alone remains."""
    user.set_unusable_password()
    user.save(update_fields=["password", "updated_at"])
    mail_keys.withdraw(user.pk)
    end_sessions_of(user_id=user.pk, reason=EndReason.PASSWORD)
    Authenticator.objects.filter(user_id=user.pk).delete()
    SocialAccount.objects.filter(user_id=user.pk).delete()
    end_keys(ApiKey.objects.filter(user_id=user.pk), actor=user)
    audit.record(actor=user, action="user.credentials_wiped", target=user, reason="The address was proven by a link.")


def ask_to_change(*, user_id: uuid.UUID, session_id: uuid.UUID, email: str, password: str) -> None:
    """Mails a link to the new address, unless it is somebody's already: the answer tells nobody which.

    Raises ValidationProblem (`errors.password`) where the person has a password and this is not it, Forbidden where
    they have none and have not signed in just now.
    """
    user = User.objects.get(pk=user_id)
    if user.has_usable_password():
        if not user.check_password(password):
            raise ValidationProblem(errors={"password": ["This is not your password."]})
    elif not is_fresh_sign_in(session_id):
        raise Forbidden("Please sign in again: an address can be changed within five minutes of that.")
    offer_new_address(user_id=user_id, email=email)


@transaction.atomic
def offer_new_address(*, user_id: uuid.UUID, email: str) -> None:
    """As `ask_to_change`, for who has proven themselves just now."""
    user = User.objects.get(pk=user_id)
    mail_keys.withdraw(user.pk, Kind.CHANGE_EMAIL)
    if not User.objects.by_email(email).exists():
        mail_keys.send(Kind.CHANGE_EMAIL, email=email, user=user, context={"name": user.display_name or user.username})


@transaction.atomic
def change(key: MailKey) -> User:
    """The link of `ask_to_change` was followed; the old address is told. Raises Conflict where somebody was faster."""
    user = _take(key)
    old, user.email, user.email_verified = user.email, User.objects.normalize_email(key.email), True
    try:
        with transaction.atomic():
            user.save(update_fields=["email", "email_verified", "updated_at"])
    except IntegrityError as error:
        raise Conflict("This address has an account by now.") from error
    _mirror(user)
    mail_keys.withdraw(user.pk)
    mail.send(
        "email_changed",
        to=old,
        context={"new_email": masked_address(user.email)},
        locale=user.locale,
        timezone=user.timezone,
        user_id=user.pk,
    )
    audit.record(actor=user, action="user.email_changed", target=user)
    return user


def _owner(key: MailKey) -> User:
    """The person whose address the link was sent to, with the link used up."""
    user = _take(key)
    if user.email.lower() != key.email.lower():
        raise Gone("This link is for an address that is not yours any more.")
    return user


def _take(key: MailKey) -> User:
    """Uses the link up. The person is locked before it, in the order of whoever withdraws a person's links."""
    people = User.objects.select_for_update(of=("self",), no_key=True)
    user = people.filter(mail_keys=key, is_active=True, anonymised_at=None).first()
    if user is None:
        raise Gone("This account is closed.")
    mail_keys.use(key)
    return user


def set_verified(user: User) -> None:
    """The address is proven to be theirs."""
    user.email_verified = True
    user.save(update_fields=["email_verified", "updated_at"])
    _mirror(user)


def _mirror(user: User) -> None:
    """allauth asks its own table whether an address is confirmed."""
    EmailAddress.objects.filter(user_id=user.pk).exclude(email=user.email.lower()).delete()
    EmailAddress.objects.update_or_create(
        user=user, email=user.email.lower(), defaults={"primary": True, "verified": user.email_verified}
    )

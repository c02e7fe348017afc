"""Signing in by another site: there and back, and whom of ours that is.

The site is asked before the database: no connection is held while we wait for somebody else.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.core import signing
from django.db import IntegrityError, transaction

from accounts.models import MailKey, User
from accounts.providers import Identity, get_provider, title_of
from accounts.providers.google import Google
from accounts.services import mail_keys, oauth_state
from accounts.services.signing_up import create_account
from common import audit, mail
from common.errors import Conflict, Unauthenticated, ValidationProblem

SIGN_IN = "sign_in"
PENDING_SALT, PENDING_SECONDS = "accounts.social.pending", 1800
CREDENTIAL_SECONDS = 3600 + 60  # Google's ID tokens live an hour
LONGEST_REDIRECT = 1000


@dataclass(frozen=True)
class Started:
    """Where to send the person, and what to keep until they come back."""

    authorize_url: str
    state: str
    code_verifier: str


@dataclass(frozen=True)
class Pending:
    """Somebody whose site has told no address that it vouches for. `email` is one it told all the same, or empty."""

    key: str
    email: str


class FasterError(Conflict):
    """Somebody else did the same at the same moment; the next look finds what they made."""

    detail = "Somebody did the same at the same moment. Please try again."


# --- there ------------------------------------------------------------------------------------------------------------


def start(*, provider: str, redirect_uri: str, purpose: str = SIGN_IN, tell: bool = False) -> Started:
    """Begins a sign-in. `tell` says of a site that is off how to turn it on.

    Raises NotFound, ValidationProblem (`errors.redirect_uri`), ProviderFailed.
    """
    site = get_provider(provider, tell=tell)
    check_redirect(redirect_uri)
    verifier = oauth_state.new_verifier()
    state = oauth_state.issue(provider=provider, redirect_uri=redirect_uri, verifier=verifier, purpose=purpose)
    address = site.authorize_url(
        redirect_uri=redirect_uri,
        state=state,
        challenge=oauth_state.challenge_of(verifier),
        nonce=oauth_state.nonce_of(state),
    )
    return Started(address, state, verifier)


def check_redirect(address: str, field: str = "redirect_uri") -> None:
    """People go back to this site, to our own clients, and nowhere else. Raises ValidationProblem."""
    if address in settings.OAUTH_REDIRECT_URIS:
        return
    ours = {_origin(known) for known in (settings.PUBLIC_URL, settings.FRONTEND_URL, *settings.CORS_ALLOWED_ORIGINS)}
    origin = _origin(address)
    plain = address.isascii() and address.isprintable() and not set(address) & set(' \\#"<>')
    if origin is None or origin not in ours or not plain or len(address) > LONGEST_REDIRECT:
        raise ValidationProblem(errors={field: ["This is no address of this site or of a client of its own."]})


def _origin(address: str) -> tuple[str, str, int | None] | None:
    try:
        parts = urlsplit(address)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, port


# --- and back ---------------------------------------------------------------------------------------------------------


def identify(
    *, provider: str, code: str, state: str, redirect_uri: str, code_verifier: str, purpose: str = SIGN_IN
) -> Identity:
    """Who came back. The state is used up, whatever comes of it.

    Raises NotFound, ValidationProblem (`errors.state`, `errors.code`), ProviderFailed, Unavailable.
    """
    site = get_provider(provider)
    oauth_state.redeem(state, provider=provider, redirect_uri=redirect_uri, verifier=code_verifier, purpose=purpose)
    nonce = oauth_state.nonce_of(state)
    return site.identity(code=code, redirect_uri=redirect_uri, verifier=code_verifier, nonce=nonce)


def identify_credential(credential: str) -> Identity:
    """Whom an ID token is about that Google's button gave to a page; each is good for once.

    Raises NotFound, Unauthenticated, ProviderFailed, Unavailable.
    """
    site = get_provider(Google.name)
    assert isinstance(site, Google)
    identity = site.credential_identity(credential)
    if not oauth_state.use_once("oauth:credential", credential, CREDENTIAL_SECONDS):
        raise Unauthenticated("This sign-in was used already. Please try again.")
    return identity


# --- whom of ours -----------------------------------------------------------------------------------------------------


def resolve(identity: Identity) -> User | Pending:
    """The person of ours whom this identity may sign in as, made or connected where it is new.

    Only an address that the site has verified counts, and only with an account whose own address is confirmed.
    Raises Conflict where the address has an account that nobody has confirmed.
    """
    try:
        return _resolve(identity)
    except FasterError:
        return _resolve(identity)


@transaction.atomic
def _resolve(identity: Identity) -> User | Pending:
    account = find_account(identity)
    if account:
        account.save(update_fields=["last_login"])
        return account.user
    if not identity.email_verified:
        return Pending(_seal(identity), identity.email)
    user = User.objects.by_email(identity.email).select_for_update(no_key=True).first()
    if user is None:
        return _new_person(identity, identity.email)
    if not user.email_verified:
        # whoever signed up with it may not be its owner, and would share the account from now on
        raise Conflict(
            "There is an account with this address, which nobody has confirmed. Please choose a new password by "
            f"“Forgotten password”, and then connect {title_of(identity.provider)} in your account."
        )
    # looked for once more: who came by it at the same moment had the person's row before us
    if user.is_active and not user.is_banned and find_account(identity) is None:
        add_account(user, identity)
    return user


def find_account(identity: Identity) -> SocialAccount | None:
    accounts = SocialAccount.objects.select_related("user")
    return accounts.filter(provider=identity.stored_as, uid=identity.uid).first()


def _new_person(identity: Identity, email: str) -> User:
    try:
        with transaction.atomic():
            user = create_account(email=email, password=None, email_verified=True)
            _save(user, identity)
            return user
    except (Conflict, IntegrityError) as error:
        raise FasterError from error


def add_account(user: User, identity: Identity) -> SocialAccount:
    """Connects it, and tells the person by mail. Raises FasterError where it was connected at this moment."""
    try:
        with transaction.atomic():
            account = _save(user, identity)
    except IntegrityError as error:
        raise FasterError from error
    tell_of_connection(user, identity.provider, added=True)
    return account


def _save(user: User, identity: Identity) -> SocialAccount:
    return SocialAccount.objects.create(
        user=user, provider=identity.stored_as, uid=identity.uid, extra_data={"label": identity.label}
    )


def tell_of_connection(user: User, provider: str, *, added: bool) -> None:
    """A mail to the person, and an entry in the trail."""
    mail.send(
        "connection_changed",
        to=user.email,
        context={"provider": title_of(provider), "added": added},
        locale=user.locale,
        timezone=user.timezone,
        user_id=user.pk,
    )
    action = "user.connection_added" if added else "user.connection_removed"
    audit.record(actor=user, action=action, target=user, data={"provider": provider})


# --- without an address -----------------------------------------------------------------------------------------------


def ask_address(*, key: str, email: str) -> None:
    """Mails a link to `email` that makes the account. The answer is the same whether the address has one.

    Raises Unauthenticated as `unseal` does, Conflict where the identity has got an account meanwhile.
    """
    identity = unseal(key)
    title = title_of(identity.provider)
    if find_account(identity):
        raise Conflict(f"This {title} account has an account here by now. Please sign in with {title}.")
    mail_keys.send(
        MailKey.Kind.OAUTH, email=email, user=None, context={"provider": title}, data=_without_address(identity)
    )


@transaction.atomic
def complete(mail_key: MailKey) -> User:
    """The new person behind a link of `ask_address`, which the caller has used up in this transaction.

    Its follower owns the address, and nothing says that they own an account which has it: that is never connected here.
    Raises Conflict.
    """
    identity = Identity(**mail_key.data)
    title = title_of(identity.provider)
    if find_account(identity):
        raise Conflict(f"This {title} account has an account here by now. Please sign in with {title}.")
    if User.objects.by_email(mail_key.email).exists():
        raise Conflict(f"This address has an account already. Please sign in, and connect {title} in your account.")
    return _new_person(identity, mail_key.email)


def unseal(key: str) -> Identity:
    """Whose identity waits for an address. Raises Unauthenticated for a key that is not ours, or too old."""
    try:
        return Identity(**signing.loads(key, salt=PENDING_SALT, max_age=PENDING_SECONDS))
    except (signing.BadSignature, ValueError):
        raise Unauthenticated("This took too long. Please start again.") from None


def _seal(identity: Identity) -> str:
    return signing.dumps(_without_address(identity), salt=PENDING_SALT, compress=True)


def _without_address(identity: Identity) -> dict[str, Any]:
    return asdict(replace(identity, email="", email_verified=False))

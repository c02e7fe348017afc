"""What higher floors add to an account. They register in their `AppConfig.ready()`.

Each `on_…` takes a function; what it is called with, and when, stands beside it.
"""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from common.callbacks import Callbacks

if TYPE_CHECKING:
    from accounts.models import User

MePart = Callable[["User", uuid.UUID], Any]


# (user, personal organisation): in the transaction that makes the account; an error undoes it
account_created = Callbacks()
on_account_created = account_created.add

# (user): in the transaction that hides, brings back, or anonymises for good
account_deleted = Callbacks()
on_account_deleted = account_deleted.add
account_restored = Callbacks()
on_account_restored = account_restored.add
account_anonymised = Callbacks()
on_account_anonymised = account_anonymised.add

# (user, auth_session, is_new_device: bool): in the transaction that begins the session
signed_in = Callbacks()
on_signed_in = signed_in.add

# (user): how others see them changed: name, username, picture; in the transaction that changes it
profile_changed = Callbacks()
on_profile_changed = profile_changed.add
# (key in the media storage): nobody's picture any more; in the transaction that drops it
avatar_dropped = Callbacks()
on_avatar_dropped = avatar_dropped.add

# (organization): a team was made (a personal one comes with `account_created`)
organization_created = Callbacks()
on_organization_created = organization_created.add
# (organization): about to be deleted; raises Conflict to keep it
organization_deleting = Callbacks()
before_organization_deleted = organization_deleting.add
# (invitation, invited person or None where the address has no account)
person_invited = Callbacks()
on_person_invited = person_invited.add

# (api_key, budget: Decimal a month or None)
api_key_created = Callbacks()
on_api_key_created = api_key_created.add


# --- parts of `GET /api/auth/me` --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """The plan a person is on, by its name in the catalogue."""

    name: str = "free"
    is_premium: bool = False


FREE = Plan()
ME_PARTS = ("wallet", "subscription", "limits")

_me_parts: dict[str, MePart] = {}
_plan_reader: Callable[[uuid.UUID], Plan] | None = None


def add_me_part(name: str, read: MePart) -> None:
    """`GET /api/auth/me` answers `read(user, personal organisation's id)` under `name`."""
    _me_parts[name] = read


def me_parts(user: "User", organization_id: uuid.UUID) -> dict[str, Any]:
    """Every part of `me` beside the user; those that no app has registered are None."""
    return dict.fromkeys(ME_PARTS) | {name: read(user, organization_id) for name, read in _me_parts.items()}


def set_plan_reader(read: Callable[[uuid.UUID], Plan]) -> None:
    """`read(personal organisation's id)` tells the plan of a person."""
    global _plan_reader  # noqa: PLW0603
    _plan_reader = read


def plan_of(organization_id: uuid.UUID) -> Plan:
    return _plan_reader(organization_id) if _plan_reader else FREE


# --- wallets ----------------------------------------------------------------------------------------------------------

# ids of organisations -> what each has to spend, a string as the contract writes credits
WalletReader = Callable[[list[uuid.UUID]], dict[uuid.UUID, str]]
_wallet_reader: WalletReader | None = None


def set_wallet_reader(read: WalletReader) -> None:
    """What stands beside an organisation in its people's lists."""
    global _wallet_reader  # noqa: PLW0603
    _wallet_reader = read


def wallet_totals(organization_ids: list[uuid.UUID]) -> dict[uuid.UUID, str]:
    return _wallet_reader(organization_ids) if _wallet_reader else {}


# --- the picture ------------------------------------------------------------------------------------------------------

_avatar_reader: Callable[[str], str] | None = None


def set_avatar_reader(read: Callable[[str], str]) -> None:
    """`read(key)` is the address of the picture that the storage keeps under `key`."""
    global _avatar_reader  # noqa: PLW0603
    _avatar_reader = read


def avatar_url(key: str) -> str | None:
    return _avatar_reader(key) if key and _avatar_reader else None


# --- a person's own data ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LongList:
    """A JSON object whose last member is a list too long to be held at once: `{**head, name: [*items]}`."""

    head: dict[str, Any]
    name: str
    items: Iterable[Any]


# name of a file inside the archive, and what it holds: anything JSON can say, a LongList, or an open binary file
ExportFile = tuple[str, Any]


@dataclass(frozen=True)
class ExportPart:
    """What one app keeps of a person. `says` tells them what it is."""

    says: str
    read: Callable[["User"], Iterable[ExportFile]]
    size: Callable[["User"], int]


_export_parts: dict[str, ExportPart] = {}


def add_export_part(
    name: str,
    read: Callable[["User"], Iterable[ExportFile]],
    *,
    says: str = "",
    size: Callable[["User"], int] = lambda user: 1,
) -> None:
    """`read(user)` yields the files of the folder `name` in a person's own copy; large things come as several, or as a
    LongList. `says` describes the folder in a line, `size(user)` is about how many files and items there are, for the
    progress."""
    _export_parts[name] = ExportPart(says, read, size)


def export_parts() -> dict[str, ExportPart]:
    return dict(_export_parts)


# --- what others see of a person -------------------------------------------------------------------------------------

# (user's id, reader's id or None) -> something for the API as well, and something for the page alone
ProfilePart = Callable[[uuid.UUID, uuid.UUID | None], Any]
_profile_parts: dict[str, ProfilePart] = {}
_profile_page_parts: dict[str, ProfilePart] = {}


def add_profile_part(name: str, read: ProfilePart) -> None:
    """The public profile answers `read(user_id, viewer_id)` under `name`, over the API and on its page."""
    _profile_parts[name] = read


def profile_parts(user_id: uuid.UUID, viewer_id: uuid.UUID | None) -> dict[str, Any]:
    return {name: read(user_id, viewer_id) for name, read in _profile_parts.items()}


def add_profile_page_part(name: str, read: ProfilePart) -> None:
    """The profile's page shows `read(user_id, viewer_id)` (see templates/accounts/person.html)."""
    _profile_page_parts[name] = read


def profile_page_parts(user_id: uuid.UUID, viewer_id: uuid.UUID | None) -> dict[str, Any]:
    return {name: read(user_id, viewer_id) for name, read in _profile_page_parts.items()}


# --- favourites -------------------------------------------------------------------------------------------------------

# (ids, viewer's id) -> what to show of each that the viewer may see
FavouriteReader = Callable[[list[uuid.UUID], uuid.UUID], dict[uuid.UUID, dict[str, Any]]]
_favourite_kinds: dict[str, FavouriteReader] = {}


def add_favourite_kind(target_type: str, read: FavouriteReader) -> None:
    """Lets people keep things of this kind as favourites."""
    _favourite_kinds[target_type] = read


def favourite_kinds() -> dict[str, FavouriteReader]:
    return dict(_favourite_kinds)


# --- API keys ---------------------------------------------------------------------------------------------------------

# ids of keys -> {id: {"budget": …, "spent": …}}
_api_key_reader: Callable[[list[uuid.UUID]], dict[uuid.UUID, dict[str, Any]]] | None = None


def set_api_key_reader(read: Callable[[list[uuid.UUID]], dict[uuid.UUID, dict[str, Any]]]) -> None:
    """What is shown of a key beside its own fields: its budget and what of it is spent."""
    global _api_key_reader  # noqa: PLW0603
    _api_key_reader = read


def api_key_parts(key_ids: list[uuid.UUID]) -> dict[uuid.UUID, dict[str, Any]]:
    return _api_key_reader(key_ids) if _api_key_reader else {}

"""What people can be told of. The app that a kind belongs to registers it in its `AppConfig.ready()`."""

from collections.abc import Callable
from dataclasses import dataclass

# a notification's reference id -> where in the web app it leads, or None
Address = Callable[[str], str | None]


@dataclass(frozen=True)
class Kind:
    """One kind of notification.

    `about` says in a few words what it tells of. `mail` is the kind of mail (`common.mail`) that goes out with it to a
    confirmed address, if any. `icon` is a heroicon's name, shown in the list where no person acted.
    """

    name: str
    about: str
    can_be_muted: bool = True
    mail: str | None = None
    icon: str = "bell"
    address: Address | None = None


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Raises ValueError where another kind has this name."""
    if _kinds.setdefault(kind.name, kind) != kind:
        raise ValueError(f"there is another kind of notification called {kind.name}")


def get(name: str) -> Kind:
    """Raises LookupError for a kind that no app has registered: an error of whoever wrote the call."""
    try:
        return _kinds[name]
    except KeyError as error:
        raise LookupError(f"no app has registered a notification called {name}") from error


def find(name: str) -> Kind | None:
    """For rows, which may be older than the code."""
    return _kinds.get(name)


def registered() -> list[Kind]:
    return list(_kinds.values())

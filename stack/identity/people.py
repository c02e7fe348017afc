"""The people one may be. They are invented, and so are their addresses."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """`email` is empty for who has none. `sub` is the same for ever."""

    sub: str
    name: str
    username: str
    email: str = ""
    verified: bool = False

    @property
    def says(self) -> str:
        """Beside the name, on the page where one chooses."""
        if not self.email:
            return "has no mail address"
        return f"{self.email}, {'verified' if self.verified else 'not verified'}"


PEOPLE = (
    Person("100001", "Vera Verified", "vera", "vera@identity.example", verified=True),
    Person("100002", "Victor Verified", "victor", "victor@identity.example", verified=True),
    Person("100003", "Uma Unverified", "uma", "uma@identity.example"),
    Person("100004", "Nils Noaddress", "nils"),
)

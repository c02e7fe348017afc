"""Where a sign-in comes from."""

import ipaddress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Device:
    """Where a sign-in comes from, as the person will see it in the list of their sessions."""

    user_agent: str = ""
    address: str = ""

    def columns(self) -> dict[str, Any]:
        return {"user_agent": self.user_agent.replace("\x00", "")[:300], "address": _valid_address(self.address)}


def _valid_address(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return None

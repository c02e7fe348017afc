"""The cast: who they are, and how a test signs them up."""

import uuid
from dataclasses import dataclass
from typing import Any

PASSWORD = "opening night at eight"


@dataclass(frozen=True)
class Person:
    """One of the cast: the account and a live access token."""

    user: Any
    organization_id: uuid.UUID
    token: str
    refresh: str

    @property
    def id(self) -> uuid.UUID:
        return self.user.pk

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

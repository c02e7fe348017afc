"""The local identity provider (`stack/identity`) as tests need it: nobody has to press a button, and it may fail."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx

from stack.identity import Client, IdentityServer
from stack.identity.dialects import DIALECTS, Dialect
from stack.identity.grants import Grant
from stack.identity.keys import SigningKey
from stack.identity.people import PEOPLE, Person
from stack.identity.server import Answer, Call

CLIENT_ID, SECRET = "troupe-tests", "a secret between two servers 5521"
VERA, VICTOR, UMA, NILS = PEOPLE


@dataclass
class Fault:
    """What one path answers instead of what it should."""

    status: int = 200
    body: str = ""
    delay: float = 0.0
    content_type: str = "application/json"
    location: str = ""


@dataclass
class Returned:
    """What the browser is sent back to us with."""

    code: str
    state: str
    error: str


class Identity(IdentityServer):
    """`identity.fault("/token", status=500)`; `identity.change` alters claims, `identity.sign` signs them otherwise.

    `identity.calls` is what was asked.
    """

    def __init__(self, redirect_uris: tuple[str, ...] = ("*",), port: int = 0) -> None:
        super().__init__([Client(CLIENT_ID, SECRET, redirect_uris)], port)
        self.other_key = SigningKey("another-key")
        self.forget()

    def forget(self) -> None:
        self.faults: dict[str, Fault] = {}
        self.calls: list[Call] = []
        self.change: Callable[[dict[str, Any]], dict[str, Any]] = dict
        self.sign: Callable[[dict[str, Any]], str] = self.key.sign

    def fault(self, path: str, **fields: Any) -> None:
        self.faults[path] = Fault(**fields)

    def invent(self, **fields: Any) -> Person:
        """One more person, whom nobody else knows."""
        sub = str(uuid.uuid4().int)[:18]
        self.people[sub] = person = Person(sub, fields.pop("name", "Ida Invented"), f"user{sub}", **fields)
        return person

    def answer(self, call: Call) -> Answer:
        self.calls.append(call)
        if fault := self.faults.get(call.path):
            time.sleep(fault.delay)
            if fault.body or fault.status != 200:
                return Answer(fault.status, fault.body, fault.content_type, fault.location)
        return super().answer(call)

    def claims(self, dialect: Dialect, grant: Grant) -> dict[str, Any]:
        return self.change(super().claims(dialect, grant))

    def id_token(self, claims: dict[str, Any]) -> str:
        return self.sign(claims)

    def credential(self, person: Person, **claims: Any) -> str:
        """An ID token as Google's button hands it to a page."""
        dialect = next(each for each in DIALECTS if each.name == "google")
        grant = Grant(person, CLIENT_ID, "", "openid", "", "", 0)
        return self.id_token(self.claims(dialect, grant) | claims)

    def providers(self) -> dict[str, dict[str, str]]:
        """For `settings.SIGN_IN_PROVIDERS`."""
        block = {"CLIENT_ID": CLIENT_ID, "CLIENT_SECRET": SECRET, "BASE_URL": self.url}
        return {name: dict(block) for name in ("google", "discord", "twitter", "local")}

    def environment(self) -> dict[str, str]:
        """For a site in a process of its own. `LOCAL_IDENTITY_URL` comes with a client of its own name."""
        self.clients["troupe"] = Client("troupe", SECRET, ("*",))
        sites = ("GOOGLE", "DISCORD", "TWITTER")
        keys = {f"{site}_CLIENT_ID": CLIENT_ID for site in sites} | {f"{site}_CLIENT_SECRET": SECRET for site in sites}
        bases = {f"{site}_BASE_URL": self.url for site in sites}
        return keys | bases | {"LOCAL_IDENTITY_URL": self.url, "LOCAL_IDENTITY_SECRET": SECRET}

    def choose(self, authorize_url: str, person: Person | None) -> Returned:
        """What a browser does there: opens the page and presses a button (for None: the one to turn back)."""
        parts = urlsplit(authorize_url)
        form = dict(parse_qsl(parts.query)) | {"person": person.sub if person else ""}
        response = httpx.post(f"{self.url}{parts.path}", data=form, trust_env=False)
        assert response.status_code == 302, response.text
        query = parse_qs(urlsplit(response.headers["Location"]).query)
        return Returned(*(query.get(name, [""])[0] for name in ("code", "state", "error")))

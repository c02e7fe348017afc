"""Every kind of mail: what its template is given, and whether it has a link.

A kind's text is `templates/mail/<locale>/<kind>.md`. To add one: a line here and a file in each language.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

# How a value of the context is shown: `text` as it is; `time` and `date` in the person's zone and language;
# `size` (bytes) and `number` in their language; `word` as `common.mail.words` has it.
Form = Literal["text", "time", "date", "size", "number", "word"]


@dataclass(frozen=True)
class Kind:
    has_link: bool
    context: MappingProxyType[str, Form]


def _kind(*, link: bool = False, **context: Form) -> Kind:
    return Kind(link, MappingProxyType(context))


KINDS: dict[str, Kind] = {
    "confirm_email": _kind(link=True, name="text"),
    "magic_link": _kind(link=True, minutes="number"),
    "reset_password": _kind(link=True, minutes="number"),
    "password_changed": _kind(device="text", at="time"),
    "change_email": _kind(link=True, name="text"),
    "email_changed": _kind(new_email="text"),
    "oauth_confirm": _kind(link=True, provider="text"),
    "connection_changed": _kind(provider="text", added="word"),
    "second_factor_changed": _kind(change="word"),
    "new_sign_in": _kind(device="text", place="text", at="time", method="word"),
    "organization_invited": _kind(link=True, organization="text", inviter="text", role="word", days="number"),
    "organization_owner": _kind(organization="text", previous="text"),
    "api_key_created": _kind(name="text", prefix="text", organization="text"),
    "export_ready": _kind(link=True, days="number", size="size"),
    "account_deleted": _kind(link=True, until="date"),
    "account_restored": _kind(),
    "account_anonymised": _kind(),
}

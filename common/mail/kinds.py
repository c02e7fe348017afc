"""Every kind of mail: what its text is given, and whether it has a link.

A kind's text is `templates/mail/<language>/<kind>.md`. To add one: a line here and a file in each language.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


class Form(Enum):
    """How a value of a context is shown."""

    TEXT = "as it is, on one line"
    FLAG = "true or false, for the text to choose by"
    WORD = "as `common.mail.words` translates it"
    TIME = "an ISO time, in the person's zone and language"
    DATE = "the date of an ISO time, likewise"
    SIZE = "bytes"
    MINUTES = "a number of minutes"
    DAYS = "a number of days"


@dataclass(frozen=True)
class Kind:
    has_link: bool
    context: Mapping[str, Form]


def _kind(*, link: bool = False, **context: Form) -> Kind:
    return Kind(link, MappingProxyType(context))


KINDS: dict[str, Kind] = {
    "confirm_email": _kind(link=True, name=Form.TEXT),
    "magic_link": _kind(link=True, minutes=Form.MINUTES),
    "reset_password": _kind(link=True, minutes=Form.MINUTES),
    "password_changed": _kind(device=Form.TEXT, at=Form.TIME),
    "change_email": _kind(link=True, name=Form.TEXT),
    "email_changed": _kind(new_email=Form.TEXT),
    "oauth_confirm": _kind(link=True, provider=Form.WORD),
    "connection_changed": _kind(provider=Form.WORD, added=Form.FLAG),
    "second_factor_changed": _kind(change=Form.WORD),
    "new_sign_in": _kind(device=Form.TEXT, place=Form.TEXT, at=Form.TIME, method=Form.WORD),
    "organization_invited": _kind(link=True, organization=Form.TEXT, inviter=Form.TEXT, role=Form.WORD, days=Form.DAYS),
    "organization_owner": _kind(organization=Form.TEXT, previous=Form.TEXT),
    "api_key_created": _kind(name=Form.TEXT, prefix=Form.TEXT, organization=Form.TEXT),
    "export_ready": _kind(link=True, days=Form.DAYS, size=Form.SIZE),
    "account_deleted": _kind(link=True, until=Form.DATE),
    "account_restored": _kind(),
    "account_anonymised": _kind(),
    "payment_received": _kind(description=Form.TEXT, amount=Form.TEXT),
    "payment_failed": _kind(description=Form.TEXT, amount=Form.TEXT, top_up_off=Form.FLAG),
    "renewal_failed": _kind(plan=Form.TEXT, until=Form.DATE),
    "plan_changed": _kind(plan=Form.TEXT, organization=Form.TEXT, ended=Form.FLAG),
    "low_balance": _kind(left=Form.TEXT, organization=Form.TEXT),
}

"""The secret in a link: a row's id with a signature, so that what is stored is not enough to use it.

Signed with SECRET_KEY and for one purpose; whether it was used or is too old, the row tells.
"""

import base64
import binascii
import hmac
import uuid

from django.utils.crypto import salted_hmac

SIGNATURE_BYTES = 16
LENGTH = 43  # characters: 16 bytes of the id and 16 of the signature, in base64


def seal(purpose: str, row_id: uuid.UUID) -> str:
    """The text that stands for the row in a link: 43 letters, digits, dashes and underscores."""
    return base64.urlsafe_b64encode(row_id.bytes + _signature(purpose, row_id)).decode().rstrip("=")


def unseal(purpose: str, text: str) -> uuid.UUID | None:
    """The row's id, or None where the text is not one of ours for this purpose."""
    if len(text) != LENGTH or not text.isascii():
        return None
    try:
        row_id = uuid.UUID(bytes=base64.b64decode(text + "=", altchars=b"-_", validate=True)[:16])
    except binascii.Error:
        return None
    # The whole text, since the last letter has two bits to spare: four texts would stand for the same bytes.
    return row_id if hmac.compare_digest(text, seal(purpose, row_id)) else None


def _signature(purpose: str, row_id: uuid.UUID) -> bytes:
    return salted_hmac(f"common.keys.{purpose}", row_id.bytes, algorithm="sha256").digest()[:SIGNATURE_BYTES]

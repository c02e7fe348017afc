"""What staff have taken down does not come back, not even by what was on its way when they did."""

from common.database import fetch_one
from common.errors import Unprocessable
from media.models import Asset


def refuse_taken_down(sha256: str) -> None:
    """By what was sent, and by what is shown of it. Raises Unprocessable `CONTENT_REJECTED`."""
    taken_down = Asset.objects.exclude(taken_down_at=None)
    as_sent, as_shown = {"content__sha256": sha256}, {"content__renditions__sha256": sha256}
    if taken_down.filter(**as_sent).exists() or taken_down.filter(**as_shown).exists():
        raise Unprocessable("This file was taken down here, so it was not stored again.", code="CONTENT_REJECTED")


def settle(sha256: str) -> None:
    """In the transaction that makes a use of these bytes, before its locks. Raises as `refuse_taken_down`."""
    lock(sha256)
    refuse_taken_down(sha256)


def lock(sha256: str) -> None:
    """Taking these bytes down and making a use of them wait for each other, to the end of the transaction."""
    fetch_one("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"bytes {sha256}"])

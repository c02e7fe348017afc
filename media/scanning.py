"""Asking ClamAV whether a file holds what it shouldn't, where CLAMAV_ADDRESS names a scanner."""

from pathlib import Path
from typing import IO, BinaryIO, cast
from urllib.parse import urlsplit

import structlog
from clamav_client.clamd import ClamdError, ClamdNetworkSocket, ClamdUnixSocket
from django.conf import settings

from common.errors import Unavailable, Unprocessable

log = structlog.get_logger(__name__)
PIECE = 64 * 1024
# clamd answers when it has read all of the file, and it reads some tens of megabytes a second
SECONDS, BYTES_A_SECOND = 30, 8 * 1024 * 1024
AWAY = "Files can't be checked for viruses at the moment, so nothing was stored. Please try again shortly."


class _InLargePieces:
    """clamav-client reads a kilobyte at a time, and sends each by itself; this gives it more."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file

    def read(self, _: int) -> bytes:
        return self.file.read(PIECE)


def scan(path: Path) -> None:
    """Returns where there is no scanner, or it finds nothing.

    Raises Unprocessable `CONTENT_REJECTED` where it does, Unavailable where it can't tell.
    """
    if not settings.CLAMAV_ADDRESS:
        return
    scanner = _scanner(SECONDS + path.stat().st_size // BYTES_A_SECOND)
    with path.open("rb") as file:
        try:
            found = scanner.instream(cast("BinaryIO", _InLargePieces(file)))
        except (ClamdError, OSError) as error:
            # where it hangs up in mid-file, that is larger than its StreamMaxLength
            log.exception("virus scanner away", address=settings.CLAMAV_ADDRESS)
            raise Unavailable(AWAY) from error
    status, name = next(iter(found.values()), ("ERROR", None))
    if status == "FOUND":
        log.warning("virus found", virus=name)
        raise Unprocessable("This file is not safe, so it was not stored.", code="CONTENT_REJECTED")
    if status != "OK":
        log.error("virus scanner can't tell", answer=name)
        raise Unavailable(AWAY)


def _scanner(timeout: int) -> ClamdNetworkSocket:
    address = urlsplit(settings.CLAMAV_ADDRESS)
    if address.scheme == "unix":
        return ClamdUnixSocket(address.path, timeout)
    return ClamdNetworkSocket(str(address.hostname), address.port or 3310, timeout)

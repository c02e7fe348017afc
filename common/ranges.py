"""Ranges of a file over HTTP: a download that broke off goes on, and a player may jump (RFC 9110, 14)."""

import re

RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


def asked_range(wanted: str | None, size: int) -> tuple[int, int] | None:
    """First and last byte that the header `Range` asks for; the first greater than the last where there are none.

    None for the whole file: without the header, or where it asks for what we don't give (several ranges, other units).
    """
    match = RANGE.fullmatch(wanted.strip()) if wanted else None
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        return max(0, size - int(last)), size - 1
    return int(first), min(int(last), size - 1) if last else size - 1

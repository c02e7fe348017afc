"""Addresses of files: public ones for good, private ones signed for a quarter of an hour."""

import hmac
import time
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.utils.crypto import salted_hmac

from media.models import Asset, Visibility

PREFIX = "/media/"
SIGNED_SECONDS = 15 * 60
STEP_SECONDS = 60  # lists that are asked for again within it give the same addresses, which a browser then has


def asset_url(asset: Asset, variant: str | None = None) -> str:
    """Where the asset is shown. A private one's address is signed: whoever has it may see it until it is over."""
    query = {"variant": variant} if variant else {}
    if asset.visibility == Visibility.PRIVATE:
        expires = _expiry()
        query |= {"expires": str(expires), "signature": signature("asset", asset.key, expires)}
        return f"{settings.PUBLIC_URL}{PREFIX}{asset.key}?{urlencode(query)}"
    return public_url(asset.key, variant)


def public_url(key: str, variant: str | None = None) -> str:
    """Through the CDN where there is one."""
    base = settings.CDN_BASE_URL or settings.PUBLIC_URL
    return f"{base}{PREFIX}{key}" + (f"?{urlencode({'variant': variant})}" if variant else "")


def key_of(url: str) -> str | None:
    """The asset's key in one of our own addresses, or None."""
    try:
        parts = urlsplit(url)
    except ValueError:  # half an IPv6 address, say
        return None
    ours = {urlsplit(base).netloc for base in (settings.PUBLIC_URL, settings.CDN_BASE_URL) if base} | {""}
    if parts.scheme not in {"http", "https", ""} or parts.netloc not in ours or not parts.path.startswith(PREFIX):
        return None
    return parts.path.removeprefix(PREFIX)


def signature(purpose: str, key: str, expires: int) -> str:
    """For one key, one purpose and one moment; the moment in Unix seconds."""
    return salted_hmac(f"media.links.{purpose}", f"{key}|{expires}", algorithm="sha256").hexdigest()[:32]


def is_signed(purpose: str, key: str, expires: str, given: str) -> bool:
    """Whether a signature is ours and its moment has not passed."""
    if not (expires.isascii() and expires.isdigit() and len(expires) <= 12 and given.isascii()):
        return False
    return hmac.compare_digest(given, signature(purpose, key, int(expires))) and int(expires) > time.time()


def _expiry() -> int:
    return int(time.time()) // STEP_SECONDS * STEP_SECONDS + SIGNED_SECONDS

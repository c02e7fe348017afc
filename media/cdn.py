"""The CDN in front of public files is asked to forget one by `PURGE`, the method that caches have agreed on."""

import httpx
from django.conf import settings

from media import links
from media.serving import VARIANTS

SECONDS = 10


class PurgeError(Exception):
    """The CDN did not say that it forgot; the job is tried again."""


def purge(key: str) -> None:
    """Every address under which the CDN may have kept the asset. Raises PurgeError; without a CDN nothing happens."""
    if not settings.CDN_BASE_URL:
        return
    headers = {"Authorization": f"Bearer {settings.CDN_PURGE_TOKEN}"} if settings.CDN_PURGE_TOKEN else {}
    with httpx.Client(timeout=SECONDS, headers=headers) as client:
        for url in [links.public_url(key), *(links.public_url(key, variant) for variant in VARIANTS)]:
            try:
                answer = client.request("PURGE", url)
            except httpx.HTTPError as error:
                raise PurgeError(f"no answer: {type(error).__name__}") from error
            if answer.status_code not in {200, 202, 204, 404}:
                raise PurgeError(f"answered {answer.status_code}")

"""A storage that is away, as callers are told of it."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from common.errors import Unavailable
from media.storages import StorageError

log = structlog.get_logger(__name__)
RETRY_SECONDS = 30


@contextmanager
def told_when_away() -> Iterator[None]:
    """Raises Unavailable where a storage does not do what it was asked; why, only the log says."""
    try:
        yield
    except StorageError as error:
        log.warning("media storage failed", reason=str(error))
        raise Unavailable(
            "The storage of files does not answer. Nothing was changed; please try again shortly.",
            retry_after=RETRY_SECONDS,
        ) from error

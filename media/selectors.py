"""What others read of media."""

from collections.abc import Iterator

from django.conf import settings
from django.core.files.storage import default_storage

from accounts.models import User
from accounts.registry import ExportFile


def avatar_url(key: str) -> str:
    """The public address of the picture that the storage keeps under `key`."""
    return f"{settings.PUBLIC_URL}/media/{key}"


def export_picture(user: User) -> Iterator[ExportFile]:
    """The person's picture, for their own copy."""
    if user.avatar and default_storage.exists(user.avatar):
        with default_storage.open(user.avatar) as file:
            yield "picture.webp", file

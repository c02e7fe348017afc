"""What a person settled about others, for their own copy."""

from collections.abc import Iterator

from accounts.models import Block, Favourite, FormerUsername, User
from accounts.registry import ExportFile


def export_people(user: User) -> Iterator[ExportFile]:
    """Blocks, favourites and names of before. Who blocked them is those people's own."""
    blocks = Block.objects.filter(user=user).select_related("blocked").order_by("pk")
    yield "blocked.json", [{"username": row.blocked.username, "since": row.created_at} for row in blocks]
    favourites = Favourite.objects.filter(user=user).order_by("pk")
    yield (
        "favourites.json",
        [{"type": row.target_type, "id": row.target_id, "since": row.created_at} for row in favourites],
    )
    names = FormerUsername.objects.filter(user=user).order_by("pk")
    yield "former_usernames.json", [{"username": row.username, "until": row.created_at} for row in names]

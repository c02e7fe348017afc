"""What characters add to people: theirs on the public profile, favourites, and fresh names wherever those are shown."""

import uuid
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from accounts import viewers
from accounts.models import User
from accounts.selectors import hidden_people
from characters import caching, discovery
from characters.avatars import avatar_path, avatar_url
from characters.discovery import Listing
from characters.models import Character, Visibility
from common.database import fetch_all

ON_A_PROFILE = 12


def characters_amount(user_id: uuid.UUID, viewer_id: uuid.UUID | None) -> int:
    """How many public characters a person has that this reader's lists would show."""
    public = Character.objects.filter(creator_id=user_id, visibility=Visibility.PUBLIC, deleted_at=None)
    if viewer_id is None or not viewers.recall(viewer_id).mature:
        public = public.filter(content_rating="everyone")
    return public.count()


def profile_cards(user_id: uuid.UUID, viewer_id: uuid.UUID | None) -> SafeString:
    """The newest public characters of a person as HTML; empty where there are none."""
    listing = Listing(creator=str(user_id), order="new", limit=ON_A_PROFILE)
    if viewer_id:
        listing = discovery.seen_by(listing, viewer_id, viewers.recall(viewer_id))
    items = [item | {"avatar": avatar_path(item["id"])} for item in discovery.find(discovery.checked(listing)).items]
    return mark_safe(render_to_string("characters/_cards.html", {"characters": items}).strip())  # noqa: S308 - escaped


FAVOURITES_SQL = """
SELECT c.id, c.name, c.tagline, u.id FROM characters_character c JOIN accounts_user u ON u.id = c.creator_id
WHERE c.id = ANY(%(ids)s) AND c.deleted_at IS NULL
  AND (c.creator_id = %(viewer)s OR (c.visibility <> 'private' AND u.deleted_at IS NULL AND u.is_active))
"""


def favourite_characters(ids: list[uuid.UUID], viewer_id: uuid.UUID) -> dict[uuid.UUID, dict[str, Any]]:
    """The `character` kind of favourite: what the viewer may see, of people they are not apart from."""
    hidden = hidden_people(viewer_id)
    rows = fetch_all(FAVOURITES_SQL, {"ids": ids, "viewer": viewer_id})
    return {
        character_id: {"id": character_id, "name": name, "tagline": tagline, "avatar": avatar_url(character_id)}
        for character_id, name, tagline, creator_id in rows
        if creator_id not in hidden
    }


def drop_creator(user: User) -> None:
    """Their name stands in shared reads: in lists, and with each of their characters."""
    ids = list(Character.objects.filter(creator=user, deleted_at=None).values_list("pk", "visibility"))
    caching.drop_characters(character_id for character_id, _ in ids)
    if any(visibility == Visibility.PUBLIC for _, visibility in ids):
        caching.drop_lists()

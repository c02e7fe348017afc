"""What others see of a person."""

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from accounts import names, registry
from accounts.models import Role, User
from accounts.preferences import kept_by
from accounts.selectors.blocks import is_blocked_between
from accounts.selectors.people import public_user_data
from common.errors import NotFound


def get_person(*, viewer_id: uuid.UUID | None, username: str = "", user_id: uuid.UUID | None = None) -> User:
    """Somebody who is here, by name or id. Raises NotFound, also where one of the two has blocked the other."""
    which = {"pk": user_id} if user_id else {"username": username.lower()}
    if not user_id and not names.SHAPE.fullmatch(username.lower()):
        raise NotFound
    person = User.objects.filter(**which, is_active=True, deleted_at=None).first()
    if person is None or (viewer_id and viewer_id != person.pk and is_blocked_between(viewer_id, person.pk)):
        raise NotFound
    return person


def profile_data(person: User, viewer_id: uuid.UUID | None) -> dict[str, Any]:
    """The contract's public profile, with what other apps add to it (`registry.add_profile_part`)."""
    return {
        **public_user_data(person),
        "bio": person.bio,
        "is_creator": person.role == Role.CREATOR,
        "last_seen_at": coarse(person.last_seen_at) if kept_by(person)["show_last_seen"] else None,
        "created_at": person.created_at,
        **registry.profile_parts(person.pk, viewer_id),
    }


def coarse(seen_at: datetime | None) -> datetime | None:
    """To the hour for a day, then to the day: that somebody comes by is no secret, when exactly is their own."""
    if seen_at is None:
        return None
    hour = seen_at.replace(minute=0, second=0, microsecond=0)
    return hour if timezone.now() - seen_at < timedelta(days=1) else hour.replace(hour=0)

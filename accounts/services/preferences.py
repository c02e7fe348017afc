"""How the site behaves for one person."""

import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from accounts import viewers
from accounts.models import Consent, User
from accounts.services.consents import give_consent, present_version

Purpose = Consent.Purpose
MAIL = "marketing_mail"  # a consent, of which every change is kept


@transaction.atomic
def update_preferences(*, user_id: uuid.UUID, changes: Mapping[str, Any]) -> User:
    """Changes what `changes` names (`accounts.preferences.DEFAULTS`), already checked."""
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    kept = {name: value for name, value in changes.items() if name != MAIL}
    if MAIL in changes:
        version = present_version(Purpose.MARKETING)
        give_consent(user_id=user_id, purpose=Purpose.MARKETING, version=version, given=changes[MAIL])
    if kept:
        user.preferences = user.preferences | kept
        user.save(update_fields=["preferences", "updated_at"])
    if "mature" in kept:
        viewers.changed_on_commit(user_id)
    return user

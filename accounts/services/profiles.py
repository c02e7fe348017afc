"""How a person appears to others."""

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import names, registry
from accounts.models import FormerUsername, Organization, User
from common import audit
from common.errors import Conflict, ValidationProblem

SEEN_BY_OTHERS = {"username", "display_name", "avatar"}
BETWEEN_RENAMES = timedelta(days=1)
KEPT_FOR = timedelta(days=30)
TAKEN = "This name is taken. Please choose another."


@transaction.atomic
def update_profile(*, user_id: uuid.UUID, changes: Mapping[str, Any]) -> User:
    """Changes what `changes` names: username, display_name, bio, locale, timezone; all of them already checked.

    Raises Conflict (`errors.username`) for a name that is taken or was given up lately, ValidationProblem for a second
    change of the username within a day.
    """
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    before = {name: getattr(user, name) for name in changes}
    changed = {name: value for name, value in changes.items() if value != before[name]}
    if not changed:
        return user
    if "username" in changed:
        _rename(user, changed["username"])
    for name, value in changed.items():
        setattr(user, name, value)
    user.save(update_fields=[*changed, "updated_at"])
    if SEEN_BY_OTHERS & changed.keys():
        own = Organization.objects.filter(memberships__user=user, memberships__personal=True)
        own.update(name=user.display_name or user.username, updated_at=timezone.now())
        registry.profile_changed(user)
    return user


def _rename(user: User, name: str) -> None:
    before = user.username
    newest = user.former_usernames.order_by("-created_at").first()
    if newest and newest.created_at > timezone.now() - BETWEEN_RENAMES:
        raise ValidationProblem(errors={"username": ["You changed your name less than a day ago. Try again tomorrow."]})
    try:
        with transaction.atomic():
            User.objects.filter(pk=user.pk).update(username=name)
    except IntegrityError as error:
        raise _taken() from error
    refuse_kept_name(user, name)
    FormerUsername.objects.filter(username=name).delete()
    if not names.is_stand_in(before):
        FormerUsername.objects.filter(username=before).delete()
        FormerUsername.objects.create(user=user, username=before)
    audit.record(actor=user, action="user.rename", target=user)


def refuse_kept_name(user: User, name: str) -> None:
    """Raises Conflict where somebody else gave this name up lately.

    Call it after the row with the name is written: who writes it has then waited for whoever was giving it up.
    """
    kept = FormerUsername.objects.filter(username=name, created_at__gt=timezone.now() - KEPT_FOR)
    if kept.exclude(user=user).exists():
        raise _taken()


def _taken() -> Conflict:
    return Conflict(TAKEN, errors={"username": [TAKEN]})


@transaction.atomic
def set_avatar(*, user_id: uuid.UUID, key: str) -> User:
    """The person's picture is the one that the media storage keeps under `key`, or none. The one before is dropped."""
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    before, user.avatar = user.avatar, key
    if before != key:
        user.save(update_fields=["avatar", "updated_at"])
        registry.profile_changed(user)
        if before:
            registry.avatar_dropped(before)
    return user


def forget_former_names(user: User) -> None:
    """For who is anonymised."""
    user.former_usernames.all().delete()

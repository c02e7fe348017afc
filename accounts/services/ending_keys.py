"""Ending API keys: by those who hold them, and with whatever they stand on."""

import uuid
from functools import partial

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import api_keys
from accounts.models import ApiKey, User


@transaction.atomic
def end_keys(keys: QuerySet[ApiKey], *, actor: User | None) -> list[uuid.UUID]:
    """Revokes those of them that were not, for good, felt everywhere once it is committed; returns which those were."""
    rows = list(keys.filter(revoked_at=None).select_for_update(of=("self",), no_key=True).order_by("pk"))
    ids = [key.pk for key in rows]
    ApiKey.objects.filter(pk__in=ids).update(revoked_at=timezone.now(), revoked_by=actor)
    transaction.on_commit(partial(api_keys.end, [key.digest for key in rows]))
    return ids


def look_again_at_keys(*, user_id: uuid.UUID, organization_id: uuid.UUID | None = None) -> None:
    """Something that a person's keys stand on has changed (a ban, a closed account, another role).

    Call in the transaction that changes it. Keys are not revoked by this: they open again when it has changed back.
    """
    transaction.on_commit(partial(_look_again, user_id, organization_id))


def _look_again(user_id: uuid.UUID, organization_id: uuid.UUID | None) -> None:
    keys = ApiKey.objects.filter(user=user_id, revoked_at=None)
    if organization_id:
        keys = keys.filter(organization=organization_id)
    digests = set(keys.values_list("digest", flat=True))
    if not digests:
        return
    live = set(api_keys.live_keys(timezone.now()).filter(digest__in=digests).values_list("digest", flat=True))
    api_keys.forget(live)
    api_keys.end(digests - live)

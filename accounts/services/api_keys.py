"""API keys: made, shown once, ended."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from accounts import api_keys, names, registry
from accounts.models import ApiKey, Scope, User
from accounts.services.ending_keys import end_keys
from accounts.services.memberships import Place, enter
from common import audit, mail
from common.database import fetch_one
from common.errors import Conflict, Forbidden, NotFound, ValidationProblem

LIVE_AT_MOST = 50
MAX_KEY_NAME = 80
DEFAULT_SCOPES = (Scope.CHAT, Scope.IMAGES)


@dataclass(frozen=True)
class NewApiKey:
    """The row, and the key itself, which is nowhere else."""

    row: ApiKey
    key: str


@transaction.atomic
def create_api_key(
    *,
    organization_id: uuid.UUID,
    user_id: uuid.UUID,
    name: str,
    scopes: Sequence[str] = DEFAULT_SCOPES,
    budget: Decimal | None = None,
    expires_at: datetime | None = None,
) -> NewApiKey:
    """A key that acts as the person and pays from the organisation. The person is told by mail.

    `budget` is what it may spend a month. Raises NotFound for who is no member, Forbidden for a plain member who asks
    for the scope to spend, Conflict beyond 50 live keys, ValidationProblem.
    """
    name = _checked_name(name)
    now = timezone.now()
    if expires_at and expires_at <= now:
        raise ValidationProblem(errors={"expires_at": ["Give a time to come."]})
    place = enter(organization_id, user_id)
    if Scope.SPEND in scopes and not place.manages:
        raise Forbidden("Only owners and admins may make keys with the scope “spend”.")
    _require_room(organization_id, now)
    text = api_keys.new_key()
    row = ApiKey.objects.create(
        organization=place.organization,
        user=place.membership.user,
        name=name,
        prefix=text[: api_keys.SHOWN],
        digest=api_keys.digest_of(text),
        scopes=sorted(set(scopes)),
        expires_at=expires_at,
    )
    registry.api_key_created(row, budget)
    _record(row, place.membership.user, "api_key.create", data={"scopes": row.scopes, "prefix": row.prefix})
    _tell(row)
    return NewApiKey(row, text)


def _checked_name(text: str) -> str:
    try:
        name = names.clean_display_name(text)
    except ValueError as error:
        raise ValidationProblem(errors={"name": [str(error)]}) from error
    if not 1 <= len(name) <= MAX_KEY_NAME:
        raise ValidationProblem(errors={"name": [f"Give a name of 1 to {MAX_KEY_NAME} characters."]})
    return name


def _require_room(organization_id: uuid.UUID, now: datetime) -> None:
    """The organisation is locked, so of two at once the second counts the first's."""
    if api_keys.live_keys(now).filter(organization_id=organization_id).count() >= LIVE_AT_MOST:
        raise Conflict(f"An organisation has at most {LIVE_AT_MOST} live keys. Revoke one that is not used.")


def _tell(row: ApiKey) -> None:
    mail.send(
        "api_key_created",
        to=row.user.email,
        context={"name": row.name, "prefix": row.prefix, "organization": row.organization.name},
        locale=row.user.locale,
        timezone=row.user.timezone,
        user_id=row.user_id,
    )


@transaction.atomic
def revoke_api_key(*, organization_id: uuid.UUID, actor_id: uuid.UUID, key_id: uuid.UUID) -> None:
    """Ends a key for good, felt everywhere within a second.

    Raises NotFound also for a key that has ended, or that is another member's where the actor is a plain one.
    """
    place = enter(organization_id, actor_id)
    key = ApiKey.objects.filter(pk=key_id, organization=place.organization, revoked_at=None).first()
    if key is None or not _may_end(place, key):
        raise NotFound
    _end(key, place.membership.user, "")


@transaction.atomic
def revoke_api_keys(*, organization_id: uuid.UUID, actor_id: uuid.UUID) -> int:
    """Ends all keys of the organisation, or, for a plain member, all of their own; returns how many."""
    place = enter(organization_id, actor_id)
    live = ApiKey.objects.filter(organization=place.organization, revoked_at=None).select_related("user")
    keys = [key for key in live if _may_end(place, key)]
    for key in keys:
        _end(key, place.membership.user, "")
    return len(keys)


@transaction.atomic
def revoke_api_key_as_staff(*, key_id: uuid.UUID, actor: User, reason: str) -> bool:
    """False where it had ended before. Raises NotFound."""
    key = ApiKey.objects.filter(pk=key_id).first()
    if key is None:
        raise NotFound
    if key.revoked_at is not None:
        return False
    _end(key, actor, reason)
    return True


def _may_end(place: Place, key: ApiKey) -> bool:
    return place.manages or key.user_id == place.membership.user_id


def _end(key: ApiKey, actor: User, reason: str) -> None:
    if end_keys(ApiKey.objects.filter(pk=key.pk), actor=actor):
        _record(key, actor, "api_key.revoke", reason, {"prefix": key.prefix})


def _record(key: ApiKey, actor: User, action: str, reason: str = "", data: Mapping[str, object] | None = None) -> None:
    about = {"organization": str(key.organization_id)}
    audit.record(actor=actor, action=action, target=key, reason=reason, data={**about, **(data or {})})


# --- last used --------------------------------------------------------------------------------------------------------

USED_SQL = """
WITH used AS (
    SELECT * FROM unnest(%(ids)s::uuid[], %(times)s::timestamptz[]) AS used (id, at)
), free AS (
    SELECT k.id, used.at FROM accounts_apikey k JOIN used ON used.id = k.id
    WHERE k.last_used_at IS NULL OR k.last_used_at < used.at
    ORDER BY k.id FOR NO KEY UPDATE OF k SKIP LOCKED
), written AS (
    UPDATE accounts_apikey k SET last_used_at = free.at FROM free WHERE k.id = free.id RETURNING 1
)
SELECT count(*) FROM written
"""


def mark_used(keys: Mapping[uuid.UUID, datetime]) -> int:
    """Writes when each was last used, never back in time; returns how many rows changed. One statement."""
    row = fetch_one(USED_SQL, {"ids": list(keys), "times": list(keys.values())})
    return row[0] if row else 0

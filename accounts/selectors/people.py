"""People: what they see of themselves, and what others see of them."""

import uuid
from typing import Any

from django.utils import timezone

from accounts import registry
from accounts.models import AuthSession, Membership, User
from accounts.tokens import Claims
from common.errors import NotFound, Unauthenticated


def personal_organization_id(user_id: uuid.UUID) -> uuid.UUID:
    return Membership.objects.values_list("organization_id", flat=True).get(user_id=user_id, personal=True)


def session_is_live(session_id: uuid.UUID) -> bool:
    """What `common.sessions` asks where Redis does not remember."""
    return AuthSession.objects.filter(pk=session_id, ended_at=None, expires_at__gt=timezone.now()).exists()


def paying_organization(claims: Claims, organization_id: uuid.UUID | None) -> uuid.UUID:
    """Whose wallet pays: the caller's own (no query), or the named one where the caller is a member.

    An API key pays from its own organisation and knows of no other. Raises NotFound.
    """
    if organization_id is None or organization_id == claims.organization_id:
        return claims.organization_id
    if claims.api_key_id:
        raise NotFound
    is_member = Membership.objects.filter(
        organization_id=organization_id, user_id=claims.user_id, organization__deleted_at=None
    ).exists()
    if not is_member:
        raise NotFound
    return organization_id


def get_user(user_id: uuid.UUID) -> User:
    """The whole person behind a session. Raises Unauthenticated for one who has gone meanwhile."""
    try:
        return User.objects.get(pk=user_id, is_active=True, deleted_at=None)
    except User.DoesNotExist as error:
        raise Unauthenticated from error


def user_data(user: User, organization_id: uuid.UUID | None = None) -> dict[str, Any]:
    """A person as the contract shows them to themselves. Who knows their personal organisation saves a query."""
    plan = registry.plan_of(organization_id or personal_organization_id(user.pk))
    return {
        "id": user.pk,
        "email": user.email,
        "email_verified": user.email_verified,
        "username": user.username,
        "display_name": user.display_name,
        "bio": user.bio,
        "avatar": registry.avatar_url(user.avatar),
        "locale": user.locale,
        "timezone": user.timezone,
        "role": user.role,
        "plan": plan.name,
        "is_premium": plan.is_premium,
        "last_seen_at": user.last_seen_at,
        "created_at": user.created_at,
    }


def public_user_data(user: User) -> dict[str, Any]:
    """A person as others see them."""
    return {
        "id": user.pk,
        "username": user.username,
        "display_name": user.display_name,
        "avatar": registry.avatar_url(user.avatar),
    }


def me_data(user_id: uuid.UUID, organization_id: uuid.UUID) -> dict[str, Any]:
    """`user, wallet, subscription, limits`; a part that no app has registered is None."""
    user = get_user(user_id)
    return {"user": user_data(user, organization_id), **registry.me_parts(user, organization_id)}

"""Invitations, as those see them who sent them, and those who got them."""

import uuid
from typing import Any

from django.db.models import QuerySet, Value
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.models import Invitation, Membership, User
from accounts.names import masked_address
from accounts.selectors.blocks import hidden_people
from common.errors import Gone, NotFound
from common.keys import seal, unseal

PURPOSE = "invitation"  # of the seal in its link
ELSEWHERE = "Ask whoever invited you for a new one."


def invitations_of(organization_id: uuid.UUID) -> QuerySet[Invitation]:
    """What an organisation's managers see: those that are neither accepted nor taken back, expired ones included."""
    waiting = Invitation.objects.filter(organization_id=organization_id, accepted_at=None, revoked_at=None)
    return waiting.select_related("invited_by")


def invitation_data(invitation: Invitation) -> dict[str, Any]:
    """An invitation as the organisation's managers see it."""
    return {
        "id": invitation.pk,
        "email": invitation.email,
        "role": invitation.role,
        "inviter": inviter_name(invitation),
        "expires_at": invitation.expires_at,
        "created_at": invitation.created_at,
    }


def invitation_behind(token: str) -> Invitation:
    """The open invitation of a link. Raises NotFound for what is no token, Gone for one that is over."""
    row_id = unseal(PURPOSE, token)
    rows = Invitation.objects.select_related("organization", "invited_by")
    invitation = rows.filter(pk=row_id).first() if row_id else None
    if invitation is None:
        raise NotFound("This invitation's link is not complete, or not one of ours.")
    refuse_closed(invitation)
    return invitation


def refuse_closed(invitation: Invitation) -> None:
    """Raises Gone for an invitation that can't be accepted (any more)."""
    if invitation.accepted_at:
        raise Gone("This invitation was accepted already.")
    if invitation.organization.deleted_at:
        raise Gone("The team behind this invitation is no more.")
    if invitation.revoked_at:
        raise Gone(f"This invitation was taken back. {ELSEWHERE}")
    if invitation.expires_at <= timezone.now():
        raise Gone(f"This invitation is too old. {ELSEWHERE}")


def preview_data(invitation: Invitation) -> dict[str, Any]:
    """What the link alone tells: who invites to what, and a hint of the address it was sent to."""
    return {
        "organization": invitation.organization.name,
        "inviter": inviter_name(invitation),
        "role": invitation.role,
        "email": masked_address(invitation.email),
        "expires_at": invitation.expires_at,
    }


def invitations_to(user_id: uuid.UUID) -> list[dict[str, Any]]:
    """The open invitations of a person who has confirmed their address, each with its `token`; for others none.

    Those of people who are hidden from this one are not among them: they were not delivered either.
    """
    user = User.objects.only("email", "email_verified").get(pk=user_id)
    if not user.email_verified:
        return []
    waiting = Invitation.objects.alias(lowered=Lower("email")).filter(
        lowered=Lower(Value(user.email)),
        accepted_at=None,
        revoked_at=None,
        expires_at__gt=timezone.now(),
        organization__deleted_at=None,
    )
    mine = Membership.objects.filter(user_id=user_id).values("organization_id")
    others = waiting.exclude(organization_id__in=mine).exclude(invited_by__in=hidden_people(user_id))
    rows = others.select_related("organization", "invited_by").order_by("-pk")
    return [
        {"id": row.pk, "token": seal(PURPOSE, row.pk), "created_at": row.created_at, **preview_data(row)}
        for row in rows
    ]


def inviter_name(invitation: Invitation) -> str | None:
    """None once the inviter's account is no more."""
    inviter = invitation.invited_by
    if inviter is None or inviter.deleted_at:
        return None
    return inviter.display_name or inviter.username

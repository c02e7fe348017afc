"""Asking somebody to join a team, by mail.

The link is the row's id under a seal (`common.keys`), so nothing that is stored is enough to accept. An invitation is
for the account of the address it was sent to: the link proves the address, and nobody else can use it.
"""

import uuid
from datetime import timedelta

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Lower
from django.utils import timezone

from accounts import registry
from accounts.models import Invitation, Membership, Organization, User
from accounts.names import masked_address
from accounts.selectors.blocks import is_blocked_between
from accounts.selectors.invitations import PURPOSE, invitation_behind, refuse_closed
from accounts.services.addresses import set_verified
from accounts.services.memberships import Place, enter_as_manager
from accounts.services.organizations import lock_person
from common import audit, mail
from common.errors import Conflict, Forbidden, NotFound

PATH = "/invitations"
LIVES = timedelta(days=7)
MAX_OPEN = 50


@transaction.atomic
def invite(*, organization_id: uuid.UUID, actor_id: uuid.UUID, email: str, role: str) -> Invitation:
    """Mails an invitation. Where one of the two has blocked the other nothing is sent, and the answer is the same.

    Raises NotFound, Forbidden, and Conflict for a member, for an address that has an open invitation, and for one too
    many.
    """
    place = enter_as_manager(organization_id, actor_id)
    email = User.objects.normalize_email(email.strip())
    invited = _account_of(email)
    if invited and Membership.objects.filter(organization=organization_id, user=invited).exists():
        raise Conflict("This person is a member already.")
    _make_room(place.organization, email)
    invitation = Invitation.objects.create(
        organization=place.organization,
        email=email,
        role=role,
        invited_by=place.membership.user,
        expires_at=timezone.now() + LIVES,
    )
    _deliver(invitation, place, invited)
    return invitation


@transaction.atomic
def resend_invitation(*, organization_id: uuid.UUID, actor_id: uuid.UUID, invitation_id: uuid.UUID) -> Invitation:
    """Mails it once more, for another seven days. Raises NotFound, Forbidden."""
    place = enter_as_manager(organization_id, actor_id)
    invitation = _open_invitation(place, invitation_id)
    invitation.expires_at = timezone.now() + LIVES
    invitation.save(update_fields=["expires_at", "updated_at"])
    _deliver(invitation, place, _account_of(invitation.email))
    return invitation


@transaction.atomic
def revoke_invitation(*, organization_id: uuid.UUID, actor_id: uuid.UUID, invitation_id: uuid.UUID) -> None:
    """Takes it back: its link stops working. Raises NotFound, Forbidden."""
    place = enter_as_manager(organization_id, actor_id)
    _revoke(_open_invitation(place, invitation_id), place.membership.user)


@transaction.atomic
def revoke_invitation_as_staff(*, invitation_id: uuid.UUID, actor: User, reason: str) -> None:
    """Raises NotFound, Conflict for one that is over."""
    invitation = Invitation.objects.filter(pk=invitation_id).first()
    if invitation is None:
        raise NotFound
    Organization.objects.select_for_update(no_key=True).get(pk=invitation.organization_id)
    invitation.refresh_from_db()
    if invitation.accepted_at or invitation.revoked_at:
        raise Conflict("This invitation is over already.")
    _revoke(invitation, actor, reason)


@transaction.atomic
def accept_invitation(*, token: str, user_id: uuid.UUID) -> Organization:
    """The person joins; that they have the link confirms their address.

    Raises NotFound, Gone, Forbidden for another account than the one it was sent to.
    """
    found = invitation_behind(token)
    user = lock_person(user_id)
    organization = Organization.objects.select_for_update(no_key=True).get(pk=found.organization_id)
    invitation = Invitation.objects.select_related("organization", "invited_by").get(pk=found.pk)
    refuse_closed(invitation)
    if user != _account_of(invitation.email):
        raise Forbidden(
            f"This invitation was sent to {masked_address(invitation.email)}. Sign in with that address to accept it."
        )
    invitation.accepted_at, invitation.accepted_by = timezone.now(), user
    invitation.save(update_fields=["accepted_at", "accepted_by", "updated_at"])
    if not user.email_verified:
        set_verified(user)
    Membership.objects.get_or_create(organization=organization, user=user, defaults={"role": invitation.role})
    return organization


def _account_of(email: str) -> User | None:
    return User.objects.alias(lowered=Lower("email")).filter(lowered=Lower(Value(email))).first()


def _make_room(organization: Organization, email: str) -> None:
    waiting = Invitation.objects.filter(organization=organization, accepted_at=None, revoked_at=None)
    now = timezone.now()
    same = waiting.alias(lowered=Lower("email")).filter(lowered=Lower(Value(email)))
    if same.filter(expires_at__gt=now).exists():
        raise Conflict("This address has an open invitation. Send that one again instead.")
    same.update(revoked_at=now)
    if waiting.filter(expires_at__gt=now).count() >= MAX_OPEN:
        raise Conflict(f"At most {MAX_OPEN} invitations may be open at a time. Take some back, or wait for answers.")


def _open_invitation(place: Place, invitation_id: uuid.UUID) -> Invitation:
    waiting = Invitation.objects.select_related("organization", "invited_by")
    invitation = waiting.filter(
        pk=invitation_id, organization=place.organization, accepted_at=None, revoked_at=None
    ).first()
    if invitation is None:
        raise NotFound
    return invitation


def _revoke(invitation: Invitation, actor: User, reason: str = "") -> None:
    invitation.revoked_at = timezone.now()
    invitation.save(update_fields=["revoked_at", "updated_at"])
    audit.record(
        actor=actor,
        action="invitation.revoke",
        target=invitation,
        reason=reason,
        data={"organization": str(invitation.organization_id)},
    )


def _deliver(invitation: Invitation, place: Place, invited: User | None) -> None:
    """To whom the sender is hidden from, nothing comes."""
    inviter = place.membership.user
    if invited and is_blocked_between(inviter.pk, invited.pk):
        return
    is_here = invited is not None and invited.is_active and invited.deleted_at is None
    registry.person_invited(invitation, invited if is_here else None)
    mail.send(
        "organization_invited",
        to=invitation.email,
        context={
            "organization": place.organization.name,
            "inviter": inviter.display_name or inviter.username,
            "role": invitation.role,
            "days": LIVES.days,
        },
        link=mail.SealedLink(path=PATH, purpose=PURPOSE, row_id=invitation.pk),
        locale=(invited or inviter).locale,
        timezone=(invited or inviter).timezone,
        user_id=invited.pk if invited else None,
    )

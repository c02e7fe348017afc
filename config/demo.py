"""The demo world: people to sign in as, characters to meet. Loaded once, outside production only."""

from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction

from accounts.models import Role, User
from billing import services as billing
from characters.demo import load_demo_characters
from characters.models import Character
from chat import services as chat


@dataclass(frozen=True)
class DemoSignIn:
    label: str
    email: str
    password: str
    username: str
    display_name: str
    role: str = Role.MEMBER


# Known to everybody who reads this file: production never loads them.
DEMO_SIGN_INS = [
    DemoSignIn("guest", "guest@troupe.example", "footlights-up", "guest", "Robin Guest"),
    DemoSignIn("creator", "creator@troupe.example", "footlights-up", "creator", "Sasha Creator", Role.CREATOR),
    DemoSignIn("staff", "staff@troupe.example", "footlights-up", "stage-manager", "Stage Manager", Role.ADMIN),
]


@transaction.atomic
def load_demo() -> bool:
    """Loads what is missing; False where everything was there already."""
    missing = [sign_in for sign_in in DEMO_SIGN_INS if not User.objects.filter(username=sign_in.username).exists()]
    loaded = load_demo_characters()
    for sign_in in missing:
        _create(sign_in)
    return bool(missing or loaded)


def _create(sign_in: DemoSignIn) -> None:
    user = User.objects.create_user(
        sign_in.email,
        sign_in.password,
        username=sign_in.username,
        display_name=sign_in.display_name,
        role=sign_in.role,
        is_superuser=sign_in.role == Role.ADMIN,
        email_verified=True,
    )
    organization = user.memberships.get(personal=True).organization
    billing.grant_credits(
        organization_id=organization.pk,
        amount=Decimal(100),
        key=f"demo:{organization.pk}",
        description="Demo credits",
    )
    if sign_in.label == "guest":
        for character in Character.objects.filter(visibility="public").order_by("-likes_amount")[:2]:
            chat.start_conversation(
                user_id=user.pk, organization_id=organization.pk, character_id=character.pk
            )

"""The demo world: people to sign in as, characters to meet. Loaded once, outside production only."""

import hashlib
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction

from accounts.models import Role, User
from billing import services as billing
from characters.demo import FOLDER, load_demo_characters
from characters.models import Character
from chat import services as chat
from common import redis

LOADED_KEY = "demo:files"


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


def load_demo() -> bool:
    """Loads what is missing or has changed; False where everything was there already."""
    missing = [sign_in for sign_in in DEMO_SIGN_INS if not User.objects.filter(username=sign_in.username).exists()]
    files = _digest()
    if not missing and redis.client().get(LOADED_KEY) == files:
        return False
    with transaction.atomic():
        load_demo_characters()
        for sign_in in missing:
            _create(sign_in)
    redis.client().set(LOADED_KEY, files)
    return True


def _digest() -> bytes:
    """Of the demo files as they are: a second start need not read them all."""
    digest = hashlib.sha256()
    for path in sorted(FOLDER.glob("*.yaml")):
        digest.update(path.read_bytes())
    return digest.hexdigest().encode()


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
            chat.start_conversation(user_id=user.pk, organization_id=organization.pk, character_id=character.pk)

"""What people agree to: terms, privacy, news by mail. Rows are only added; the newest of a purpose holds."""

import uuid

from django.conf import settings
from django.db import transaction

from accounts.models import Consent, User
from common.errors import Conflict

Purpose = Consent.Purpose


def present_version(purpose: str) -> str:
    """Of the text that is shown now. News are explained on the privacy page."""
    return settings.TERMS_VERSION if purpose == Purpose.TERMS else settings.PRIVACY_VERSION


@transaction.atomic
def give_consent(*, user_id: uuid.UUID, purpose: str, version: str, given: bool) -> Consent:
    """Records a choice; one that says what the newest row says already changes nothing.

    Raises Conflict where the terms or the privacy page would be taken back: that is what deleting the account is for.
    """
    if not given and purpose != Purpose.MARKETING:
        raise Conflict("An account can't be kept without this. To take it back, delete the account.")
    User.objects.select_for_update(no_key=True).only("pk").get(pk=user_id)
    newest = Consent.objects.filter(user_id=user_id, purpose=purpose).order_by("-pk").first()
    if newest and (newest.version, newest.given) == (version, given):
        return newest
    return Consent.objects.create(user_id=user_id, purpose=purpose, version=version, given=given)


def record_sign_up_consents(user: User, marketing: bool) -> None:
    """What a new account has agreed to, in the transaction that makes it."""
    given = {Purpose.TERMS: True, Purpose.PRIVACY: True, Purpose.MARKETING: marketing}
    for purpose, answer in given.items():
        Consent.objects.create(user=user, purpose=purpose, version=present_version(purpose), given=answer)

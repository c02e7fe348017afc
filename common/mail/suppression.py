"""Addresses that get no mail any more: theirs bounced for good, or their owner called ours spam."""

from django.db.models.functions import Now

from common.models import MailSuppression


def is_suppressed(address: str) -> bool:
    return MailSuppression.objects.filter(address=address.lower(), lifted_at=None).exists()


def suppress(address: str, *, reason: str, detail: str = "") -> None:
    """Safe to repeat: what stands there already stays."""
    MailSuppression.objects.bulk_create(
        [MailSuppression(address=address.lower(), reason=reason, detail=detail)], ignore_conflicts=True
    )


def lift(suppression: MailSuppression) -> bool:
    """The address gets mail again. False where that was so already."""
    left = MailSuppression.objects.filter(pk=suppression.pk, lifted_at=None)
    return bool(left.update(lifted_at=Now(), updated_at=Now()))

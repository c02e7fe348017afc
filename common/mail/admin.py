"""The operators' view of outgoing mail: what became of it, and two actions with a reason."""

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.decorators import action

from common import audit
from common.admin import ReadOnlyAdmin, ReasonForm, done, reason_dialog
from common.mail import outbox, suppression
from common.models import MailEvent, MailSuppression, OutgoingMail

NOT_SENT = {OutgoingMail.Status.FAILED, OutgoingMail.Status.SUPPRESSED}


@admin.register(OutgoingMail)
class OutgoingMailAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "kind", "to", "status", "delivery", "attempts", "sent_at", "last_error")
    list_filter = ("status", "delivery")
    search_fields = ("to",)
    search_help_text = "The beginning of an address in lower case, or a mail's id"
    actions_detail = ("send_again",)

    def has_send_again_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("common.change_outgoingmail")

    @action(
        description="Send again",
        permissions=["send_again"],
        dialog=reason_dialog(
            "Send again",
            "A new mail with the same text. A link in it may be too old by now.",
            "Send it",
        ),
    )
    @transaction.atomic
    def send_again(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        mail = self.get_object(request, object_id)
        if mail.status not in NOT_SENT:
            here = reverse("admin:common_outgoingmail_change", args=[mail.pk])
            return done(request, "Nothing was done: only a mail that was not sent can be sent again.", here)
        copy = outbox.send_again(mail)
        audit.record(
            actor=request.user,  # type: ignore[arg-type]
            action="mail.send_again",
            target=mail,
            reason=form.cleaned_data["reason"],
            data={"mail": str(copy.pk), "kind": mail.kind},
        )
        there = reverse("admin:common_outgoingmail_change", args=[copy.pk])
        return done(request, "A new mail was written. It leaves in a moment.", there)


@admin.register(MailSuppression)
class MailSuppressionAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "address", "reason", "lifted_at", "detail")
    list_filter = ("reason",)
    search_fields = ("address",)
    search_help_text = "The beginning of an address, or a row's id"
    actions_detail = ("lift",)

    def has_lift_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("common.change_mailsuppression")

    @action(
        description="Lift",
        permissions=["lift"],
        dialog=reason_dialog(
            "Lift", "The address gets mail again. If it bounces once more, it is back here.", "Lift it"
        ),
    )
    @transaction.atomic
    def lift(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        row = self.get_object(request, object_id)
        here = reverse("admin:common_mailsuppression_change", args=[row.pk])
        if not suppression.lift(row):
            return done(request, "Nothing was changed: it was lifted before.", here)
        audit.record(
            actor=request.user,  # type: ignore[arg-type]
            action="mail.lift_suppression",
            target=row,
            reason=form.cleaned_data["reason"],
        )
        return done(request, "The address gets mail again.", here)


@admin.register(MailEvent)
class MailEventAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "kind", "mail", "provider_message_id", "description")
    list_select_related = ("mail",)
    list_filter = ("kind",)

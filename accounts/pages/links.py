"""Pages of what goes by mail: a magic link, a forgotten password, and the page a mailed link opens."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import View

from accounts import services, tasks
from accounts.forms import EmailForm, NewPasswordForm
from accounts.limits import enter_web_door
from accounts.models import MailKey
from accounts.pages.entrance import enter_web
from accounts.services import callbacks, mail_keys
from accounts.services.mail_keys import Kind
from accounts.web_sessions import device_of
from common.errors import Problem
from common.keys import LENGTH
from common.middleware import client_address
from common.ratelimits import Gate


@method_decorator(never_cache, name="dispatch")
class AskForLinkPage(View):
    """A form with an address. What it answers is the same for every address."""

    kind: Kind
    template = "accounts/ask_for_link.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(EmailForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = EmailForm(request.POST)
        if not form.is_valid():
            return self.show(form, status=400)
        email = form.cleaned_data["email"]
        try:
            enter_web_door(client_address(request), email)
        except Problem as problem:
            form.add_problem(problem)
            return self.show(form, status=problem.status)
        tasks.ask_for_link(self.kind, email)
        return self.show(form, sent_to=email)

    def show(self, form: EmailForm, status: int = 200, sent_to: str = "") -> HttpResponse:
        context = {"form": form, "kind": self.kind.value, "sent_to": sent_to, "mailbox_path": mailbox_path()}
        return render(self.request, self.template, context, status=status)


def mailbox_path() -> str:
    """Where mail is read on a site without a mail server; empty on others."""
    has_one = settings.EMAIL_BACKEND.endswith(".MailboxBackend") and not settings.IN_PRODUCTION
    return reverse("mailbox") if has_one else ""


class ForgotPasswordPage(AskForLinkPage):
    kind = Kind.RESET


class MagicLinkPage(AskForLinkPage):
    kind = Kind.MAGIC_LINK


@method_decorator(never_cache, name="dispatch")
class CallbackPage(View):
    """What a mailed link opens: one button. Only pressing it uses the link up, so that a mail scanner can't."""

    def get(self, request: HttpRequest) -> HttpResponse:
        try:
            row = mail_keys.look(request.GET.get("key", "")[: LENGTH * 2])
        except Problem as problem:
            return refused(request, problem)
        return show_link(request, row)

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            Gate(who=client_address(request), preset="auth", write=True).enter()
            row = mail_keys.look(request.POST.get("key", "")[: LENGTH * 2])
            if row.kind in callbacks.SIGNING_IN:
                return enter_web(request, callbacks.open_link(row), callbacks.method_of(row), next_path="")
            callbacks.confirm(row)
        except Problem as problem:
            return refused(request, problem)
        return render(request, "accounts/link_done.html", {"kind": row.kind, "email": row.email})


def show_link(request: HttpRequest, row: MailKey) -> HttpResponse:
    if row.kind == Kind.RESET:
        return redirect(f"/reset-password?key={request.GET['key']}")
    context = {"kind": row.kind, "email": row.email, "key": request.GET["key"], "identity": row.data}
    return render(request, "accounts/link.html", context)


def refused(request: HttpRequest, problem: Problem) -> HttpResponse:
    status = problem.status if problem.status in {403, 409, 410, 429, 503} else 400
    reason = " ".join(problem.errors.get("key", [])) if problem.errors else ""
    context = {"reason": reason or problem.detail, "again": status in {429, 503}}
    return render(request, "accounts/link_refused.html", context, status=status)


@method_decorator([never_cache, sensitive_post_parameters("password")], name="dispatch")
class ResetPasswordPage(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        key = request.GET.get("key", "")[: LENGTH * 2]
        try:
            mail_keys.look(key)
        except Problem as problem:
            return refused(request, problem)
        return self.show(NewPasswordForm(initial={"key": key}))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = NewPasswordForm(request.POST)
        if not form.is_valid():
            return self.show(form, status=400)
        try:
            Gate(who=client_address(request), preset="auth", write=True).enter()
            services.reset_password(**form.cleaned_data, device=device_of(request))
        except Problem as problem:
            if problem.status == 410 or "key" in (problem.errors or {}):
                return refused(request, problem)
            form.add_problem(problem)
            return self.show(form, status=problem.status if problem.status in {429, 503} else 400)
        return render(request, "accounts/link_done.html", {"kind": Kind.RESET})

    def show(self, form: NewPasswordForm, status: int = 200) -> HttpResponse:
        return render(self.request, "accounts/reset_password.html", {"form": form}, status=status)

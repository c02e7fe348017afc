"""The page behind an invitation's link. Opening it uses nothing up; its one button does."""

import re

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from django.views.generic import View

from accounts import services
from accounts.models import User
from accounts.pages.organizations import enter_gate, user_id_of
from accounts.selectors.invitations import invitation_behind, preview_data
from common.errors import Forbidden, Gone

TOKEN = re.compile(r"[A-Za-z0-9_-]{1,100}")


@require_GET
def from_mail(request: HttpRequest) -> HttpResponse:
    """Where the mail's link leads, with the token as `key`; then to the page of that invitation."""
    token = request.GET.get("key", "")
    return redirect("invitation", token) if TOKEN.fullmatch(token) else redirect("organizations")


@method_decorator(never_cache, name="dispatch")
class InvitationPage(View):
    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        try:
            invitation = invitation_behind(token)
        except Gone as problem:
            return self.over(problem)
        user = request.user
        fits = isinstance(user, User) and user.email.lower() == invitation.email.lower()
        context = {"invitation": preview_data(invitation), "token": token, "fits": fits}
        return render(request, "accounts/invitation.html", context)

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(request.path)
        try:
            enter_gate(request)
            organization = services.accept_invitation(token=token, user_id=user_id_of(request))
        except Gone as problem:
            return self.over(problem)
        except Forbidden:  # another account: the page says whose it is
            return self.get(request, token)
        messages.success(request, f"Welcome to “{organization.name}”.")
        return redirect("organization", organization.pk)

    def over(self, problem: Gone) -> HttpResponse:
        return render(self.request, "accounts/invitation_over.html", {"reason": problem.detail}, status=problem.status)

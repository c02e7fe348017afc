"""Setting up second factors: an authenticator app, recovery codes, passkeys (whose script calls the headless API)."""

import base64

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal import flows as recovery_codes
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal import flows as totp
from allauth.mfa.webauthn.internal import flows as webauthn
from django.contrib import messages
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST
from django.views.generic import View

from accounts.pages.recent import recently_proven
from accounts.pages.security import me

Type = Authenticator.Type


@method_decorator([never_cache, sensitive_post_parameters("code"), recently_proven], name="dispatch")
class AuthenticatorPage(View):
    """An authenticator app: its secret as a picture and as text, and a first code to prove that it works."""

    def get(self, request: HttpRequest) -> HttpResponse:
        if not me(request).email_verified:
            messages.error(request, "Please confirm your address first: it is the way back in when a phone is lost.")
            return redirect("account_security")
        return self.show(ActivateTOTPForm(user=request.user))

    def post(self, request: HttpRequest) -> HttpResponse:
        if "remove" in request.POST:
            return self.remove(request)
        form = ActivateTOTPForm(request.POST, user=request.user)
        if self.existing(request) or not form.is_valid():
            return self.show(form, status=400)
        try:
            totp.activate_totp(request, form)
        except IntegrityError:  # another window was faster
            return redirect("security_authenticator")
        return redirect("security_recovery_codes")

    def remove(self, request: HttpRequest) -> HttpResponse:
        if authenticator := self.existing(request):
            totp.deactivate_totp(request, authenticator)
        return redirect("account_security")

    def existing(self, request: HttpRequest) -> Authenticator | None:
        return Authenticator.objects.filter(user_id=me(request).pk, type=Type.TOTP).first()

    def show(self, form: ActivateTOTPForm, status: int = 200) -> HttpResponse:
        adapter = get_adapter()
        picture = adapter.build_totp_svg(adapter.build_totp_url(me(self.request), form.secret))
        context = {
            "form": form,
            "secret": form.secret,
            "picture": "data:image/svg+xml;base64," + base64.b64encode(picture.encode()).decode(),
            "existing": self.existing(self.request),
        }
        return render(self.request, "accounts/security_authenticator.html", context, status=status)


@method_decorator([never_cache, recently_proven], name="dispatch")
class RecoveryCodesPage(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        codes, _ = recovery_codes.view_recovery_codes(request)
        if codes is None:
            return redirect("account_security")
        return render(request, "accounts/security_recovery_codes.html", {"codes": codes.get_unused_codes()})

    def post(self, request: HttpRequest) -> HttpResponse:
        """New codes; the old ones stop working."""
        if recovery_codes.can_generate_recovery_codes(me(request)):
            recovery_codes.generate_recovery_codes(request)
        return redirect("security_recovery_codes")


@require_POST
@recently_proven
def remove_passkey(request: HttpRequest) -> HttpResponse:
    number = request.POST.get("passkey", "")
    mine = Authenticator.objects.filter(user_id=me(request).pk, type=Type.WEBAUTHN)
    if found := list(mine.filter(pk=number) if number.isascii() and number.isdecimal() and len(number) < 18 else []):
        webauthn.remove_authenticators(request, found)
    return redirect("account_security")

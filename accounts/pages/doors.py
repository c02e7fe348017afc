"""The web's doors: sign in, sign up, sign out. They need no JavaScript."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST
from django.views.generic import View

from accounts import services
from accounts.forms import ProblemForm, SignInForm, SignUpForm
from accounts.limits import enter_web_door
from accounts.models import User
from accounts.pages.entrance import enter_web, go_on_to, safe_next
from common.errors import Problem
from common.middleware import client_address


@method_decorator([never_cache, sensitive_post_parameters("password")], name="dispatch")
class DoorPage(View):
    """A form that lets a person in. A subclass says which form, and how its fields become a `User`."""

    template: str
    form_class: type[ProblemForm]
    find_user: Callable[..., User]

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if request.user.is_authenticated:
            return go_on_to(safe_next(request))
        return super().dispatch(request, *args, **kwargs)  # type: ignore[return-value]

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(self.form_class())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = self.form_class(request.POST)
        if not form.is_valid():
            return self.show(form, status=400)
        try:
            enter_web_door(client_address(request), form.cleaned_data["email"])
            return enter_web(request, type(self).find_user(**form.cleaned_data), "password")
        except Problem as problem:
            form.add_problem(problem)
            return self.show(form, status=problem.status if problem.status in {429, 503} else 400)

    def show(self, form: ProblemForm, status: int = 200) -> HttpResponse:
        context = {"form": form, "next": safe_next(self.request), "welcome": welcome()}
        return render(self.request, self.template, context, status=status)


def welcome() -> dict[str, object]:
    """What a new account is given."""
    return {"credits": str(settings.SIGN_UP_CREDITS), "free_messages": settings.SIGN_UP_FREE_MESSAGES}


class SignInPage(DoorPage):
    template = "accounts/sign_in.html"
    form_class = SignInForm
    find_user = staticmethod(services.check_password)


class SignUpPage(DoorPage):
    template = "accounts/sign_up.html"
    form_class = SignUpForm
    find_user = staticmethod(services.create_account)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect(settings.LOGIN_REDIRECT_URL)

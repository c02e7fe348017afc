"""The forms of the doors: signing in and up, and what goes with it."""

from django import forms

from accounts import services
from common.errors import Problem


class ProblemForm(forms.Form):
    """A form that can say what a service refused."""

    def add_problem(self, problem: Problem) -> None:
        """Each message to its field, or to the form as a whole."""
        named = {field: messages for field, messages in (problem.errors or {}).items() if field in self.fields}
        for field, messages in named.items():
            self.add_error(field, messages)
        if not named:
            self.add_error(None, problem.detail)


class SignInForm(ProblemForm):
    email = forms.EmailField(
        max_length=254,
        widget=forms.EmailInput({"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        strip=False, max_length=services.MAX_PASSWORD, widget=forms.PasswordInput({"autocomplete": "current-password"})
    )


class EmailForm(ProblemForm):
    email = forms.EmailField(max_length=254, widget=forms.EmailInput({"autocomplete": "email", "autofocus": True}))


class NewPasswordForm(ProblemForm):
    key = forms.CharField(max_length=100, widget=forms.HiddenInput)
    password = forms.CharField(
        label="New password",
        strip=False,
        max_length=services.MAX_PASSWORD,
        help_text="8 characters or more.",
        widget=forms.PasswordInput({"autocomplete": "new-password", "autofocus": True}),
    )


class CodeForm(ProblemForm):
    code = forms.CharField(
        max_length=32,
        help_text="Six digits from your authenticator app, or one of your recovery codes.",
        widget=forms.TextInput(
            {"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True, "spellcheck": "false"}
        ),
    )


class ConfirmForm(ProblemForm):
    proof = forms.CharField(
        label="Password, or a code of your second factor",
        strip=False,
        max_length=services.MAX_PASSWORD,
        widget=forms.PasswordInput({"autocomplete": "current-password", "autofocus": True}),
    )


class ChangePasswordForm(ProblemForm):
    password = forms.CharField(
        label="New password",
        strip=False,
        max_length=services.MAX_PASSWORD,
        help_text="8 characters or more. Every other device is signed out.",
        widget=forms.PasswordInput({"autocomplete": "new-password", "autofocus": True}),
    )


class ChangeEmailForm(ProblemForm):
    email = forms.EmailField(
        label="New address",
        max_length=254,
        help_text="We mail a link there. Until you open it, nothing changes.",
        widget=forms.EmailInput({"autocomplete": "email", "autofocus": True}),
    )


class SignUpForm(ProblemForm):
    email = forms.EmailField(max_length=254, widget=forms.EmailInput({"autocomplete": "email", "autofocus": True}))
    username = forms.CharField(
        required=False,
        max_length=30,
        help_text="3 to 30 letters, digits, dots, dashes or underscores.",
        widget=forms.TextInput({"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
    )
    password = forms.CharField(
        strip=False,
        max_length=services.MAX_PASSWORD,
        help_text="8 characters or more.",
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )
    marketing = forms.BooleanField(required=False, label="Send me news of the house by mail, now and then")

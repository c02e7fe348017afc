"""The forms of one's own profile and preferences."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.conf.locale import LANG_INFO

from accounts import locales, names
from accounts.forms import ProblemForm
from accounts.preferences import Theme


class Cleaned(forms.CharField):
    """A text as `clean` gives it back; a ValueError of that is what is wrong with it."""

    def __init__(self, clean_text: Callable[[str], str], **options: Any) -> None:
        super().__init__(**options)
        self.clean_text = clean_text

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        try:
            return self.clean_text(text) if text else text
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error


class LongText(forms.CharField):
    """Browsers end a line with two characters; here it is one."""

    def to_python(self, value: Any) -> str:
        return (super().to_python(value) or "").replace("\r\n", "\n").replace("\r", "\n")


def languages() -> list[tuple[str, str]]:
    """Each language by its own name; first those in which our mails are written."""
    known = {locales.clean_locale(code): info["name_local"] for code, info in LANG_INFO.items() if "name_local" in info}
    first = [(code, known[code]) for code in locales.WITH_MAILS]
    others = [pair for pair in known.items() if pair[0] not in locales.WITH_MAILS]
    rest = sorted(others, key=lambda pair: pair[1].lower())
    return [*first, ("en-US", "English (US)"), *rest]


class ProfileForm(ProblemForm):
    display_name = Cleaned(
        names.clean_display_name,
        required=False,
        max_length=80,
        help_text="How you are called on stage. Anything that can be read.",
        widget=forms.TextInput({"autocomplete": "name"}),
    )
    username = Cleaned(
        names.clean_username,
        max_length=30,
        help_text="Your address here. You can change it once a day; nobody else gets the old one for 30 days.",
        widget=forms.TextInput({"autocapitalize": "none", "spellcheck": "false", "autocomplete": "username"}),
    )
    bio = LongText(
        required=False,
        max_length=2000,
        label="About you",
        help_text="Everybody can read this.",
        widget=forms.Textarea({"rows": 5, "maxlength": 2000}),
    )
    locale = forms.ChoiceField(
        label="Language",
        choices=languages,
        help_text="Dates are written its way, and mails where we have them in it. The pages themselves are English.",
    )
    timezone = forms.ChoiceField(
        label="Time zone", choices=lambda: [(locales.BROWSERS_OWN, "As this browser has it"), *_zones()]
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # what was chosen over the API need not be in the list
        for name in ("locale", "timezone"):
            field, own = self.fields[name], (self.initial or {}).get(name)
            assert isinstance(field, forms.ChoiceField)
            if own and not field.valid_value(own):
                field.choices = [(own, own), *field.choices]  # type: ignore[misc]


class PreferencesForm(ProblemForm):
    theme = forms.ChoiceField(choices=Theme.choices, label="House lights")
    reduce_motion = forms.BooleanField(required=False, label="Less movement on the pages")
    enter_sends = forms.BooleanField(
        required=False,
        label="Enter sends what I say",
        help_text="Otherwise Enter begins a new line, and Ctrl and Enter send.",
    )
    mature = forms.BooleanField(
        required=False,
        label="Show me mature characters",
        help_text="Made for adults; in lists and searches.",
    )
    show_last_seen = forms.BooleanField(
        required=False, label="Others may see when I was last here", help_text="To the hour, after a day to the day."
    )
    marketing_mail = forms.BooleanField(
        required=False, label="Send me news by mail", help_text="Now and then. You can take it back here at any time."
    )


def _zones() -> list[tuple[str, str]]:
    return [(name, name.replace("_", " ")) for name in locales.timezones() if name != locales.BROWSERS_OWN]

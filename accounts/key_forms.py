"""The form of the pages of API keys."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from accounts.forms import ProblemForm
from accounts.models import Scope
from accounts.services.api_keys import DEFAULT_SCOPES, MAX_KEY_NAME
from common.credits import LARGEST, PLACES

DAYS = [("", "Never"), ("30", "In 30 days"), ("90", "In 90 days"), ("365", "In a year")]
SCOPES = {
    Scope.CHAT: "Talk: characters, conversations and replies",
    Scope.IMAGES: "Make pictures",
    Scope.SPEND: "Spend credits at will, and read the wallet",
}


class ApiKeyForm(ProblemForm):
    name = forms.CharField(
        max_length=MAX_KEY_NAME,
        help_text="So that you know it again: which program, on which machine.",
        widget=forms.TextInput({"autocomplete": "off"}),
    )
    scopes = forms.MultipleChoiceField(
        label="It may", initial=[scope.value for scope in DEFAULT_SCOPES], widget=forms.CheckboxSelectMultiple
    )
    budget = forms.DecimalField(
        label="Credits a month",
        required=False,
        min_value=0,
        max_value=LARGEST,
        max_digits=20,
        decimal_places=PLACES,
        help_text="More than this it can't spend, whatever happens to it. Empty is without a limit.",
        widget=forms.TextInput({"inputmode": "decimal", "autocomplete": "off"}),
    )
    expires = forms.ChoiceField(label="It ends", required=False, choices=DAYS)

    def __init__(self, *args: Any, manages: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        scopes: Any = self.fields["scopes"]
        scopes.choices = [(scope.value, says) for scope, says in SCOPES.items() if manages or scope != Scope.SPEND]

    def fields_for_service(self) -> dict[str, Any]:
        return {
            "name": self.cleaned_data["name"],
            "scopes": self.cleaned_data["scopes"],
            "budget": self.cleaned_data["budget"],
            "expires_at": self._expires_at(),
        }

    def _expires_at(self) -> datetime | None:
        days = self.cleaned_data["expires"]
        return timezone.now() + timedelta(days=int(days)) if days else None

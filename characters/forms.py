"""The form that writes or changes a character."""

import re
from typing import Any

from django import forms

from accounts.forms import ProblemForm
from characters import limits
from characters.models import Category, Character, ContentRating, Gender, Visibility
from characters.tags import clean_tags

BETWEEN_GREETINGS = re.compile(r"^\s*-{3,}\s*$", re.MULTILINE)


class LongText(forms.CharField):
    """A text of several lines. Browsers end a line with two characters; here it is one."""

    def __init__(self, max_length: int, rows: int, **options: Any) -> None:
        super().__init__(max_length=max_length, **{"required": False} | options)
        self.widget = forms.Textarea({"rows": rows, "maxlength": max_length})

    def to_python(self, value: Any) -> str:
        text = super().to_python(value) or ""
        return text.replace("\r\n", "\n").replace("\r", "\n")


class CharacterForm(ProblemForm):
    """Every field of a character. `character` is the one that is changed, None for a new one."""

    name = forms.CharField(max_length=limits.NAME)
    tagline = forms.CharField(max_length=limits.TAGLINE, required=False, help_text="One line for the bill.")
    age = forms.IntegerField(min_value=limits.YOUNGEST, max_value=limits.OLDEST, label="Age (18 or older)")
    gender = forms.ChoiceField(choices=[("", "Choose"), *Gender.choices])
    category = forms.ChoiceField(choices=Category.choices, initial=Category.OTHER)
    tags = forms.CharField(
        required=False,
        max_length=limits.TAGS * (limits.TAG + 2),
        help_text=f"Up to {limits.TAGS}, with commas between them.",
    )
    description = LongText(limits.DESCRIPTION, 8, help_text="Who they are. Search looks here and in the name.")
    nickname = forms.CharField(max_length=limits.NICKNAME, required=False)
    ethnicity = forms.CharField(max_length=limits.APPEARANCE, required=False)
    body_type = forms.CharField(max_length=limits.APPEARANCE, required=False, label="Build")
    personality = LongText(limits.LONG_TEXT, 4)
    scenario = LongText(limits.LONG_TEXT, 4, help_text="Where you meet, and what has just happened.")
    system_prompt = LongText(
        limits.SYSTEM_PROMPT, 6, help_text="Instructions to the model. Nobody but you can read them."
    )
    post_history_instructions = LongText(
        limits.LONG_TEXT, 3, label="Last reminder", help_text="Said to the model after the conversation so far."
    )
    greeting = LongText(limits.GREETING, 5, help_text="The first line on stage. {{user}} becomes the reader's name.")
    alternate_greetings = LongText(
        limits.ALTERNATE_GREETINGS * limits.GREETING,
        5,
        label="Other greetings",
        help_text="One below the other, with a line of --- between two.",
    )
    example_dialogue = LongText(
        limits.EXAMPLE_DIALOGUE, 8, help_text="Lines that begin with {{user}}: and {{char}}:, scenes with <START>."
    )
    creator_notes = LongText(limits.LONG_TEXT, 3, label="Notes for readers")
    visibility = forms.ChoiceField(choices=Visibility.choices, initial=Visibility.PRIVATE)
    content_rating = forms.ChoiceField(choices=ContentRating.choices, initial=ContentRating.EVERYONE)
    downloadable = forms.BooleanField(required=False, label="Others may download the card")

    def __init__(self, *args: Any, character: Character | None = None, **options: Any) -> None:
        if character is not None:
            options["initial"] = _shown(character)
        super().__init__(*args, **options)
        for name in ("age", "gender"):
            # an imported card may be without, until it is shown to others
            self.fields[name].required = character is None or getattr(character, name) is not None

    def clean_gender(self) -> str | None:
        return self.cleaned_data["gender"] or None

    def clean_tags(self) -> list[str]:
        tags = clean_tags(self.cleaned_data["tags"].split(","))
        if len(tags) > limits.TAGS or any(len(tag) > limits.TAG for tag in tags):
            raise forms.ValidationError(f"Give at most {limits.TAGS} tags of at most {limits.TAG} characters.")
        return tags

    def clean_alternate_greetings(self) -> list[str]:
        text = self.cleaned_data["alternate_greetings"]
        greetings = [part.strip() for part in BETWEEN_GREETINGS.split(text) if part.strip()]
        if len(greetings) > limits.ALTERNATE_GREETINGS or any(len(part) > limits.GREETING for part in greetings):
            raise forms.ValidationError(
                f"Give at most {limits.ALTERNATE_GREETINGS} greetings of at most {limits.GREETING} characters."
            )
        return greetings


def _shown(character: Character) -> dict[str, Any]:
    values = {name: getattr(character, name) for name in CharacterForm.base_fields}
    values["tags"] = ", ".join(character.tags)
    values["alternate_greetings"] = "\n\n---\n\n".join(character.alternate_greetings)
    return values

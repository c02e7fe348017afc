"""What chat accepts, over REST and over the socket alike."""

from typing import Any

from chat.models import TEXT_LIMIT
from common import fields
from common.api import InputSerializer


class ConversationInput(InputSerializer):
    kind = fields.Choice(choices=["character"], default="character")
    character = fields.Id()
    title = fields.Text(max_length=200, required=False, allow_blank=True, default="")
    model = fields.Text(max_length=160, required=False, allow_blank=True, allow_null=True, default="")
    persona = fields.Id(required=False, allow_null=True, default=None)
    organization = fields.Id(required=False, allow_null=True, default=None)


class ConversationChange(InputSerializer):
    title = fields.Text(max_length=200, required=False, allow_blank=True)
    model = fields.Text(max_length=160, required=False, allow_blank=True, allow_null=True)
    persona = fields.Id(required=False, allow_null=True)
    organization = fields.Id(
        required=False,
        allow_null=True,
        help_text="Who pays from now on; null: the caller's own. The owner's to change.",
    )
    archived = fields.Flag(required=False)
    muted_until = fields.Moment(required=False, allow_null=True)


class TextField(fields.Text):
    """A message's words: any characters but NUL, leading and trailing space kept, at most 16,000."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=TEXT_LIMIT, trim_whitespace=False, **options)


class MessageInput(InputSerializer):
    text = TextField()
    client_id = fields.Text(max_length=64, required=False, allow_null=True, default=None)
    reply_to = fields.Id(required=False, allow_null=True, default=None)
    reply = fields.Flag(
        default=True, help_text="false: only say it; the character does not answer and nothing is charged"
    )


class MessageChange(InputSerializer):
    text = TextField()


class VariantChoice(InputSerializer):
    variant = fields.Whole(min_value=0, max_value=1_000_000)


class ReadInput(InputSerializer):
    seq = fields.Whole(min_value=0, max_value=2**62)


class TypingInput(InputSerializer):
    active = fields.Flag(default=True)

"""What chat accepts, over REST and over the socket alike."""

from typing import Any

from rest_framework import serializers

from chat.models import TEXT_LIMIT
from common.api import InputSerializer


class ConversationInput(InputSerializer):
    kind = serializers.ChoiceField(choices=["character"], default="character")
    character = serializers.UUIDField()
    title = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    model = serializers.CharField(max_length=160, required=False, allow_blank=True, allow_null=True, default="")
    persona = serializers.UUIDField(required=False, allow_null=True, default=None)
    organization = serializers.UUIDField(required=False, allow_null=True, default=None)


class ConversationChange(InputSerializer):
    title = serializers.CharField(max_length=200, required=False, allow_blank=True)
    model = serializers.CharField(max_length=160, required=False, allow_blank=True, allow_null=True)
    persona = serializers.UUIDField(required=False, allow_null=True)
    archived = serializers.BooleanField(required=False)
    muted_until = serializers.DateTimeField(required=False, allow_null=True)


class TextField(serializers.CharField):
    """A message's words: any characters but NUL, leading and trailing space kept, at most 16,000."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=TEXT_LIMIT, trim_whitespace=False, **options)


class MessageInput(InputSerializer):
    text = TextField()
    client_id = serializers.CharField(max_length=64, required=False, allow_null=True, default=None)
    reply_to = serializers.UUIDField(required=False, allow_null=True, default=None)
    reply = serializers.BooleanField(
        default=True, help_text="false: only say it; the character does not answer and nothing is charged"
    )


class MessageChange(InputSerializer):
    text = TextField()


class VariantChoice(InputSerializer):
    variant = serializers.IntegerField(min_value=0, max_value=1_000_000)


class ReadInput(InputSerializer):
    seq = serializers.IntegerField(min_value=0, max_value=2**62)


class TypingInput(InputSerializer):
    active = serializers.BooleanField(default=True)

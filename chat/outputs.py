"""The shapes of chat's answers, for the OpenAPI document. The answers themselves are plain dicts of `selectors`."""

from rest_framework import serializers

from chat.models import Status


class AuthorOutput(serializers.Serializer):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=["user", "character"])
    name = serializers.CharField()
    avatar = serializers.CharField(allow_null=True)


class VariantOutput(serializers.Serializer):
    index = serializers.IntegerField()
    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=Status.choices)
    created_at = serializers.DateTimeField()


class ReplyError(serializers.Serializer):
    code = serializers.CharField()
    detail = serializers.CharField()


class MessageOutput(serializers.Serializer):
    id = serializers.UUIDField()
    conversation = serializers.UUIDField()
    seq = serializers.IntegerField()
    rev = serializers.IntegerField()
    parent = serializers.UUIDField(allow_null=True)  # type: ignore[assignment]
    author = AuthorOutput()
    text = serializers.CharField(allow_blank=True)
    status = serializers.ChoiceField(choices=Status.choices)
    reply_to = serializers.UUIDField(allow_null=True)
    reactions = serializers.ListField(child=serializers.DictField())
    variants = VariantOutput(many=True)
    variant = serializers.IntegerField()
    attachments = serializers.ListField(child=serializers.DictField())
    client_id = serializers.CharField(allow_null=True)
    edited_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    next_index = serializers.IntegerField(required=False, help_text="while in progress: deltas already in `text`")
    error = ReplyError(required=False)


class SentOutput(serializers.Serializer):
    message = MessageOutput()
    reply = MessageOutput(allow_null=True)


class MessagePage(serializers.Serializer):
    items = MessageOutput(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


class TalkingCharacter(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    tagline = serializers.CharField(allow_blank=True)
    avatar = serializers.CharField()


class ConversationOutput(serializers.Serializer):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=["character", "direct", "room", "event"])
    title = serializers.CharField(allow_blank=True)
    model = serializers.CharField(allow_null=True)
    persona = serializers.UUIDField(allow_null=True)
    organization = serializers.UUIDField()
    last_seq = serializers.IntegerField()
    last_message_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    role = serializers.ChoiceField(choices=["owner", "moderator", "member"])
    archived = serializers.BooleanField()
    muted_until = serializers.DateTimeField(allow_null=True)
    last_read_seq = serializers.IntegerField()
    unread = serializers.IntegerField(help_text="messages of others after the mark, counted to 100")
    character = TalkingCharacter(allow_null=True)
    preview = serializers.CharField(allow_blank=True, help_text="the newest message's first 200 characters")
    preview_author = serializers.ChoiceField(choices=["user", "character"], allow_null=True)
    replying = serializers.BooleanField(help_text="a character is about to answer, or answering")


class ConversationPage(serializers.Serializer):
    items = ConversationOutput(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


class ReadOutput(serializers.Serializer):
    last_read_seq = serializers.IntegerField()

"""What the API answers with, for the OpenAPI schema. The answers themselves are plain dictionaries."""

from rest_framework import serializers

from characters.models import Category, ContentRating, Gender, Visibility


class CreatorShape(serializers.Serializer):
    id = serializers.UUIDField()
    username = serializers.CharField()
    display_name = serializers.CharField()


class ListedCharacterShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    tagline = serializers.CharField()
    description = serializers.CharField()
    nickname = serializers.CharField()
    character_version = serializers.CharField()
    age = serializers.IntegerField(allow_null=True)
    gender = serializers.ChoiceField(choices=Gender.choices, allow_null=True)
    ethnicity = serializers.CharField()
    body_type = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    category = serializers.ChoiceField(choices=Category.choices)
    content_rating = serializers.ChoiceField(choices=ContentRating.choices)
    visibility = serializers.ChoiceField(choices=Visibility.choices)
    downloadable = serializers.BooleanField()
    system_prompt_tokens = serializers.IntegerField()
    avatar = serializers.URLField()
    likes_amount = serializers.IntegerField()
    messages_amount = serializers.IntegerField()
    liked = serializers.BooleanField(help_text="Whether the caller likes it; false for who is not signed in.")
    creator = CreatorShape()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class CharacterShape(ListedCharacterShape):
    greeting = serializers.CharField()
    alternate_greetings = serializers.ListField(child=serializers.CharField())
    example_dialogue = serializers.CharField()
    personality = serializers.CharField()
    scenario = serializers.CharField()
    post_history_instructions = serializers.CharField()
    creator_notes = serializers.CharField()
    system_prompt = serializers.CharField(required=False, help_text="There for its creator alone.")


class CharacterPageShape(serializers.Serializer):
    items = ListedCharacterShape(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False, help_text="With `count=true`.")


class LikeShape(serializers.Serializer):
    liked = serializers.BooleanField()
    likes_amount = serializers.IntegerField()


class ImageShape(serializers.Serializer):
    id = serializers.UUIDField()
    url = serializers.URLField()
    thumbnail_url = serializers.URLField()
    mime_type = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    purpose = serializers.CharField()
    created_at = serializers.DateTimeField()


class ImagePageShape(serializers.Serializer):
    items = ImageShape(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


class MemoryShape(serializers.Serializer):
    id = serializers.UUIDField()
    text = serializers.CharField()
    created_at = serializers.DateTimeField()


class MemoryPageShape(serializers.Serializer):
    items = MemoryShape(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


class PersonaShape(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    description = serializers.CharField()
    is_default = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class PersonaPageShape(serializers.Serializer):
    items = PersonaShape(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


class LorebookEntryShape(serializers.Serializer):
    """An entry of a card's lorebook. Keys that are not listed here are kept as they came."""

    keys = serializers.ListField(child=serializers.CharField(allow_blank=True), required=False)
    content = serializers.CharField(required=False, allow_blank=True)
    extensions = serializers.DictField(required=False)
    enabled = serializers.BooleanField(required=False)
    insertion_order = serializers.FloatField(required=False)
    use_regex = serializers.BooleanField(required=False)


class LorebookShape(serializers.Serializer):
    """The lorebook of a character card (V2 or V3). Keys that are not listed here are kept as they came."""

    name = serializers.CharField(required=False, allow_null=True, allow_blank=True)
    description = serializers.CharField(required=False, allow_null=True, allow_blank=True)
    scan_depth = serializers.FloatField(required=False, allow_null=True)
    token_budget = serializers.FloatField(required=False, allow_null=True)
    recursive_scanning = serializers.BooleanField(required=False, allow_null=True)
    extensions = serializers.DictField(required=False)
    entries = LorebookEntryShape(many=True)

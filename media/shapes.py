"""What the API answers about files."""

from rest_framework import serializers

from media.models import Family, Purpose, StoredContent, Visibility


class AssetOutput(serializers.Serializer):
    id = serializers.UUIDField()
    key = serializers.CharField()
    url = serializers.URLField(help_text="a private file's is signed and good for 15 minutes; `&download` saves it")
    thumbnail_url = serializers.URLField(allow_null=True)
    mime_type = serializers.CharField()
    size = serializers.IntegerField(help_text="bytes of the original as it is kept")
    width = serializers.IntegerField(allow_null=True)
    height = serializers.IntegerField(allow_null=True)
    duration = serializers.FloatField(allow_null=True, help_text="seconds, of video and audio")
    blurhash = serializers.CharField(allow_null=True)
    purpose = serializers.ChoiceField(choices=Purpose.choices)
    visibility = serializers.ChoiceField(choices=Visibility.choices)
    filename = serializers.CharField(allow_blank=True)
    status = serializers.ChoiceField(choices=StoredContent.Status.choices)
    progress = serializers.IntegerField(min_value=0, max_value=100)
    error = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()


class AssetPageOutput(serializers.Serializer):
    items = AssetOutput(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)


class BatchItemOutput(serializers.Serializer):
    asset = AssetOutput(required=False)
    error = serializers.DictField(required=False, help_text="a problem document")


class BatchOutput(serializers.Serializer):
    items = BatchItemOutput(many=True)


class PresignedOutput(serializers.Serializer):
    upload_url = serializers.URLField()
    method = serializers.CharField()
    headers = serializers.DictField(child=serializers.CharField(), help_text="send exactly these")
    key = serializers.CharField()
    public_url = serializers.URLField(allow_null=True, help_text="where it will be; null for a private file")
    expires_at = serializers.DateTimeField()


class StorageOutput(serializers.Serializer):
    organization = serializers.UUIDField()
    used_bytes = serializers.IntegerField()
    quota_bytes = serializers.IntegerField(allow_null=True)


class LimitsOutput(serializers.Serializer):
    image_bytes = serializers.IntegerField()
    clip_bytes = serializers.IntegerField()
    body_bytes = serializers.IntegerField()


class StatusOutput(serializers.Serializer):
    storage = serializers.ChoiceField(choices=["local", "s3", "ipfs"])
    ok = serializers.BooleanField()
    detail = serializers.CharField(allow_null=True)
    mime_types = serializers.DictField(child=serializers.ChoiceField(choices=Family.choices))
    limits = LimitsOutput()
    usage = StorageOutput()

"""What one was told, over REST."""

import uuid

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request

from common.api import InputSerializer, TroupeView, no_content
from common.fields import Id
from common.openapi import PAGE
from common.pagination import page_by_id, read_flag
from common.rendering import Response
from notifications import services
from notifications.models import Notification
from notifications.selectors import notification_data, notifications_of, unread_count

UNREAD = OpenApiParameter("unread", bool, description="`true` gives those alone that are unread.")


class ReadAllInput(InputSerializer):
    until = Id(required=False, allow_null=True, default=None, help_text="the newest one seen; those after it stay")


class NotificationActorOutput(serializers.Serializer):
    id = serializers.UUIDField()
    username = serializers.CharField()
    display_name = serializers.CharField(allow_blank=True)
    avatar = serializers.CharField(allow_null=True)


class NotificationReferenceOutput(serializers.Serializer):
    type = serializers.CharField()
    id = serializers.CharField()


class NotificationOutput(serializers.Serializer):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    title = serializers.CharField()
    body = serializers.CharField(allow_blank=True)
    actor = NotificationActorOutput(allow_null=True, help_text="whose doing it is")
    reference = NotificationReferenceOutput(allow_null=True, help_text="what it is about")
    read_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class ChangedNotificationOutput(NotificationOutput):
    unread = serializers.IntegerField(min_value=0, help_text="how many are unread now")


class NotificationPage(serializers.Serializer):
    items = NotificationOutput(many=True)
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(required=False)
    unread = serializers.IntegerField(min_value=0, help_text="how many are unread, on this page or not")


class ReadAllOutput(serializers.Serializer):
    read = serializers.IntegerField(min_value=0, help_text="how many this has marked")
    unread = serializers.IntegerField(min_value=0, help_text="how many are unread now")


class NotificationsView(TroupeView):
    @extend_schema(operation_id="notifications_list", parameters=[UNREAD, *PAGE], responses=NotificationPage)
    def get(self, request: Request) -> Response:
        """What one was told, the newest first."""
        rows = notifications_of(self.user_id, unread_only=read_flag(request, "unread"))
        page = page_by_id(rows, request, notification_data)
        return Response(page.data() | {"unread": unread_count(self.user_id)})


class NotificationView(TroupeView):
    @extend_schema(operation_id="notification_delete", responses={204: None})
    def delete(self, request: Request, notification_id: uuid.UUID) -> object:
        """Takes it off the list for good."""
        services.delete(user_id=self.user_id, notification_id=notification_id)
        return no_content()


class ReadView(TroupeView):
    @extend_schema(operation_id="notification_read", request=None, responses=ChangedNotificationOutput)
    def post(self, request: Request, notification_id: uuid.UUID) -> Response:
        """Marks it as read. One that was read before keeps its time."""
        return _changed(services.mark_read(user_id=self.user_id, notification_id=notification_id))


class UnreadView(TroupeView):
    @extend_schema(operation_id="notification_unread", request=None, responses=ChangedNotificationOutput)
    def post(self, request: Request, notification_id: uuid.UUID) -> Response:
        """Marks it as unread."""
        return _changed(services.mark_unread(user_id=self.user_id, notification_id=notification_id))


class ReadAllView(TroupeView):
    @extend_schema(operation_id="notifications_read_all", request=ReadAllInput, responses=ReadAllOutput)
    def post(self, request: Request) -> Response:
        """Marks all as read; with `until`, what came after that one stays unread."""
        body = self.valid(ReadAllInput, request)
        read = services.mark_all_read(user_id=self.user_id, until=body["until"])
        return Response({"read": read, "unread": unread_count(self.user_id)})


def _changed(notification: Notification) -> Response:
    return Response(notification_data(notification) | {"unread": unread_count(notification.user_id)})

from django.urls import path

from notifications import api, pages

api_urlpatterns = [
    path("notifications", api.NotificationsView.as_view()),
    path("notifications/read-all", api.ReadAllView.as_view()),
    path("notifications/<uuid:notification_id>", api.NotificationView.as_view()),
    path("notifications/<uuid:notification_id>/read", api.ReadView.as_view()),
    path("notifications/<uuid:notification_id>/unread", api.UnreadView.as_view()),
]

page_urlpatterns = [
    path("notifications", pages.notifications, name="notifications"),
    path("notifications/read-all", pages.read_all, name="notifications_read_all"),
    path("notifications/<uuid:notification_id>", pages.follow, name="notification_follow"),
    path("notifications/<uuid:notification_id>/read", pages.change, {"action": "read"}, "notification_read"),
    path("notifications/<uuid:notification_id>/unread", pages.change, {"action": "unread"}, "notification_unread"),
    path("notifications/<uuid:notification_id>/delete", pages.change, {"action": "delete"}, "notification_delete"),
]

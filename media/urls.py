from django.urls import path

from media import api, pages

api_urlpatterns = [
    path("users/me/profile-picture", api.ProfilePictureView.as_view()),
    path("users/me/remove-profile-picture", api.RemoveProfilePictureView.as_view()),
]

page_urlpatterns = [
    path("media/avatars/<uuid:picture_id>.webp", pages.avatar, name="media_avatar"),
    path("account/picture", pages.set_picture, name="account_picture"),
    path("account/picture/remove", pages.remove_picture, name="account_picture_remove"),
]

from django.urls import path

from media import api, api_assets, pages, pages_files

_assets = [
    ("assets", api_assets.AssetsView),
    ("assets/<uuid:asset_id>", api_assets.AssetView),
    ("r2files", api_assets.R2FilesView),
    ("r2files/<uuid:asset_id>", api_assets.R2FileView),
]

api_urlpatterns = [
    path("upload/status", api.StatusView.as_view()),
    path("upload/file", api.FileView.as_view()),
    path("upload/base64", api.Base64View.as_view()),
    path("upload/presigned", api.PresignedView.as_view()),
    path("upload/local/<uuid:upload_id>", api.LocalUploadView.as_view()),
    path("upload/confirm", api.ConfirmView.as_view()),
    path("upload/delete", api.DeleteView.as_view()),
    path("upload/migrate-base64-batch", api.BatchView.as_view()),
    *(path(address, view.as_view()) for address, view in _assets),
    path("users/me/profile-picture", api.ProfilePictureView.as_view()),
    path("users/me/remove-profile-picture", api.RemoveProfilePictureView.as_view()),
]

page_urlpatterns = [
    path("media/avatars/<uuid:picture_id>.webp", pages.avatar, name="media_avatar"),
    path("media/<path:key>", pages.file, name="media_file"),
    path("account/picture", pages.set_picture, name="account_picture"),
    path("account/picture/remove", pages.remove_picture, name="account_picture_remove"),
    path("files", pages_files.files, name="files"),
    path("files/send", pages_files.send, name="files_send"),
    path("files/storage", pages_files.meter, name="files_storage"),
    path("files/<uuid:asset_id>", pages_files.card, name="file"),
    path("files/<uuid:asset_id>/delete", pages_files.delete, name="file_delete"),
]

"""Files over plain HTTP: a picture as browsers ask for it, and the forms of the profile page."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotModified
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from common.errors import NotFound, Problem
from common.ratelimits import Gate
from media import serving
from media.services import avatars
from media.uploads import refuse_large, the_file

YEAR = 365 * 86_400


@require_safe
def avatar(request: HttpRequest, picture_id: uuid.UUID) -> HttpResponse:
    """A person's picture. Its address is new with each upload, so what is there never changes."""
    etag = f'"{picture_id.hex}"'
    try:
        if request.headers.get("If-None-Match") == etag and default_storage.exists(_key(picture_id)):
            response: HttpResponse = HttpResponseNotModified()
        else:
            with default_storage.open(_key(picture_id)) as file:
                response = HttpResponse(file.read(), content_type="image/webp")
    except FileNotFoundError as error:
        raise NotFound from error
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _key(picture_id: uuid.UUID) -> str:
    return f"{avatars.BEFORE_ASSETS}{picture_id}.webp"


def _me(request: HttpRequest) -> uuid.UUID:
    assert isinstance(request.user, User)
    return request.user.pk


@require_safe
def file(request: HttpRequest, key: str) -> HttpResponseBase:
    """Any other file of somebody's: see `media.serving`."""
    return serving.answer(request, key)


@require_POST
@login_required
def set_picture(request: HttpRequest) -> HttpResponse:
    """The profile page's form with a file."""
    try:
        Gate(who=str(request.user.pk), preset="upload", write=True).enter()
        refuse_large(request.META.get("CONTENT_LENGTH") or "")
        avatars.set_profile_picture(user_id=_me(request), file=the_file(request.content_type or "", request.FILES))
        messages.success(request, "Your new picture is up.")
    except Problem as problem:
        messages.error(request, " ".join((problem.errors or {}).get("file", [])) or problem.detail)
    return redirect("account_profile")


@require_POST
@login_required
def remove_picture(request: HttpRequest) -> HttpResponse:
    Gate(who=str(request.user.pk), preset="api", write=True).enter()
    avatars.remove_profile_picture(user_id=_me(request))
    messages.success(request, "Your picture is off.")
    return redirect("account_profile")

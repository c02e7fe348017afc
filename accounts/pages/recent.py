"""Some pages ask who has been signed in for a while to prove once more that it is them."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse

from accounts.web_sessions import proved_recently

View = Callable[..., HttpResponseBase]


def recently_proven(view: View) -> View:
    """Only for who has signed in, or proven themselves, within five minutes; others are led to do so, and back."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return redirect_to_login(request.path)
        if not proved_recently(request):
            return HttpResponseRedirect(f"{reverse('security_confirm')}?{urlencode({'next': request.path})}")
        return view(request, *args, **kwargs)

    return guarded

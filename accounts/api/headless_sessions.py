"""The list of sign-ins in the form of allauth's headless API. What it lists is ours: sessions of every kind."""

import uuid
from typing import Any

from allauth.core.internal.httpkit import authenticated_user
from allauth.headless.base.response import AuthenticationResponse
from allauth.headless.base.views import AuthenticatedAPIView
from allauth.headless.internal.restkit import inputs
from allauth.headless.internal.restkit.response import APIResponse
from django import forms
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse

from accounts import selectors, services
from accounts.models import AuthSession
from accounts.web_sessions import read_claims


class SelectSessionsInput(inputs.Input):
    """`{"sessions": [ids]}`."""

    sessions = forms.JSONField()

    def clean_sessions(self) -> list[uuid.UUID]:
        ids = self.cleaned_data["sessions"]
        try:
            return [uuid.UUID(session_id) for session_id in ids]
        except (TypeError, ValueError, AttributeError) as error:
            raise forms.ValidationError("Give a list of ids.") from error


class SessionsView(AuthenticatedAPIView):
    """GET lists, DELETE ends those of one's own that are named."""

    input_class = {"DELETE": SelectSessionsInput}

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._list(request)

    def delete(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        claims = read_claims(request.session)
        named = set(self.input.cleaned_data["sessions"])
        for session in selectors.live_sessions(authenticated_user(request).pk):
            if session.pk in named:
                services.end_session(session_id=session.pk, reason=AuthSession.EndReason.SIGN_OUT)
        if claims and claims.session_id in named:
            logout(request)
            return AuthenticationResponse(request)
        return self._list(request)

    def _list(self, request: HttpRequest) -> APIResponse:
        claims = read_claims(request.session)
        rows = selectors.live_sessions(authenticated_user(request).pk)
        return APIResponse(
            request, data=[_data(row, current=bool(claims and claims.session_id == row.pk)) for row in rows]
        )


def _data(session: AuthSession, *, current: bool) -> dict[str, Any]:
    return {
        "id": str(session.pk),
        "user_agent": session.user_agent,
        "ip": session.address or "",
        "created_at": session.created_at.timestamp(),
        "last_seen_at": session.last_used_at.timestamp(),
        "is_current": current,
    }

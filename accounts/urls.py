from django.urls import path

from accounts.api import doors
from accounts.pages import doors as door_pages

api_urlpatterns = [
    path("auth/signup", doors.SignUpView.as_view()),
    path("auth/register", doors.RegisterView.as_view()),
    path("auth/login", doors.SignInView.as_view()),
    path("auth/refresh", doors.RefreshView.as_view()),
    path("auth/signout", doors.SignOutView.as_view()),
    path("auth/me", doors.MeView.as_view()),
    path("auth/profile", doors.ProfileView.as_view()),
]

page_urlpatterns = [
    path("sign-in", door_pages.SignInPage.as_view(), name="sign_in"),
    path("sign-up", door_pages.SignUpPage.as_view(), name="sign_up"),
    path("sign-out", door_pages.sign_out, name="sign_out"),
]

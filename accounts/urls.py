from django.urls import path

from accounts import api, pages

api_urlpatterns = [
    path("auth/signup", api.SignUpView.as_view()),
    path("auth/register", api.RegisterView.as_view()),
    path("auth/login", api.SignInView.as_view()),
    path("auth/refresh", api.RefreshView.as_view()),
    path("auth/signout", api.SignOutView.as_view()),
    path("auth/me", api.MeView.as_view()),
    path("auth/profile", api.ProfileView.as_view()),
]

page_urlpatterns = [
    path("sign-in", pages.SignInPage.as_view(), name="sign_in"),
    path("sign-up", pages.SignUpPage.as_view(), name="sign_up"),
    path("sign-out", pages.sign_out, name="sign_out"),
]

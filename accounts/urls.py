from django.urls import include, path

from accounts import headless
from accounts.api import doors, invitations, links, organizations, sessions
from accounts.pages import doors as door_pages
from accounts.pages import links as link_pages
from accounts.pages import factors, second_factor, security

api_urlpatterns = [
    path("auth/signup", doors.SignUpView.as_view()),
    path("auth/register", doors.RegisterView.as_view()),
    path("auth/login", doors.SignInView.as_view()),
    path("auth/refresh", doors.RefreshView.as_view()),
    path("auth/signout", doors.SignOutView.as_view()),
    path("auth/mfa", links.MfaView.as_view()),
    path("auth/forgot-password", links.ForgotPasswordView.as_view()),
    path("auth/reset-password", links.ResetPasswordView.as_view()),
    path("auth/magic-link", links.MagicLinkView.as_view()),
    path("auth/callback", links.CallbackView.as_view()),
    path("auth/send-confirmation", links.ConfirmationView.as_view()),
    path("auth/headless/", include(headless)),
    path("users/me/sessions", sessions.SessionsView.as_view()),
    path("users/me/sessions/<uuid:session_id>", sessions.SessionView.as_view()),
    path("users/me/email", sessions.EmailView.as_view()),
    path("auth/me", doors.MeView.as_view()),
    path("auth/profile", doors.ProfileView.as_view()),
    path("users/me/invitations", invitations.MyInvitationsView.as_view()),
    path("organizations", organizations.OrganizationsView.as_view()),
    path("organizations/<uuid:organization_id>", organizations.OrganizationView.as_view()),
    path("organizations/<uuid:organization_id>/transfer", organizations.TransferView.as_view()),
    path("organizations/<uuid:organization_id>/leave", organizations.LeaveView.as_view()),
    path("organizations/<uuid:organization_id>/members", organizations.MembersView.as_view()),
    path("organizations/<uuid:organization_id>/members/<uuid:member_id>", organizations.MemberView.as_view()),
    path("organizations/<uuid:organization_id>/invitations", invitations.InvitationsView.as_view()),
    path(
        "organizations/<uuid:organization_id>/invitations/<uuid:invitation_id>", invitations.InvitationView.as_view()
    ),
    path(
        "organizations/<uuid:organization_id>/invitations/<uuid:invitation_id>/resend",
        invitations.ResendInvitationView.as_view(),
    ),
    path("invitations/<str:token>", invitations.InvitationLinkView.as_view()),
    path("invitations/<str:token>/accept", invitations.AcceptInvitationView.as_view()),
]

page_urlpatterns = [
    path("sign-in", door_pages.SignInPage.as_view(), name="sign_in"),
    path("sign-up", door_pages.SignUpPage.as_view(), name="sign_up"),
    path("sign-out", door_pages.sign_out, name="sign_out"),
    path("sign-in/second-factor", second_factor.SecondFactorPage.as_view(), name="second_factor"),
    path("sign-in/second-factor/passkey", second_factor.PasskeyFactor.as_view(), name="second_factor_passkey"),
    path("sign-in/link", link_pages.MagicLinkPage.as_view(), name="magic_link"),
    path("forgot-password", link_pages.ForgotPasswordPage.as_view(), name="forgot_password"),
    path("reset-password", link_pages.ResetPasswordPage.as_view(), name="reset_password"),
    path("auth/callback", link_pages.CallbackPage.as_view(), name="mail_callback"),
    path("account/sessions", security.SessionsPage.as_view(), name="account_sessions"),
    path("account/security", security.SecurityPage.as_view(), name="account_security"),
    path("account/security/confirm", security.ConfirmPage.as_view(), name="security_confirm"),
    path("account/security/password", security.PasswordPage.as_view(), name="security_password"),
    path("account/security/email", security.EmailPage.as_view(), name="security_email"),
    path("account/security/confirmation", security.send_confirmation, name="security_confirmation"),
    path("account/security/authenticator", factors.AuthenticatorPage.as_view(), name="security_authenticator"),
    path("account/security/recovery-codes", factors.RecoveryCodesPage.as_view(), name="security_recovery_codes"),
    path("account/security/passkeys/remove", factors.remove_passkey, name="security_passkey_remove"),
]

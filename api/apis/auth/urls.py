from django.urls import path

from api.apis.auth.views import accounts, deletion, people, social, tokens

well_known = [path("jwks.json", tokens.JwksView.as_view(), name="jwks")]

urlpatterns = [
    path("auth/get-token/", tokens.GetTokenView.as_view(), name="get-token"),
    path("auth/refresh-token/", tokens.RefreshTokenView.as_view(), name="refresh-token"),
    path("auth/check/", tokens.CheckView.as_view(), name="check"),
    path("auth/register/", people.RegisterView.as_view(), name="register"),
    path("auth/guest/", people.GuestView.as_view(), name="guest"),
    path("auth/magic/request/", people.MagicRequestView.as_view(), name="magic-request"),
    path("auth/magic/verify/", people.MagicVerifyView.as_view(), name="magic-verify"),
    path("auth/social/<str:provider>/nonce/", social.SocialNonceView.as_view(), name="social-nonce"),
    path("auth/social/<str:provider>/", social.SocialSignInView.as_view(), name="social"),
    path("auth/change-password/", accounts.ChangePasswordView.as_view(), name="change-password"),
    path("auth/password-reset/request/", accounts.PasswordResetRequestView.as_view(), name="password-reset-request"),
    path("auth/password-reset/confirm/", accounts.PasswordResetConfirmView.as_view(), name="password-reset-confirm"),
    path("auth/email/", accounts.AddressView.as_view(), name="address"),
    path("auth/email/verify/", accounts.AddressVerifyView.as_view(), name="address-verify"),
    path("auth/email/confirm/request/", accounts.ConfirmationRequestView.as_view(), name="confirmation-request"),
    path("auth/email/confirm/", accounts.ConfirmationView.as_view(), name="confirmation"),
    path("auth/delete/", deletion.DeletionView.as_view(), name="delete"),
    path("auth/logout-all/", people.SignOutEverywhereView.as_view(), name="logout-all"),
    path("auth/logout/", people.SignOutView.as_view(), name="logout"),
    path("pre-register/", people.PreRegisterView.as_view(), name="pre-register"),
    path("token/refresh/", tokens.RefreshTokenView.as_view(), name="token-refresh"),
    path("token/verify/", tokens.VerifyTokenView.as_view(), name="token-verify"),
    path("token/pair/", people.SignInView.as_view(), name="token-pair"),
]

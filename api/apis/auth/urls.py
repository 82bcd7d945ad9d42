from django.urls import path

from api.apis.auth import views

well_known = [path("jwks.json", views.JwksView.as_view(), name="jwks")]

urlpatterns = [
    path("auth/get-token/", views.GetTokenView.as_view(), name="get-token"),
    path("auth/refresh-token/", views.RefreshTokenView.as_view(), name="refresh-token"),
    path("auth/check/", views.CheckView.as_view(), name="check"),
    path("auth/register/", views.RegisterView.as_view(), name="register"),
    path("auth/guest/", views.GuestView.as_view(), name="guest"),
    path("auth/magic/request/", views.MagicRequestView.as_view(), name="magic-request"),
    path("auth/magic/verify/", views.MagicVerifyView.as_view(), name="magic-verify"),
    path("auth/change-password/", views.ChangePasswordView.as_view(), name="change-password"),
    path("auth/password-reset/request/", views.PasswordResetRequestView.as_view(), name="password-reset-request"),
    path("auth/password-reset/confirm/", views.PasswordResetConfirmView.as_view(), name="password-reset-confirm"),
    path("auth/email/", views.AddressView.as_view(), name="address"),
    path("auth/email/verify/", views.AddressVerifyView.as_view(), name="address-verify"),
    path("auth/email/confirm/request/", views.ConfirmationRequestView.as_view(), name="confirmation-request"),
    path("auth/email/confirm/", views.ConfirmationView.as_view(), name="confirmation"),
    path("auth/logout-all/", views.SignOutEverywhereView.as_view(), name="logout-all"),
    path("auth/logout/", views.SignOutView.as_view(), name="logout"),
    path("token/refresh/", views.RefreshTokenView.as_view(), name="token-refresh"),
    path("token/verify/", views.VerifyTokenView.as_view(), name="token-verify"),
    path("token/pair/", views.SignInView.as_view(), name="token-pair"),
]

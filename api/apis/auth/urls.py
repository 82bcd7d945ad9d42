from django.urls import path

from api.apis.auth import views

well_known = [path("jwks.json", views.JwksView.as_view(), name="jwks")]

urlpatterns = [
    path("auth/get-token/", views.GetTokenView.as_view(), name="get-token"),
    path("auth/refresh-token/", views.RefreshTokenView.as_view(), name="refresh-token"),
    path("auth/check/", views.CheckView.as_view(), name="check"),
    path("auth/register/", views.RegisterView.as_view(), name="register"),
    path("auth/logout/", views.SignOutView.as_view(), name="logout"),
    path("token/refresh/", views.RefreshTokenView.as_view(), name="token-refresh"),
    path("token/verify/", views.VerifyTokenView.as_view(), name="token-verify"),
    path("token/pair/", views.SignInView.as_view(), name="token-pair"),
]

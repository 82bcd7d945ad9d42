from django.urls import path

from api.apis.onboarding import views

urlpatterns = [
    path("register/", views.RegisterView.as_view(), name="register"),
    path("challenge/", views.ChallengeView.as_view(), name="challenge"),
    path("attest/", views.AttestView.as_view(), name="attest"),
    path("rotate/", views.RotateView.as_view(), name="rotate"),
    path("revoke/", views.RevokeView.as_view(), name="revoke"),
    path("verify-signature/", views.VerifySignatureView.as_view(), name="verify-signature"),
]

"""Where the links of mails lead, below FRONTEND_URL."""

from django.urls import path

from api.pages import export, invitations, links, sharing

app_name = "pages"

urlpatterns = [
    path("magic-verify/", links.MagicPage.as_view(), name="magic-verify"),
    path("confirm-email/", links.ConfirmAddressPage.as_view(), name="confirm-email"),
    path("change-email/", links.ChangeAddressPage.as_view(), name="change-email"),
    path("reset-password/", links.ResetPasswordPage.as_view(), name="reset-password"),
    path("not-me/", links.NotMePage.as_view(), name="not-me"),
    path("invitation/", invitations.InvitationPage.as_view(), name="invitation"),
    path("shared-image/", sharing.SharedImagePage.as_view(), name="shared-image"),
    path("export/", export.ExportPage.as_view(), name="export"),
]

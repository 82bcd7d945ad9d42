"""The table of contents of the CMS. Everything but the sign-in page stands behind the door of `access.staff_required`."""

from django.urls import path

from api.cms.views import apps, audit, auth, dashboard, devices, jobs, mails, orgs, requests, search, users

app_name = "cms"

urlpatterns = [
    path("", dashboard.DashboardView.as_view(), name="dashboard"),
    path("login/", auth.SignInView.as_view(), name="login"),
    path("logout/", auth.SignOutView.as_view(), name="logout"),
    path("users/", users.PeopleView.as_view(), name="users"),
    path("users/<uuid:user_id>/", users.PersonView.as_view(), name="user"),
    path("users/<uuid:user_id>/deactivate/", users.DeactivateView.as_view(), name="user-deactivate"),
    path("users/<uuid:user_id>/reactivate/", users.ReactivateView.as_view(), name="user-reactivate"),
    path("users/<uuid:user_id>/sign-out/", users.SignOutView.as_view(), name="user-sign-out"),
    path("users/<uuid:user_id>/note/", users.NoteView.as_view(), name="user-note"),
    path("users/<uuid:user_id>/confirmation/", users.ResendConfirmationView.as_view(), name="user-confirmation"),
    path("users/<uuid:user_id>/reset/", users.SendResetView.as_view(), name="user-reset"),
    path("sessions/<uuid:session_id>/end/", users.SessionEndView.as_view(), name="session-end"),
    path("devices/", devices.DevicesView.as_view(), name="devices"),
    path("devices/<uuid:device_id>/", devices.DeviceView.as_view(), name="device"),
    path("devices/<uuid:device_id>/revoke/", devices.RevokeView.as_view(), name="device-revoke"),
    path("orgs/", orgs.OrganizationsView.as_view(), name="orgs"),
    path("orgs/<uuid:organization_id>/", orgs.OrganizationView.as_view(), name="org"),
    path("jobs/", jobs.MessagesView.as_view(), name="jobs"),
    path("jobs/<uuid:message_id>/", jobs.MessageView.as_view(), name="job"),
    path("jobs/<uuid:message_id>/retry/", jobs.RetryView.as_view(), name="job-retry"),
    path("jobs/<uuid:message_id>/discard/", jobs.DiscardView.as_view(), name="job-discard"),
    path("requests/", requests.RequestsView.as_view(), name="requests"),
    path("waiting-list/", requests.WaitingListView.as_view(), name="waiting-list"),
    path("mails/", mails.MailsView.as_view(), name="mails"),
    path("mails/<str:kind>/", mails.MailView.as_view(), name="mail"),
    path("mails/<str:kind>/reset/", mails.ResetView.as_view(), name="mail-reset"),
    path("apps/", apps.AppsView.as_view(), name="apps"),
    path("apps/<str:key_id>/block/", apps.BlockView.as_view(), name="app-key-block"),
    path("apps/<str:key_id>/activate/", apps.ActivateView.as_view(), name="app-key-activate"),
    path("audit/", audit.AuditView.as_view(), name="audit"),
    path("search/", search.SearchView.as_view(), name="search"),
]

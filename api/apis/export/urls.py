from django.urls import path

from api.apis.export import views

urlpatterns = [
    path("orgs/<str:org_slug>/export/", views.ExportListView.as_view(), name="list"),
    path("orgs/<str:org_slug>/export/<str:export_id>/", views.ExportView.as_view(), name="detail"),
    path("orgs/<str:org_slug>/export/<str:export_id>/retry/", views.ExportRetryView.as_view(), name="retry"),
    path("users/me/export/", views.OwnExportListView.as_view(), name="own-list"),
    path("users/me/export/<str:export_id>/", views.OwnExportView.as_view(), name="own-detail"),
    path("users/me/export/<str:export_id>/retry/", views.OwnExportRetryView.as_view(), name="own-retry"),
]

from django.urls import path

from api.apis.images import views

_ORG = "orgs/<str:org_slug>/"

urlpatterns = [
    path(f"{_ORG}images/", views.ImageListView.as_view(), name="list"),
    path(f"{_ORG}bulk-upload/", views.BulkUploadView.as_view(), name="bulk-upload"),
    path(f"{_ORG}bulk-delete/", views.BulkDeleteView.as_view(), name="bulk-delete"),
    path(f"{_ORG}images/<str:image_id>/", views.ImageView.as_view(), name="detail"),
]

from django.urls import path

from api.apis.orgs import views

urlpatterns = [
    path("", views.OrganizationListView.as_view(), name="list"),
    path("<str:org_slug>/", views.OrganizationView.as_view(), name="detail"),
]

from django.urls import path

from api.apis.audit import views

urlpatterns = [path("<str:org_slug>/audit/", views.AuditListView.as_view(), name="list")]

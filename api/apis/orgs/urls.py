from django.urls import path

from api.apis.orgs.views import members, organizations

urlpatterns = [
    path("", organizations.OrganizationListView.as_view(), name="list"),
    path("<str:org_slug>/", organizations.OrganizationView.as_view(), name="detail"),
    path("<str:org_slug>/delete/", organizations.OrganizationDeletionView.as_view(), name="delete"),
    path("<str:org_slug>/members/", members.MemberListView.as_view(), name="members"),
    path("<str:org_slug>/members/<str:username>/", members.MemberView.as_view(), name="member"),
    path("<str:org_slug>/leave/", members.LeaveView.as_view(), name="leave"),
    path("<str:org_slug>/transfer-ownership/", members.TransferView.as_view(), name="transfer"),
]

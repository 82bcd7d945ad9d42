from django.urls import path

from api.apis.orgs.views import invitations, members, organizations

urlpatterns = [
    path("orgs/", organizations.OrganizationListView.as_view(), name="list"),
    path("orgs/<str:org_slug>/", organizations.OrganizationView.as_view(), name="detail"),
    path("orgs/<str:org_slug>/delete/", organizations.OrganizationDeletionView.as_view(), name="delete"),
    path("orgs/<str:org_slug>/members/", members.MemberListView.as_view(), name="members"),
    path("orgs/<str:org_slug>/members/<str:username>/", members.MemberView.as_view(), name="member"),
    path("orgs/<str:org_slug>/leave/", members.LeaveView.as_view(), name="leave"),
    path("orgs/<str:org_slug>/transfer-ownership/", members.TransferView.as_view(), name="transfer"),
    path("orgs/<str:org_slug>/invitations/", invitations.GroupInvitationListView.as_view(), name="group-invitations"),
    path(
        "orgs/<str:org_slug>/invitations/<str:invitation_id>/",
        invitations.GroupInvitationView.as_view(),
        name="group-invitation",
    ),
    path(
        "orgs/<str:org_slug>/invitations/<str:invitation_id>/resend/", invitations.ResendView.as_view(), name="resend"
    ),
    path("invitations/", invitations.InvitationListView.as_view(), name="invitations"),
    path("invitations/accept/", invitations.AcceptView.as_view(), name="accept"),
    path("invitations/decline/", invitations.DeclineView.as_view(), name="decline"),
]

from django.urls import path

from api.apis.users import views

urlpatterns = [
    path("users/me/", views.MeView.as_view(), name="me"),
    path("users/me/preferences/", views.PreferencesView.as_view(), name="preferences"),
    path("users/avatar/", views.AvatarView.as_view(), name="avatar"),
    path("users/check_username/", views.CheckUsernameView.as_view(), name="check-username"),
    path("me/", views.MeView.as_view(), name="me-short"),
]

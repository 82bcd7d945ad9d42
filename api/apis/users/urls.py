from django.urls import path

from api.apis.users import views

urlpatterns = [
    path("users/me/", views.MeView.as_view(), name="me"),
    path("me/", views.MeView.as_view(), name="me-short"),
]

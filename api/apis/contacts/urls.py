from django.urls import path

from api.apis.contacts import views

urlpatterns = [
    path("", views.ContactListView.as_view(), name="list"),
    path("<str:slug>/", views.ContactView.as_view(), name="detail"),
    path("<str:slug>/restore/", views.ContactRestoreView.as_view(), name="restore"),
]

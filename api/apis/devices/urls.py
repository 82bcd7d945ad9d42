from django.urls import path

from api.apis.devices import views

urlpatterns = [
    path("", views.DeviceListView.as_view(), name="list"),
    path("revoke-others/", views.RevokeOthersView.as_view(), name="revoke-others"),
    path("<str:device_id>/", views.DeviceView.as_view(), name="detail"),
]

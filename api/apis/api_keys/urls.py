from django.urls import path

from api.apis.api_keys import views

urlpatterns = [
    path("<str:org_slug>/api-keys/", views.ApiKeyListView.as_view(), name="list"),
    path("<str:org_slug>/api-keys/<str:key_id>/", views.ApiKeyView.as_view(), name="detail"),
    path("<str:org_slug>/api-keys/<str:key_id>/rotate/", views.ApiKeyRotateView.as_view(), name="rotate"),
]

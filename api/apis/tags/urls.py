from django.urls import path

from api.apis.tags import views

urlpatterns = [
    path("<str:org_slug>/tags/", views.TagListView.as_view(), name="list"),
    path("<str:org_slug>/tags/<str:tag_id>/", views.TagView.as_view(), name="detail"),
    path(
        "<str:org_slug>/tags/<str:app_label>/<str:model>/<str:obj_id>/", views.ObjectTagsView.as_view(), name="object"
    ),
    path(
        "<str:org_slug>/tags/<str:app_label>/<str:model>/<str:obj_id>/<str:tag_slug>/",
        views.ObjectTagView.as_view(),
        name="object-tag",
    ),
]

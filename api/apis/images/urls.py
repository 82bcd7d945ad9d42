from django.urls import path

from api.apis.images.views import images, objects, sharing, uploads

_ORG = "orgs/<str:org_slug>/"
_OBJECT = f"{_ORG}images/<str:app_label>/<str:model>/<str:obj_id>/"

urlpatterns = [
    path(f"{_ORG}images/", images.ImageListView.as_view(), name="list"),
    path(f"{_ORG}bulk-upload/", images.BulkUploadView.as_view(), name="bulk-upload"),
    path(f"{_ORG}bulk-delete/", images.BulkDeleteView.as_view(), name="bulk-delete"),
    path(f"{_ORG}attach/", objects.AttachView.as_view(), name="attach"),
    path(f"{_ORG}detach/", objects.DetachView.as_view(), name="detach"),
    path(f"{_ORG}uploads/", uploads.UploadListView.as_view(), name="uploads"),
    path(f"{_ORG}uploads/<str:upload_id>/", uploads.UploadView.as_view(), name="upload"),
    path(f"{_ORG}uploads/<str:upload_id>/complete/", uploads.UploadCompleteView.as_view(), name="complete-upload"),
    path(f"{_ORG}images/<str:image_id>/", images.ImageView.as_view(), name="detail"),
    # Before the objects that images are put on, whose addresses have as many places.
    path(f"{_ORG}images/<str:image_id>/shares/", sharing.ShareListView.as_view(), name="shares"),
    path(f"{_ORG}images/<str:image_id>/shares/<str:share_id>/", sharing.ShareView.as_view(), name="share"),
    path(_OBJECT, objects.ObjectImagesView.as_view(), name="on-object"),
    path(f"{_OBJECT}bulk_attach/", objects.BulkAttachView.as_view(), name="bulk-attach"),
    path(f"{_OBJECT}bulk_detach/", objects.BulkDetachView.as_view(), name="bulk-detach"),
    path(f"{_OBJECT}reorder/", objects.ReorderView.as_view(), name="reorder"),
    path(f"{_OBJECT}set_cover/", objects.SetCoverView.as_view(), name="set-cover"),
    path(f"{_OBJECT}unset_cover/", objects.UnsetCoverView.as_view(), name="unset-cover"),
    path(f"{_OBJECT}relations/<str:image_id>/", objects.RelationView.as_view(), name="relation"),
]

# Outside of `images/`, for whoever has a link.
shared = [path("images/resolve/", sharing.SharedImageView.as_view(), name="resolve")]

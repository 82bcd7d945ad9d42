from django.urls import path

from api.apis.contacts.views import avatars, contacts, doubles, files, many

# No slug is one of these words: it ends in a hyphen and six characters.
urlpatterns = [
    path("", contacts.ContactListView.as_view(), name="list"),
    path("bulk/", many.ContactBulkView.as_view(), name="bulk"),
    path("duplicates/", doubles.ContactDuplicatesView.as_view(), name="duplicates"),
    path("merge/", doubles.ContactMergeView.as_view(), name="merge"),
    path("import/", files.ContactImportView.as_view(), name="import"),
    path("export.vcf", files.VCardExportView.as_view(), name="export-vcf"),
    path("export.csv", files.TableExportView.as_view(), name="export-csv"),
    path("<str:slug>/", contacts.ContactView.as_view(), name="detail"),
    path("<str:slug>/avatar/", avatars.ContactAvatarView.as_view(), name="avatar"),
    path("<str:slug>/restore/", contacts.ContactRestoreView.as_view(), name="restore"),
]

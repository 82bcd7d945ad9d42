"""The table of contents of the CMS."""

app_name = "cms"
urlpatterns: list[object] = []

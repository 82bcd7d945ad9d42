from django.urls import path

from api.apis.jobs import views

urlpatterns = [
    path("", views.JobListView.as_view(), name="list"),
    path("<str:job_id>/", views.JobView.as_view(), name="detail"),
]

"""Jobs over HTTP."""

from http import HTTPStatus

from django.urls import reverse

from api import pagination
from api.apis.jobs import selectors, services
from api.apis.jobs.serializers import JobSerializer, JobStartSerializer
from api.exceptions import NotThere
from api.pagination import ListRules
from api.permissions import IsPerson
from api.platform.jobs import TooManyJobs
from api.requests import ApiRequest
from api.responses import Response
from api.schema import answers, lists
from api.views import ApiView

JOBS = ListRules(sorts=tuple(selectors.SORTS), default_sort="-created_at")


class JobListView(ApiView):
    permission_classes = (IsPerson,)
    is_list = True
    answers_location = True

    @lists(JobSerializer, JOBS, summary="Your jobs")
    def get(self, request: ApiRequest) -> Response:
        query = pagination.parse(request, JOBS)
        page = selectors.jobs_of(request.caller, **query.window)
        return Response(pagination.envelope(page, query, page.rows))

    @answers(
        JobSerializer,
        takes=JobStartSerializer,
        statuses=(HTTPStatus.ACCEPTED,),
        summary="Start a job",
        errors=(TooManyJobs,),
    )
    def post(self, request: ApiRequest) -> Response:
        body = JobStartSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        job_id = services.start_job(request.caller, type_=body.validated_data["type"], arguments=body.arguments())
        location = reverse("api:jobs:detail", args=[job_id])
        job = selectors.job_of(request.caller, str(job_id))
        return Response(job, HTTPStatus.ACCEPTED, headers={"Location": location})


class JobView(ApiView):
    permission_classes = (IsPerson,)

    @answers(JobSerializer, summary="What became of a job", errors=(NotThere,))
    def get(self, request: ApiRequest, job_id: str) -> Response:
        return Response(selectors.job_of(request.caller, job_id))

    @answers(
        None,
        statuses=(HTTPStatus.NO_CONTENT,),
        summary="Call a job off",
        errors=(NotThere, services.JobOver, services.JobStays),
    )
    def delete(self, request: ApiRequest, job_id: str) -> Response:
        services.revoke_job(request.caller, name=job_id)
        return Response(status=HTTPStatus.NO_CONTENT)

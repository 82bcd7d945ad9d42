"""Pictures that go straight to the store, over HTTP. Each call is repeatable by itself."""

from http import HTTPStatus

from django.urls import reverse

from api.apis.images import services
from api.apis.images.serializers.sent import (
    ImageUploadBeginSerializer,
    ImageUploadStateSerializer,
    UploadJobSerializer,
    represent_upload,
)
from api.exceptions import Forbidden, IdConflict, NotThere
from api.permissions import IsPerson
from api.platform import jobs
from api.requests import ApiRequest
from api.responses import Response
from api.schema import answers
from api.views import ApiView

_NARROWED = (NotThere, Forbidden)


class UploadListView(ApiView):
    permission_classes = (IsPerson,)
    keeps_answers = False
    is_confidential = True

    @answers(
        ImageUploadStateSerializer,
        takes=ImageUploadBeginSerializer,
        statuses=(HTTPStatus.CREATED, HTTPStatus.OK),
        summary="Announce an image that you send to the store yourself",
        errors=(*_NARROWED, IdConflict, services.TooManyUploads),
    )
    def post(self, request: ApiRequest, org_slug: str) -> Response:
        body = ImageUploadBeginSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        upload, is_new = services.begin_upload(request.caller, organization=org_slug, **body.wishes())
        return Response(represent_upload(request, upload), HTTPStatus.CREATED if is_new else HTTPStatus.OK)


class UploadView(ApiView):
    permission_classes = (IsPerson,)
    is_confidential = True

    @answers(ImageUploadStateSerializer, summary="How an upload stands, with new addresses", errors=_NARROWED)
    def get(self, request: ApiRequest, org_slug: str, upload_id: str) -> Response:
        upload = services.upload_of(request.caller, organization=org_slug, upload_id=upload_id)
        return Response(represent_upload(request, upload))


class UploadCompleteView(ApiView):
    permission_classes = (IsPerson,)
    keeps_answers = False
    takes_body = False
    answers_location = True

    @answers(
        UploadJobSerializer,
        statuses=(HTTPStatus.ACCEPTED, HTTPStatus.OK),
        summary="Say that an upload has been sent",
        errors=(*_NARROWED, services.UploadIncomplete, jobs.TooManyJobs),
    )
    def post(self, request: ApiRequest, org_slug: str, upload_id: str) -> Response:
        """200 once the job has ended."""
        job = services.complete_upload(request.caller, organization=org_slug, upload_id=upload_id)
        if job.ended_at:
            return Response(jobs.told(job))
        location = reverse("api:jobs:detail", args=[job.id])
        return Response(jobs.told(job), HTTPStatus.ACCEPTED, headers={"Location": location})

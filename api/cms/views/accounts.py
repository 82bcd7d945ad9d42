"""Adding people, and putting right what stands in their profiles."""

import uuid
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext

from api.apis.auth import services as auth_services
from api.apis.users import selectors as users
from api.apis.users import services as user_services
from api.cms.access import caller_of
from api.cms.forms.accounts import AddForm, EditForm
from api.cms.pages import StaffPage, add_errors, explained, with_headers
from api.exceptions import ApiError, InvalidInput, NotThere
from api.platform.versions import VersionConflict


class AddView(StaffPage):
    section = "users"
    needs = "people.edit"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._form(AddForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = AddForm(request.POST)
        if not form.is_valid():
            return self._form(form, HTTPStatus.UNPROCESSABLE_ENTITY)
        caller = caller_of(request, reason=form.cleaned_data["reason"])
        profile = {name: form.cleaned_data[name] for name in form.profile_names if name != "email"}
        try:
            made = auth_services.add_person(caller, email=form.cleaned_data["email"], profile=profile)
        except ApiError as refusal:
            return with_headers(self._form(form, add_refusal(form, refusal)), refusal)
        messages.success(request, gettext("The account is made, and a mail on its way."))
        return HttpResponseRedirect(reverse("cms:user", args=[made]))

    def _form(self, form: AddForm, status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
        return self.page("cms/users/add.html", {"form": form}, status=status)


class EditView(StaffPage):
    """A profile. Whoever saves what somebody else has changed meanwhile is shown both, and loses nothing."""

    section = "users"
    needs = "people.edit"

    def get(self, request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
        person = users.person_for_staff(user_id)
        return self._form(EditForm(initial=person), person)

    def post(self, request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
        person, form = users.person_for_staff(user_id), EditForm(request.POST)
        if not form.is_valid():
            return self._form(form, person, HTTPStatus.UNPROCESSABLE_ENTITY)
        caller, version = caller_of(request, reason=form.cleaned_data["reason"]), form.cleaned_data["version"]
        try:
            auth_services.edit_person(caller, user_id=user_id, changes=form.typed, expected=[version])
        except NotThere:
            raise
        except VersionConflict:
            return self._meanwhile(form)
        except ApiError as refusal:
            return with_headers(self._form(form, person, add_refusal(form, refusal)), refusal)
        messages.success(request, gettext("The profile is saved."))
        return HttpResponseRedirect(reverse("cms:user", args=[user_id]))

    def _meanwhile(self, form: EditForm) -> HttpResponse:
        present = users.person_for_staff(self.kwargs["user_id"])
        context = {"is_overtaken": True, "overwrites": form.overwrites(present)}
        return self._form(form.beside(present), present, HTTPStatus.CONFLICT, context)

    def _form(
        self,
        form: EditForm,
        person: dict[str, Any],
        status: HTTPStatus = HTTPStatus.OK,
        context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        return self.page("cms/users/edit.html", {"form": form, "person": person, **(context or {})}, status=status)


def add_refusal(form: AddForm | EditForm, refusal: ApiError) -> HTTPStatus:
    """Says at the field what a service refuses, if it is about one; returns the status of the page."""
    if isinstance(refusal, InvalidInput):
        add_errors(form, refusal)
        return HTTPStatus.UNPROCESSABLE_ENTITY
    field = {user_services.EmailTaken: "email", user_services.UsernameTaken: "username"}.get(type(refusal))
    form.add_error(field if field in form.fields else None, explained(refusal))
    return refusal.status

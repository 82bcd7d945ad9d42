"""People: finding them, seeing what is known about them, shutting them out and letting them in again."""

import uuid
from http import HTTPStatus

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from api.apis.audit import selectors as audit
from api.apis.auth import selectors as auth
from api.apis.auth import services as auth_services
from api.apis.orgs import selectors as orgs
from api.apis.users import selectors as users
from api.cms.access import caller_of
from api.cms.forms.users import NoteForm, PeopleSearchForm
from api.cms.pages import ConfirmedChange, Pager, StaffPage, Subject
from api.platform.callers import Caller

_PART_LIMIT = 20  # rows of each part of a detail page


class PeopleView(StaffPage):
    """All people by pages; with `q` those whose address or username begins with it, on one page."""

    section = "users"
    needs = "people.read"

    def get(self, request: HttpRequest) -> HttpResponse:
        form = PeopleSearchForm(request.GET)
        context = {"form": form, "is_searched": bool(request.GET.get("q", "").strip())}
        if not form.is_valid():
            return self.page("cms/users/list.html", {**context, "rows": []})
        if text := form.cleaned_data["q"]:
            rows = users.people_named_for_staff(text, limit=settings.PAGE_LIMIT_DEFAULT)
            is_cut = len(rows) >= settings.PAGE_LIMIT_DEFAULT
            return self.page("cms/users/list.html", {**context, "rows": rows, "is_cut": is_cut})
        pager = Pager(request, "users")
        page = users.people_for_staff(cursor=pager.cursor, limit=settings.PAGE_LIMIT_DEFAULT)
        return self.page("cms/users/list.html", {**context, "rows": page.rows, **pager.links(page)})


class PersonView(StaffPage):
    section = "users"
    needs = "people.read"

    def get(self, request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
        person = users.person_for_staff(user_id)
        sessions = auth.sessions_of_person_for_staff(user_id, limit=_PART_LIMIT)
        memberships = orgs.memberships_for_staff(user_id, limit=_PART_LIMIT)
        entries = audit.latest_entries_for_staff(
            target_kind="user", target_id=user_id, session_ids=[row["id"] for row in sessions], limit=_PART_LIMIT
        )
        context = {"person": person, "sessions": sessions, "memberships": memberships, "entries": entries}
        notes = auth.notes_for_staff(user_id, limit=_PART_LIMIT)
        return self.page("cms/users/detail.html", {**context, "notes": notes, "note_form": NoteForm()})


class _PersonChange(ConfirmedChange):
    section = "users"
    needs = "people.deactivate"

    def subject(self) -> Subject:
        person = users.person_for_staff(self.kwargs["user_id"])
        return Subject(person["username"], reverse("cms:user", args=[person["id"]]))


class DeactivateView(_PersonChange):
    heading = _("Deactivate {name}?")
    effects = (
        _("Every session ends now, on every device, and in the CMS."),
        _("The person cannot sign in until somebody reactivates the account."),
        _("Nothing is deleted, and memberships stay."),
    )
    button = _("Deactivate")
    done = _("{name} is deactivated.")

    def perform(self, caller: Caller) -> None:
        auth_services.deactivate_person(caller, user_id=self.kwargs["user_id"])


class ReactivateView(_PersonChange):
    heading = _("Reactivate {name}?")
    effects = (
        _("The person can sign in again, with the password that the account had."),
        _("Sessions that have ended stay ended."),
    )
    button = _("Reactivate")
    done = _("{name} can sign in again.")

    def perform(self, caller: Caller) -> None:
        auth_services.reactivate_person(caller, user_id=self.kwargs["user_id"])


class SignOutView(_PersonChange):
    needs = "sessions.end"
    heading = _("Sign {name} out everywhere?")
    effects = (
        _("Every session ends now, on every device, and in the CMS."),
        _("The person can sign in again, with the password that the account has."),
        _("Devices stay registered: revoke one that was lost."),
    )
    button = _("Sign out everywhere")
    done = _("{name} is signed out everywhere.")

    def perform(self, caller: Caller) -> None:
        auth_services.sign_out_person(caller, user_id=self.kwargs["user_id"])


class ResendConfirmationView(_PersonChange):
    needs = "requests.send"
    heading = _("Mail {name} another confirmation?")
    effects = (_("A link goes to the address of the account; the link before is void."),)
    button = _("Send mail")
    done = _("The mail to {name} is on its way.")

    def perform(self, caller: Caller) -> None:
        auth_services.resend_confirmation(caller, user_id=self.kwargs["user_id"])


class SendResetView(_PersonChange):
    needs = "requests.send"
    heading = _("Mail {name} a link that sets a new password?")
    effects = (
        _("A link goes to the address of the account. The password stays as it is until it is used."),
        _("Whoever uses it is asked for a new password, and every session ends."),
    )
    button = _("Send mail")
    done = _("The mail to {name} is on its way.")

    def perform(self, caller: Caller) -> None:
        auth_services.send_password_reset(caller, user_id=self.kwargs["user_id"])


class NoteView(StaffPage):
    """Writes a note; the form stands on the person's page."""

    section = "users"
    needs = "people.note"

    def get(self, request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
        return self._form(NoteForm())

    def post(self, request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
        form = NoteForm(request.POST)
        if not form.is_valid():
            return self._form(form, HTTPStatus.UNPROCESSABLE_ENTITY)
        auth_services.write_note(caller_of(request), user_id=user_id, text=form.cleaned_data["text"])
        messages.success(request, gettext("The note is kept."))
        return HttpResponseRedirect(reverse("cms:user", args=[user_id]))

    def _form(self, form: NoteForm, status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
        person = users.person_for_staff(self.kwargs["user_id"])
        return self.page("cms/users/note.html", {"person": person, "note_form": form}, status=status)


class SessionEndView(ConfirmedChange):
    section = "users"
    needs = "sessions.end"
    heading = _("End the session of {name}?")
    effects = (
        _("The app on this device asks who is there, and may sign in again."),
        _("The device stays registered, and other sessions go on."),
    )
    button = _("End session")
    done = _("The session of {name} has ended.")

    def subject(self) -> Subject:
        session = auth.session_for_staff(self.kwargs["session_id"])
        if session["user_id"] is None:
            return Subject(session["device__name"] or str(session["device_id"]), _device_page(session["device_id"]))
        return Subject(session["user__username"], reverse("cms:user", args=[session["user_id"]]))

    def perform(self, caller: Caller) -> None:
        auth_services.end_session(caller, session_id=self.kwargs["session_id"])


def _device_page(device_id: uuid.UUID) -> str:
    return reverse("cms:device", args=[device_id])

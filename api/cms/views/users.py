"""People: finding them, seeing what is known about them, shutting them out and letting them in again."""

import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from api.apis.audit import selectors as audit
from api.apis.auth import selectors as auth
from api.apis.auth import services as auth_services
from api.apis.contacts import selectors as contacts
from api.apis.export import selectors as export
from api.apis.images import selectors as images
from api.apis.notifications import selectors as notifications
from api.apis.orgs import selectors as orgs
from api.apis.users import selectors as users
from api.cms.access import caller_of
from api.cms.forms.users import NoteForm, PeopleSearchForm
from api.cms.lists import Choice, Column, ListPage
from api.cms.pages import ConfirmedChange, StaffPage, Subject, Text
from api.platform.callers import Caller
from api.platform.keyset import Cursor, Page

_PART_LIMIT = 20  # rows of each part of a detail page
_COUNTED_MOST = 1000  # beyond that, nobody needs to know


class PeopleView(ListPage):
    """All people by pages, or those of a status; with `q` those whose address or username begins with it, on one page."""

    section = name = "users"
    needs = "people.read"
    title = _("People")
    template = "cms/users/list.html"
    form_class = PeopleSearchForm
    has_pages_of_found = False
    columns = (
        Column("username", _("Person"), "person"),
        Column("email", _("E-mail address"), is_personal=True),
        Column("status", _("Status"), "person_status"),
        Column("created_at", _("Joined"), "time"),
        Column("last_login", _("Last sign-in"), "last_time"),
        Column("id", _("Id"), "mono", is_usual=False),
        Column("first_name", _("First name"), is_usual=False, is_personal=True),
        Column("last_name", _("Last name"), is_usual=False, is_personal=True),
        Column("is_email_confirmed", _("Confirmed"), "boolean", is_usual=False),
    )
    choices = (
        Choice("users-sign-out", _("Sign out everywhere…"), "sessions.end"),
        Choice("users-deactivate", _("Deactivate…"), "people.deactivate"),
        Choice("users-reactivate", _("Reactivate…"), "people.deactivate"),
    )
    nothing = _("No people yet: they appear when somebody signs up in the app.")
    nothing_fits = _("Nobody's address or username begins like this. Check the spelling, or type less of it.")

    def rows(self, filters: Mapping[str, Any], *, cursor: Cursor | None, limit: int) -> Page:
        status = filters.get("status", "")
        if text := filters.get("q"):
            return Page(users.people_named_for_staff(text, status=status, limit=limit), None, None, None)
        return users.people_for_staff(status=status, cursor=cursor, limit=limit)


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
        context = {
            "person": person,
            "sessions": sessions,
            "memberships": memberships,
            "entries": entries,
            "contacts_made": contacts.contacts_made_by_for_staff(user_id, most=_COUNTED_MOST),
            "images_made": images.images_made_by_for_staff(user_id, most=_COUNTED_MOST),
            "exports": export.exports_for_staff(export.Place(None, user_id), limit=_PART_LIMIT),
            "notifications": notifications.notifications_for_staff(user_id, limit=_PART_LIMIT),
            "notes": auth.notes_for_staff(user_id, limit=_PART_LIMIT),
            "note_form": NoteForm(),
        }
        return self.page("cms/users/detail.html", context)


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
    undo = "user-reactivate"

    def perform(self, caller: Caller) -> None:
        auth_services.deactivate_person(caller, user_id=self.kwargs["user_id"])


class ReactivateView(_PersonChange):
    heading = _("Reactivate {name}?")
    effects = (
        _("The person can sign in again, with the password that the account had."),
        _("Sessions that have ended stay ended."),
    )
    button = _("Reactivate")
    takes_away = False
    done = _("{name} can sign in again.")

    def perform(self, caller: Caller) -> None:
        auth_services.reactivate_person(caller, user_id=self.kwargs["user_id"])


class DeleteView(_PersonChange):
    needs = "people.delete"
    heading = _("Delete {name}?")
    effects = (
        _("Every session ends now, and nothing of the account works any more."),
        _(
            "Their own organization is erased with all it holds; groups stay, and their owners may have to change first."
        ),
    )
    button = _("Delete")
    done = _("{name} is deleted.")

    def told_effects(self) -> Sequence[Text]:
        days = settings.ERASURE_GRACE_DAYS
        grace = ngettext(
            "For %(days)d day it can be undone, here or by signing in; then everything is erased for good.",
            "For %(days)d days it can be undone, here or by signing in; then everything is erased for good.",
            days,
        )
        return (
            *self.effects,
            grace % {"days": days} if days else gettext("This cannot be undone: the erasure begins now."),
        )

    def undo_address(self) -> str:
        return reverse("cms:user-restore", kwargs=self.kwargs) if settings.ERASURE_GRACE_DAYS else ""

    def perform(self, caller: Caller) -> None:
        auth_services.delete_person(caller, user_id=self.kwargs["user_id"])

    def arrived(self, subject: Subject) -> HttpResponse:
        return HttpResponseRedirect(subject.address if settings.ERASURE_GRACE_DAYS else reverse("cms:users"))


class RestoreView(_PersonChange):
    needs = "people.delete"
    heading = _("Take the deletion of {name} back?")
    effects = (
        _("The account works again, with everything that it had."),
        _("What was ended stays ended: sessions, links, API keys."),
    )
    button = _("Restore")
    takes_away = False
    done = _("{name} is restored.")

    def perform(self, caller: Caller) -> None:
        auth_services.restore_person(caller, user_id=self.kwargs["user_id"])


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
    takes_away = False
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
    takes_away = False
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

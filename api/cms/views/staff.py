"""Staff: who they are, what their roles cover, and the browsers and factors they have. Each change of a role is shown as a
difference before it is made.
"""

import uuid
from collections.abc import Collection
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from api.apis.auth import selectors as auth
from api.apis.auth import services as auth_services
from api.apis.users import selectors as users
from api.cms.access import caller_of, duties_of
from api.cms.forms.staff import ConfirmedForm, RoleForm, RolesForm
from api.cms.pages import ConfirmedChange, StaffPage, Subject, explained, with_headers
from api.exceptions import ApiError, NotThere
from api.platform import staff
from api.platform.callers import Caller

_BROWSERS_MOST = 20


class StaffView(StaffPage):
    """All staff, and the matrix of what the roles cover."""

    section = "staff"
    needs = "staff.read"

    def get(self, request: HttpRequest) -> HttpResponse:
        roles = staff.roles()
        matrix = [(action, [(role.name, action in role.actions) for role in roles]) for action in sorted(staff.ACTIONS)]
        return self.page("cms/staff/list.html", {"people": auth.staff_members(), "roles": roles, "matrix": matrix})


class StaffMemberView(StaffPage):
    section = "staff"
    needs = "staff.read"

    def get(self, request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
        context = {
            "person": users.person_for_staff(user_id),
            "roles": auth.staff_roles_of(user_id),
            "factors": auth.factors_of(user_id),
            "codes_left": auth.recovery_codes_left(user_id),
            "browsers": auth.browsers_of(user_id, limit=_BROWSERS_MOST),
        }
        return self.page("cms/staff/detail.html", context)


class _Difference(StaffPage):
    """A choice of several things, then what it changes with the reason, then the change."""

    section = "staff"
    needs = "staff.roles"
    needs_fresh_proof = True

    def difference(self, before: Collection[str], after: Collection[str]) -> dict[str, list[str]]:
        return {"added": sorted(set(after) - set(before)), "removed": sorted(set(before) - set(after))}

    def confirmation(
        self, context: dict[str, Any], form: ConfirmedForm, status: HTTPStatus = HTTPStatus.OK
    ) -> HttpResponse:
        return self.page("cms/staff/difference.html", {**context, "form": form}, status=status)


class RolesView(_Difference):
    """The roles of one person."""

    def get(self, request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
        return self._choice(RolesForm(initial={"roles": auth.staff_roles_of(user_id)}))

    def post(self, request: HttpRequest, user_id: uuid.UUID) -> HttpResponse:
        choice = RolesForm(request.POST)
        if not choice.is_valid():
            return self._choice(choice, HTTPStatus.UNPROCESSABLE_ENTITY)
        chosen = choice.cleaned_data["roles"]
        person = users.person_for_staff(user_id)
        context = {
            "heading": gettext("Change the roles of %(name)s?") % {"name": person["username"]},
            "back": reverse("cms:staff-roles", args=[user_id]),
            **self.difference(auth.staff_roles_of(user_id), chosen),
        }
        fields = [("roles", name) for name in chosen]
        form = ConfirmedForm(request.POST if "reason" in request.POST else None, chosen=fields)
        if not form.is_valid():
            return self.confirmation(context, form)
        return self._perform(user_id, chosen, context, form)

    def _perform(
        self, user_id: uuid.UUID, chosen: list[str], context: dict[str, Any], form: ConfirmedForm
    ) -> HttpResponse:
        try:
            caller = caller_of(self.request, reason=form.cleaned_data["reason"])
            auth_services.set_staff_roles(caller, user_id=user_id, roles=chosen)
        except NotThere:
            raise
        except ApiError as refusal:
            form.add_error(None, explained(refusal))
            return with_headers(self.confirmation(context, form, refusal.status), refusal)
        messages.success(self.request, gettext("The roles are changed."))
        return HttpResponseRedirect(reverse("cms:staff-member", args=[user_id]))

    def _choice(self, form: RolesForm, status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
        person = users.person_for_staff(self.kwargs["user_id"])
        own = duties_of(self.request)
        beyond = [role.name for role in staff.roles() if not role.actions <= own]
        return self.page("cms/staff/roles.html", {"form": form, "person": person, "beyond": beyond}, status=status)


class RoleView(_Difference):
    """What a role covers."""

    def get(self, request: HttpRequest, name: str) -> HttpResponse:
        role = self._role()
        return self._choice(RoleForm(initial={"actions": sorted(role.actions), "version": role.version}))

    def post(self, request: HttpRequest, name: str) -> HttpResponse:
        role, choice = self._role(), RoleForm(request.POST)
        if not choice.is_valid():
            return self._choice(choice, HTTPStatus.UNPROCESSABLE_ENTITY)
        chosen, version = choice.cleaned_data["actions"], choice.cleaned_data["version"]
        context = {
            "heading": gettext("Change what %(name)s covers?") % {"name": role.name},
            "back": reverse("cms:staff-role", args=[name]),
            **self.difference(role.actions, chosen),
        }
        fields = [*(("actions", action) for action in chosen), ("version", str(version))]
        form = ConfirmedForm(request.POST if "reason" in request.POST else None, chosen=fields)
        if not form.is_valid():
            return self.confirmation(context, form)
        return self._perform(chosen, version, context, form)

    def _perform(self, chosen: list[str], version: int, context: dict[str, Any], form: ConfirmedForm) -> HttpResponse:
        try:
            caller = caller_of(self.request, reason=form.cleaned_data["reason"])
            auth_services.change_role(caller, name=self.kwargs["name"], actions=chosen, version=version)
        except ApiError as refusal:
            form.add_error(None, explained(refusal))
            return with_headers(self.confirmation(context, form, refusal.status), refusal)
        messages.success(self.request, gettext("The role is changed."))
        return HttpResponseRedirect(reverse("cms:staff"))

    def _role(self) -> staff.CurrentRole:
        for role in staff.roles():
            if role.name == self.kwargs["name"]:
                return role
        raise NotThere

    def _choice(self, form: RoleForm, status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
        holders = [person for person in auth.staff_members() if self.kwargs["name"] in person["roles"]]
        beyond = sorted(staff.ACTIONS - duties_of(self.request))
        context = {"form": form, "name": self.kwargs["name"], "holders": holders, "beyond": beyond}
        return self.page("cms/staff/role.html", context, status=status)


class FactorsResetView(ConfirmedChange):
    section = "staff"
    needs = "staff.reset_factors"
    needs_fresh_proof = True
    heading = _("Take away the second factors of {name}?")
    effects = (
        _("Every browser of theirs is signed out of the CMS."),
        _("At the next sign-in they set up a new factor with their password alone: be sure who is asking."),
    )
    button = _("Take away")
    done = _("{name} sets up a new factor at the next sign-in.")

    def subject(self) -> Subject:
        person = users.person_for_staff(self.kwargs["user_id"])
        return Subject(person["username"], reverse("cms:staff-member", args=[person["id"]]))

    def perform(self, caller: Caller) -> None:
        auth_services.reset_factors(caller, user_id=self.kwargs["user_id"])


class BrowserEndView(ConfirmedChange):
    section = "staff"
    needs = "sessions.end"
    heading = _("Sign {name} out of this browser?")
    effects = (_("They can sign in again with their second factor."),)
    button = _("Sign out")
    done = _("{name} is signed out of that browser.")

    def subject(self) -> Subject:
        browser = auth.browser_for_staff(self.kwargs["browser_id"])
        return Subject(browser["user__username"], reverse("cms:staff-member", args=[browser["user_id"]]))

    def perform(self, caller: Caller) -> None:
        auth_services.end_browser(caller, session_id=self.kwargs["browser_id"])

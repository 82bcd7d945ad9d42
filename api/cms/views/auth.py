"""Signing in and out."""

from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from api.cms.access import remember_browser, sign_in, sign_out, staff_of
from api.cms.forms.auth import SignInForm
from api.cms.pages import CmsPage, StaffPage, explained, with_headers
from api.exceptions import ApiError


class SignInView(CmsPage):
    """The only page without the door. Every failure has the same answer; only waiting has another."""

    def get(self, request: HttpRequest) -> HttpResponse:
        if staff_of(request) is not None:
            return HttpResponseRedirect(self._destination() or settings.LOGIN_REDIRECT_URL)
        return self._form()

    def post(self, request: HttpRequest) -> HttpResponse:
        form = SignInForm(request.POST)
        try:
            is_in = form.is_valid() and sign_in(request, **form.cleaned_data)
        except ApiError as refusal:
            return with_headers(self._form(form, explained(refusal), refusal.status), refusal)
        if is_in:
            arrived = HttpResponseRedirect(self._destination() or settings.LOGIN_REDIRECT_URL)
            remember_browser(request, arrived, email=form.cleaned_data["email"])
            return arrived
        answer = _("The e-mail address and the password do not fit, or they are not those of a staff member.")
        return self._form(form, answer, HTTPStatus.UNPROCESSABLE_ENTITY)

    def _form(
        self, typed: SignInForm | None = None, refusal: str = "", status: HTTPStatus = HTTPStatus.OK
    ) -> HttpResponse:
        """A fresh form that keeps the address which was typed, and says nothing about either field."""
        form = SignInForm(initial={"email": typed.cleaned_data.get("email", "")} if typed else None)
        context = {"form": form, "refusal": refusal, "next": self._destination()}
        return self.page("cms/auth/login.html", context, status=status)

    def _destination(self) -> str:
        """Where the person wanted to go, if that is on this server; else nothing."""
        asked = self.request.POST.get("next") or self.request.GET.get("next", "")
        is_ours = url_has_allowed_host_and_scheme(
            asked, allowed_hosts={self.request.get_host()}, require_https=self.request.is_secure()
        )
        return asked if is_ours else ""


class SignOutView(StaffPage):
    """Only by POST: a link or an image must not sign anybody out."""

    needs = None

    def post(self, request: HttpRequest) -> HttpResponse:
        sign_out(request)
        return HttpResponseRedirect(reverse("cms:login"))

"""Signing in and out: a password and then a code, or a passkey alone."""

from http import HTTPStatus
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from api.apis.auth import services as auth
from api.cms import entry
from api.cms.access import staff_of
from api.cms.forms.auth import CodeForm, CredentialForm, SignInForm
from api.cms.pages import EntryPage, StaffPage, explained, with_headers
from api.exceptions import ApiError, NotThere


def destination_of(request: HttpRequest) -> str:
    """Where the person wanted to go, if that is on this server; else nothing."""
    asked = request.POST.get("next") or request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        asked, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return asked if is_ours else ""


def on_the_way(request: HttpRequest, name: str) -> HttpResponseRedirect:
    """To a page of the sign-in that remembers where the person wanted to go."""
    destination = destination_of(request)
    query = f"?{urlencode({'next': destination})}" if destination else ""
    return HttpResponseRedirect(reverse(f"cms:{name}") + query)


def arrived(request: HttpRequest) -> HttpResponseRedirect:
    """Whoever has shown everything goes where they wanted to, in a browser that is known from now on."""
    person = staff_of(request)
    answer = HttpResponseRedirect(destination_of(request) or settings.LOGIN_REDIRECT_URL)
    if person is not None and person.email is not None:
        entry.remember_browser(request, answer, email=person.email)
    return answer


class SignInView(EntryPage):
    """The first step. Every failure has the same answer; only waiting has another."""

    def get(self, request: HttpRequest) -> HttpResponse:
        if staff_of(request) is not None:
            return HttpResponseRedirect(destination_of(request) or settings.LOGIN_REDIRECT_URL)
        return self.form()

    def post(self, request: HttpRequest) -> HttpResponse:
        form = SignInForm(request.POST)
        try:
            is_right = form.is_valid() and entry.show_password(request, **form.cleaned_data)
        except ApiError as refusal:
            return with_headers(self.form(form, explained(refusal), refusal.status), refusal)
        if not is_right:
            answer = _("The e-mail address and the password do not fit, or they are not those of a staff member.")
            return self.form(form, answer, HTTPStatus.UNPROCESSABLE_ENTITY)
        if staff_of(request) is not None:
            return arrived(request)
        entrant = entry.entrant_of(request)
        return on_the_way(request, "login-code" if entrant is not None and entrant.has_factor else "me-totp")

    def form(
        self, typed: SignInForm | None = None, refusal: str = "", status: HTTPStatus = HTTPStatus.OK
    ) -> HttpResponse:
        """A fresh form that keeps the address which was typed, and says nothing about either field."""
        form = SignInForm(initial={"email": typed.cleaned_data.get("email", "")} if typed else None)
        context = {"form": form, "refusal": refusal, "next": destination_of(self.request)}
        return self.page("cms/auth/login.html", context, status=status)


class CodeView(EntryPage):
    """The second step, for whoever has shown a password and has something to show."""

    def enter(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        found = entry.entrant_of(request)
        if found is None or not found.has_factor:
            return on_the_way(request, "login" if found is None else "me-totp")
        self.entrant = found
        return super().enter(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._form(CodeForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = CodeForm(request.POST)
        if not form.is_valid():
            return self._form(form, HTTPStatus.UNPROCESSABLE_ENTITY)
        try:
            entry.show_code(request, self.entrant, code=form.cleaned_data["code"])
        except NotThere:
            return on_the_way(request, "login")
        except ApiError as refusal:
            form.add_error(None, explained(refusal))
            return with_headers(self._form(form, refusal.status), refusal)
        return arrived(request)

    def _form(self, form: CodeForm, status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
        context = {"form": form, "next": destination_of(self.request)}
        return self.page("cms/auth/code.html", context, status=status)


class PasskeyQuestionView(EntryPage):
    """What the browser asks its passkeys, for the script beside the button."""

    def post(self, request: HttpRequest) -> HttpResponse:
        return JsonResponse(entry.begin_passkey(request))


class PasskeyView(SignInView):
    """A passkey alone: it is unlocked by its person, so that it is both factors."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest) -> HttpResponse:
        form = CredentialForm(request.POST)
        try:
            if not form.is_valid():
                raise auth.PasskeyRefused
            entry.sign_in_by_passkey(request, credential=form.cleaned_data["credential"])
        except NotThere:
            return self.form(refusal=explained(auth.PasskeyRefused()), status=HTTPStatus.FORBIDDEN)
        except ApiError as refusal:
            return with_headers(self.form(refusal=explained(refusal), status=refusal.status), refusal)
        return arrived(request)


class SignOutView(StaffPage):
    """Only by POST: a link or an image must not sign anybody out."""

    needs = None
    is_open_while_viewing = True

    def post(self, request: HttpRequest) -> HttpResponse:
        entry.sign_out(request)
        return HttpResponseRedirect(reverse("cms:login"))

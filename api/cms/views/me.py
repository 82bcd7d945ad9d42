"""One's own account: second factors, recovery codes, browsers; and showing once more that it is oneself."""

import uuid
from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from api.apis.auth import selectors as auth
from api.apis.auth import services as auth_services
from api.cms import entry
from api.cms.access import browser_of, caller_of, has_fresh_proof, staff_of
from api.cms.forms.auth import CodeForm, CredentialForm, NewAppForm, NewPasskeyForm, PasswordAgainForm
from api.cms.pages import (
    CmsPage,
    ConfirmedChange,
    EntryPage,
    StaffPage,
    Subject,
    add_errors,
    explained,
    to_proof,
    with_headers,
)
from api.cms.views.auth import arrived, destination_of, on_the_way
from api.exceptions import ApiError, InvalidInput, NotThere
from api.platform import factors, keys
from api.platform.callers import Caller

_BROWSERS_MOST = 20
# Where the session keeps the secret of an app that is being set up, sealed for this.
_ENROLMENT_KEY = "totp_enrolment"


class MeView(StaffPage):
    section = "me"
    needs = None

    def get(self, request: HttpRequest) -> HttpResponse:
        person, browser = staff_of(request), browser_of(request)
        assert person is not None
        assert browser is not None
        context = {
            "factors": auth.factors_of(person.id),
            "codes_left": auth.recovery_codes_left(person.id),
            "browsers": auth.browsers_of(person.id, limit=_BROWSERS_MOST),
            "this_browser": browser.id,
        }
        return self.page("cms/me/me.html", context)


class _NewFactor(EntryPage):
    """For whoever is in and has just shown that it is them, and for whoever has shown a password and has no factor yet:
    nothing else opens before there is one.
    """

    section = "me"

    def enter(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        self.entrant = entry.entrant_of(request) if staff_of(request) is None else None
        person = staff_of(request) or (self.entrant.person if self.entrant else None)
        if person is None:
            return on_the_way(request, "login")
        if self.entrant is None and not has_fresh_proof(request):
            return to_proof(request)
        if self.entrant is not None and self.entrant.has_factor:
            return on_the_way(request, "login-code")
        self.person = person
        return super().enter(request, *args, **kwargs)

    def caller(self) -> Caller:
        return caller_of(self.request) if self.entrant is None else entry.entering(self.request, self.entrant)

    def set_up(self, form: Form, add: Callable[[], list[str]], factor: str) -> HttpResponse | None:
        """Adds a factor and shows the recovery codes that came with it. None: the form has errors."""
        try:
            codes = add()
            if self.entrant is not None:
                entry.show_new_factor(self.request, self.entrant, factor)
        except InvalidInput as refusal:
            add_errors(form, refusal)
            return None
        except ApiError as refusal:
            form.add_error(None, explained(refusal))
            return None
        answer = arrived(self.request)
        if not codes:
            messages.success(self.request, gettext("The new factor is set up."))
            return HttpResponseRedirect(reverse("cms:me"))
        shown = recovery_codes_page(self, codes)
        shown.cookies.update(answer.cookies)
        return shown


class NewAppView(_NewFactor):
    """Sets up an authenticator app: a picture to scan, and a code that shows that it worked. Without JavaScript."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._form(NewAppForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form, secret = NewAppForm(request.POST), self._secret()
        if not form.is_valid():
            return self._form(form, HTTPStatus.UNPROCESSABLE_ENTITY)
        shown = self.set_up(
            form,
            lambda: auth_services.add_totp(
                self.caller(),
                user_id=self.person.id,
                secret=secret,
                code=form.cleaned_data["code"],
                is_first=self.entrant is not None,
            ),
            entry.APP,
        )
        return shown or self._form(form, HTTPStatus.UNPROCESSABLE_ENTITY)

    def _secret(self) -> str:
        """One secret for as long as somebody tries, kept sealed in their session."""
        context = f"{_ENROLMENT_KEY}|{self.person.id}"
        try:
            return keys.unseal(self.request.session[_ENROLMENT_KEY], context=context).decode()
        except (KeyError, ValueError):
            secret = factors.new_totp_secret()
            self.request.session[_ENROLMENT_KEY] = keys.seal(secret.encode(), context=context)
            return secret

    def _form(self, form: Form, status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
        secret = self._secret()
        context = {
            "form": form,
            "next": destination_of(self.request),
            "secret": " ".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
            "picture": factors.totp_picture(factors.totp_address(self.person, secret)),
            "is_first": self.entrant is not None,
        }
        return self.page("cms/me/totp.html", context, status=status)


class NewPasskeyView(_NewFactor):
    def get(self, request: HttpRequest) -> HttpResponse:
        return self._form(NewPasskeyForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = NewPasskeyForm(request.POST)
        if not form.is_valid():
            return self._form(form, HTTPStatus.UNPROCESSABLE_ENTITY)
        shown = self.set_up(
            form,
            lambda: auth_services.add_passkey(
                self.caller(),
                user_id=self.person.id,
                **form.cleaned_data,
                **entry.ceremony_of(request),
                is_first=self.entrant is not None,
            ),
            entry.PASSKEY,
        )
        return shown or self._form(form, HTTPStatus.UNPROCESSABLE_ENTITY)

    def _form(self, form: Form, status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
        context = {"form": form, "next": destination_of(self.request), "is_first": self.entrant is not None}
        return self.page("cms/me/passkey.html", context, status=status)


class NewPasskeyQuestionView(_NewFactor):
    """What the browser makes a passkey of, for the script beside the button."""

    def post(self, request: HttpRequest) -> HttpResponse:
        return JsonResponse(entry.begin_new_passkey(request, self.person))


class RecoveryCodesView(StaffPage):
    """New recovery codes, shown once."""

    section = "me"
    needs = None
    needs_fresh_proof = True

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.page("cms/me/renew_codes.html", {})

    def post(self, request: HttpRequest) -> HttpResponse:
        return recovery_codes_page(self, auth_services.renew_recovery_codes(caller_of(request)))


def recovery_codes_page(page: CmsPage, codes: list[str]) -> HttpResponse:
    """The only time that recovery codes are shown."""
    after = destination_of(page.request) or settings.LOGIN_REDIRECT_URL
    return page.page("cms/me/codes.html", {"codes": codes, "after": after})


class FactorRemoveView(ConfirmedChange):
    section = "me"
    needs = None
    needs_fresh_proof = True
    heading = _("Remove {name}?")
    effects = (_("It opens nothing any more. Your other factors go on."),)
    button = _("Remove")
    done = _("{name} is removed.")

    def subject(self) -> Subject:
        person = staff_of(self.request)
        assert person is not None
        for factor in auth.factors_of(person.id):
            if factor["id"] == self.kwargs["factor_id"]:
                return Subject(factor["name"] or gettext("Authenticator app"), reverse("cms:me"))
        raise NotThere

    def perform(self, caller: Caller) -> None:
        auth_services.remove_factor(caller, factor_id=self.kwargs["factor_id"])


class BrowserEndView(StaffPage):
    """Signs oneself out of another browser, or of this one. By a button beside it: nothing is lost."""

    section = "me"
    needs = None

    def post(self, request: HttpRequest, browser_id: uuid.UUID) -> HttpResponse:
        auth_services.end_own_browser(caller_of(request), session_id=browser_id)
        messages.success(request, gettext("That browser is signed out."))
        return HttpResponseRedirect(reverse("cms:me"))


class ProofView(StaffPage):
    """Showing once more that it is oneself, before what cannot be undone."""

    needs = None

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._page(self._form())

    def post(self, request: HttpRequest) -> HttpResponse:
        credential = CredentialForm(request.POST)
        form = self._form(request.POST)
        try:
            if credential.is_valid():
                show = entry.passkey_again(request, credential=credential.cleaned_data["credential"])
            elif form.is_valid():
                show = entry.code_again(request, code=form.cleaned_data["code"])
            else:
                return self._page(form, HTTPStatus.UNPROCESSABLE_ENTITY)
            entry.prove_again(request, show=show)
        except ApiError as refusal:
            form.add_error(None, explained(refusal))
            return with_headers(self._page(form, refusal.status), refusal)
        return HttpResponseRedirect(destination_of(request) or settings.LOGIN_REDIRECT_URL)

    def _form(self, data: object = None) -> Form:
        kind = CodeForm if settings.STAFF_SECOND_FACTOR else PasswordAgainForm
        return kind(data)  # type: ignore[arg-type]  # a QueryDict or nothing

    def _page(self, form: Form, status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
        context = {"form": form, "next": destination_of(self.request)}
        return self.page("cms/me/prove.html", context, status=status)

"""The keys that let builds of the apps register, and the versions below which apps are told to upgrade."""

import abc
from http import HTTPStatus
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from api.apis.onboarding import selectors as onboarding
from api.apis.onboarding import services as onboarding_services
from api.cms.access import caller_of
from api.cms.forms.apps import NewKeyForm, SuccessorForm, VersionForm
from api.cms.forms.reason import ReasonForm
from api.cms.pages import ConfirmedChange, StaffPage, Subject, Text, add_errors, explained
from api.exceptions import InvalidInput
from api.platform.callers import Caller
from api.platform.keys import b64url


class AppsView(StaffPage):
    section = "apps"
    needs = "apps.read"

    def get(self, request: HttpRequest) -> HttpResponse:
        context = {"rows": onboarding.app_keys_for_staff(), "versions": onboarding.app_versions_for_staff()}
        return self.page("cms/apps/list.html", context)


class _KeyChange(ConfirmedChange):
    section = "apps"
    needs = "apps.change"

    def subject(self) -> Subject:
        return Subject(onboarding.app_key_for_staff(self.kwargs["key_id"])["key_id"], reverse("cms:apps"))


class BlockView(_KeyChange):
    heading = _("Block the app key {name}?")
    effects = (
        _("No device registers with it any more, from the next call on."),
        _("Devices that have registered go on: the minimum version stops them."),
    )
    button = _("Block")
    done = _("{name} is blocked.")

    def perform(self, caller: Caller) -> None:
        onboarding_services.block_app_key(caller, key_id=self.kwargs["key_id"])


class ActivateView(_KeyChange):
    heading = _("Activate the app key {name}?")
    effects = (_("Devices register with it again."),)
    button = _("Activate")
    takes_away = False
    done = _("{name} is active.")

    def perform(self, caller: Caller) -> None:
        onboarding_services.activate_app_key(caller, key_id=self.kwargs["key_id"])


class _FormPage(StaffPage, abc.ABC):
    """A form about app keys or versions, whose refusals are shown in it."""

    section = "apps"
    needs = "apps.change"
    form_class: ClassVar[type[ReasonForm]]
    heading: ClassVar[Text]
    hint: ClassVar[Text] = ""
    button: ClassVar[Text]

    @abc.abstractmethod
    def perform(self, caller: Caller, values: dict[str, Any]) -> HttpResponse:
        """Calls the service."""

    def initial(self) -> dict[str, Any]:
        """What the form begins with. Raises NotThere."""
        return {}

    def get(self, request: HttpRequest, **ids: Any) -> HttpResponse:
        return self._form(self.form_class(initial=self.initial()))

    def post(self, request: HttpRequest, **ids: Any) -> HttpResponse:
        self.initial()
        form = self.form_class(request.POST)
        if not form.is_valid():
            return self._form(form, HTTPStatus.UNPROCESSABLE_ENTITY)
        try:
            return self.perform(caller_of(request, reason=form.cleaned_data["reason"]), form.cleaned_data)
        except InvalidInput as refusal:
            add_errors(form, refusal)
            return self._form(form, HTTPStatus.UNPROCESSABLE_ENTITY)
        except onboarding_services.AppKeyTaken as refusal:
            form.add_error("key_id", explained(refusal))
            return self._form(form, refusal.status)

    def _form(self, form: ReasonForm, status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
        name = self.kwargs.get("key_id", "") or self.initial().get("name", "")
        texts = {"heading": str(self.heading).format(name=name), "hint": self.hint, "button": self.button}
        return self.page("cms/apps/form.html", {**texts, "form": form}, status=status)

    def secret(self, key_id: str, secret: bytes) -> HttpResponse:
        """The page that shows a secret, once: it is an answer to the form, and at no address."""
        return self.page("cms/apps/secret.html", {"key_id": key_id, "secret": b64url(secret)})


class NewKeyView(_FormPage):
    needs_fresh_proof = True
    form_class = NewKeyForm
    heading = _("New app key")
    hint = _("A build of an app signs its registration with it. Its secret is shown once, on the next page.")
    button = _("Make the key")

    def perform(self, caller: Caller, values: dict[str, Any]) -> HttpResponse:
        key, secret = onboarding_services.create_app_key(caller, key_id=values["key_id"], platform=values["platform"])
        return self.secret(key.key_id, secret)


class SuccessorView(_FormPage):
    needs_fresh_proof = True
    form_class = SuccessorForm
    heading = _("A successor for {name}")
    hint = _("For the next builds, on the same terms. The present key is deprecated: what has shipped with it goes on.")
    button = _("Make the key")

    def initial(self) -> dict[str, Any]:
        onboarding.app_key_for_staff(self.kwargs["key_id"])
        return {}

    def perform(self, caller: Caller, values: dict[str, Any]) -> HttpResponse:
        present, next_id = self.kwargs["key_id"], values["key_id"]
        secret = onboarding_services.succeed_app_key(caller, key_id=present, successor_id=next_id)
        return self.secret(next_id, secret)


class VersionView(_FormPage):
    form_class = VersionForm
    heading = _("Versions of the app for {name}")
    hint = _(
        "Apps that are too old are answered that they must be upgraded, and lead to the store. The present version and the "
        "notice are only kept here: no call of the API answers them yet."
    )
    button = _("Save")

    def initial(self) -> dict[str, Any]:
        return onboarding.app_version_for_staff(self.kwargs["platform"])

    def perform(self, caller: Caller, values: dict[str, Any]) -> HttpResponse:
        facts = {name: values[name] for name in onboarding_services.APP_VERSION_FACTS}
        onboarding_services.set_app_version(caller, platform=self.kwargs["platform"], facts=facts)
        messages.success(self.request, gettext("Every server goes by it within five seconds."))
        return HttpResponseRedirect(reverse("cms:apps"))

"""The keys that let builds of the apps register, and the versions below which apps are told to upgrade."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from api.apis.onboarding import selectors as onboarding
from api.apis.onboarding import services as onboarding_services
from api.cms.pages import ConfirmedChange, StaffPage, Subject
from api.platform.callers import Caller


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
    done = _("{name} is active.")

    def perform(self, caller: Caller) -> None:
        onboarding_services.activate_app_key(caller, key_id=self.kwargs["key_id"])

"""The texts of mails: changing them with a preview, and bringing the shipped ones back."""

from http import HTTPStatus

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from api.apis.notifications import selectors as notifications
from api.apis.notifications import services as notification_services
from api.cms.access import caller_of
from api.cms.forms.mails import MailForm
from api.cms.pages import ConfirmedChange, StaffPage, Subject, add_errors
from api.exceptions import InvalidInput
from api.platform.callers import Caller


class MailsView(StaffPage):
    section = "mails"
    needs = "mails.read"

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.page("cms/mails/list.html", {"rows": notifications.mail_templates_for_staff()})


class MailView(StaffPage):
    """A mail's texts with a preview. A POST shows what was typed, or keeps it (`keep`)."""

    section = "mails"
    needs = "mails.read"

    def get(self, request: HttpRequest, kind: str) -> HttpResponse:
        notifications.mail_kind_for_staff(kind)
        return self._form(MailForm(initial=notifications.mail_template(kind)._asdict()))

    def post(self, request: HttpRequest, kind: str) -> HttpResponse:
        notifications.mail_kind_for_staff(kind)
        form = MailForm(request.POST)
        if form.is_valid() and "keep" in request.POST:
            return self._kept(form)
        if form.is_valid() and "try" in request.POST:
            return self._tried(form)
        return self._form(form, HTTPStatus.OK if form.is_valid() else HTTPStatus.UNPROCESSABLE_ENTITY)

    def _kept(self, form: MailForm) -> HttpResponse:
        kind = self.kwargs["kind"]
        caller = caller_of(self.request, reason=form.cleaned_data["reason"])
        try:
            notification_services.change_mail_template(caller, kind=kind, template=_typed(form))
        except InvalidInput as refusal:
            add_errors(form, refusal)
            return self._form(form, HTTPStatus.UNPROCESSABLE_ENTITY)
        messages.success(self.request, gettext("The texts are in force from the next mail on."))
        return HttpResponseRedirect(reverse("cms:mail", args=[kind]))

    def _tried(self, form: MailForm) -> HttpResponse:
        """Mails it to whoever asks, and shows the form as it was."""
        try:
            caller = caller_of(self.request, reason=form.cleaned_data["reason"])
            notification_services.send_sample_later(caller, kind=self.kwargs["kind"], template=_typed(form))
        except InvalidInput as refusal:
            add_errors(form, refusal)
            return self._form(form, HTTPStatus.UNPROCESSABLE_ENTITY)
        messages.success(self.request, gettext("A mail with examples is on its way to your own address."))
        return self._form(form)

    def _form(self, form: MailForm, status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
        kind = notifications.mail_kind_for_staff(self.kwargs["kind"])
        shown = {}
        try:
            if not form.is_bound or form.is_valid():
                template = _typed(form)
                preview = notification_services.previewed(kind.name, template)
                paragraphs = notification_services.paragraphs_of(template.body, kind.samples)
                shown = {"preview": preview, "paragraphs": paragraphs}
        except InvalidInput as refusal:
            add_errors(form, refusal)
            status = HTTPStatus.UNPROCESSABLE_ENTITY
        return self.page("cms/mails/detail.html", {"kind": kind, "form": form, **shown}, status=status)


def _typed(form: MailForm) -> notifications.Template:
    values = form.cleaned_data if form.is_bound else form.initial
    # Browsers send the line ends of Windows.
    return notifications.Template(values["subject"], values["body"].replace("\r\n", "\n"))


class ResetView(ConfirmedChange):
    section = "mails"
    needs = "mails.change"
    heading = _("Bring the shipped texts of {name} back?")
    effects = (_("The texts that staff have written are lost. Mails that were sent stay as they are."),)
    button = _("Bring back")
    done = _("{name} has its shipped texts again.")

    def subject(self) -> Subject:
        kind = notifications.mail_kind_for_staff(self.kwargs["kind"]).name
        return Subject(kind, reverse("cms:mail", args=[kind]))

    def perform(self, caller: Caller) -> None:
        notification_services.reset_mail_template(caller, kind=self.kwargs["kind"])

"""What pages of the CMS share: refusals as pages, the frame around the content, signed cursors, confirmed changes."""

import abc
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View

from api import problems
from api.cms.access import caller_of, duties_of, has_fresh_proof, staff_of, staff_required, viewed_by
from api.cms.forms.reason import ReasonForm
from api.exceptions import ApiError, Forbidden, InvalidInput, NotThere
from api.platform.callers import Caller
from api.platform.keyset import Cursor, Page

Text = str | Promise

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class Section(NamedTuple):
    """An entry of the navigation, for whom its action is covered."""

    name: str  # of its address, too
    label: Text
    needs: str | None


_SECTIONS = (
    Section("dashboard", gettext_lazy("Dashboard"), None),
    Section("search", gettext_lazy("Search"), None),
    Section("users", gettext_lazy("People"), "people.read"),
    Section("devices", gettext_lazy("Devices"), "devices.read"),
    Section("orgs", gettext_lazy("Organizations"), "orgs.read"),
    Section("jobs", gettext_lazy("Background work"), "outbox.read"),
    Section("requests", gettext_lazy("Requests"), "requests.read"),
    Section("mails", gettext_lazy("Mails"), "mails.read"),
    Section("apps", gettext_lazy("Apps"), "apps.read"),
    Section("staff", gettext_lazy("Staff"), "staff.read"),
    Section("audit", gettext_lazy("Audit trail"), "audit.read"),
    Section("system", gettext_lazy("System"), "system.read"),
)


class CmsPage(View):
    """A page: never stored by anybody, with refusals as pages that keep the request id."""

    # Which entry of the navigation it belongs to.
    section: ClassVar[str] = ""
    # Whether it may be sent to while somebody looks through the eyes of a person, when nothing else may.
    is_open_while_viewing: ClassVar[bool] = False

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            response = self.enter(request, *args, **kwargs)
        except Exception as error:
            # Refusals and absent stores become pages; what nobody expected goes on to the 500 page.
            problem = problems.problem_of(error)
            if problem is None:
                raise
            response = problems.respond(request, problem)
        response["Cache-Control"] = "no-store"
        return response

    def enter(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method not in _READING and not self.is_open_while_viewing and viewed_by(request) is not None:
            raise Forbidden(_("Nothing is changed while you see what somebody else sees."))
        return super().dispatch(request, *args, **kwargs)

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        allowed = [name.upper() for name in self.http_method_names if hasattr(self, name)]
        raise problems.MethodNotAllowed(headers={"Allow": ", ".join(allowed)})

    def page(self, template: str, context: Mapping[str, Any], *, status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
        """A template in the frame that all pages share; a refusal tells the id under which it is found in the logs."""
        may = duties_of(self.request)
        frame = {
            "may": may,
            "sections": [entry for entry in _SECTIONS if entry.needs is None or entry.needs in may],
            "environment": settings.ENVIRONMENT,
            "section": self.section,
            "staff": staff_of(self.request),
            "viewed": viewed_by(self.request),
            "request_id": getattr(self.request, "request_id", "") if status >= HTTPStatus.BAD_REQUEST else "",
        }
        return render(self.request, template, {**frame, **context}, status=status)


class EntryPage(CmsPage):
    """A page on the way in: each looks itself at what has been shown so far."""


class StaffPage(CmsPage):
    """A page behind the door, for staff whose roles cover the action that it needs (None: for all staff)."""

    needs: ClassVar[str | None]
    # Whether the person shows a second factor once more if the last time was more than ten minutes ago.
    needs_fresh_proof: ClassVar[bool] = False

    @method_decorator(staff_required)
    def enter(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if self.needs is not None and self.needs not in duties_of(request):
            raise Forbidden(_("This takes a role that covers %(action)s.") % {"action": self.needs})
        if self.needs_fresh_proof and not has_fresh_proof(request):
            return to_proof(request)
        return super().enter(request, *args, **kwargs)


def to_proof(request: HttpRequest) -> HttpResponseRedirect:
    """To the page where somebody shows once more that it is them, and from there back here."""
    query = urlencode({"next": request.get_full_path()})
    return HttpResponseRedirect(f"{reverse('cms:prove')}?{query}")


class Pager:
    """The cursors of one list in its addresses, signed: those of another list, or of another filter, do not fit.

    A cursor that was tampered with means the first page.
    """

    def __init__(self, request: HttpRequest, list_name: str, *filters: object) -> None:
        self._salt = "|".join(["cms", list_name, *(str(value) for value in filters)])
        self.cursor = self._unsigned(request.GET.get("cursor", ""))

    def links(self, page: Page) -> dict[str, str | None]:
        """The `cursor` parameters of the pages next to this one."""
        return {"next": self._signed(page.next), "prev": self._signed(page.prev)}

    def _signed(self, cursor: Cursor | None) -> str | None:
        if cursor is None:
            return None
        return signing.dumps([cursor.is_backward, *(str(value) for value in cursor.values)], salt=self._salt)

    def _unsigned(self, text: str) -> Cursor | None:
        try:
            is_backward, *values = signing.loads(text, salt=self._salt)
        except signing.BadSignature:
            return None
        return Cursor(is_backward, tuple(values))


class Subject(NamedTuple):
    """What a change is about: its name for people, and its own page."""

    name: str
    address: str


class ConfirmedChange(StaffPage, abc.ABC):
    """A change to one thing: a page that names the effect and asks for the reason, and the POST that carries it out."""

    heading: ClassVar[Text]  # with {name}
    effects: ClassVar[tuple[Text, ...]]
    button: ClassVar[Text]
    takes_away: ClassVar[bool] = True  # something from somebody, which its button's colour warns of
    done: ClassVar[Text]  # with {name}
    undo: ClassVar[str] = ""  # the name of the page that takes it back, if one does
    form_class: ClassVar[type[ReasonForm]] = ReasonForm  # asks for the reason, and for what else has to be said

    @abc.abstractmethod
    def subject(self) -> Subject:
        """Raises NotThere."""

    @abc.abstractmethod
    def perform(self, caller: Caller) -> None:
        """Calls the service. Its refusals are shown in the form."""

    def initial(self) -> dict[str, Any]:
        """What the form begins with."""
        return {}

    def told_effects(self) -> Sequence[Text]:
        """What comes of it, in sentences."""
        return self.effects

    def undo_address(self) -> str:
        """Where the notice of what was done sends whoever takes it back; empty if nobody can."""
        return reverse(f"cms:{self.undo}", kwargs=self.kwargs) if self.undo else ""

    def get(self, request: HttpRequest, **ids: Any) -> HttpResponse:
        return self._confirmation(self.subject(), self.form_class(initial=self.initial()))

    def post(self, request: HttpRequest, **ids: Any) -> HttpResponse:
        subject = self.subject()
        form = self.form_class(request.POST)
        if not form.is_valid():
            return self._confirmation(subject, form, HTTPStatus.UNPROCESSABLE_ENTITY)
        self.said = form.cleaned_data
        try:
            self.perform(caller_of(request, reason=form.cleaned_data["reason"]))
        except NotThere:
            raise
        except InvalidInput as refusal:
            add_errors(form, refusal)
            return self._confirmation(subject, form, HTTPStatus.UNPROCESSABLE_ENTITY)
        except ApiError as refusal:
            form.add_error(None, explained(refusal))
            return with_headers(self._confirmation(subject, form, refusal.status), refusal)
        messages.success(request, str(self.done).format(name=subject.name), extra_tags=self.undo_address())
        return self.arrived(subject)

    def arrived(self, subject: Subject) -> HttpResponse:
        """Where it leads to once it is done."""
        return HttpResponseRedirect(subject.address)

    def _confirmation(self, subject: Subject, form: Form, status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
        context = {
            "heading": str(self.heading).format(name=subject.name),
            "effects": self.told_effects(),
            "button": self.button,
            "takes_away": self.takes_away,
            "subject": subject,
            "form": form,
        }
        return self.page("cms/confirm.html", context, status=status)


def with_headers(response: HttpResponse, refusal: ApiError) -> HttpResponse:
    """The answer with the headers of a refusal, such as Retry-After."""
    for name, value in refusal.headers.items():
        response[name] = value
    return response


def explained(refusal: ApiError) -> str:
    """A refusal in one or two sentences."""
    return " ".join(f"{_(sentence).rstrip('.')}." for sentence in (refusal.title, refusal.text) if sentence)


def add_errors(form: Form, refusal: InvalidInput) -> None:
    """Says what a service found at the fields where it found it."""
    for error in refusal.members["errors"]:
        form.add_error(error["field"] if error["field"] in form.fields else None, _(error["message"]))

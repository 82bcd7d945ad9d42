"""Who may use the CMS: the door before every page, and the caller that services see. How one gets in: `api.cms.entry`."""

import dataclasses
import functools
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, logout
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from api.apis.auth import services as auth
from api.models import ActorKind, Channel, StaffSession, User
from api.models.base import IDENTITY_MAX_BYTES, identity_of
from api.platform import memberships, staff
from api.platform.callers import Caller
from api.platform.passwords import password_matches
from api.requests import client_address

PageView = Callable[..., HttpResponseBase]

# Where the browser's own session keeps the id of its StaffSession.
BROWSER_KEY = "staff_session"


class StaffBackend(ModelBackend):
    """Knows staff by e-mail and password: a refusal takes as long for everybody, known or not."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        is_locked: bool = False,
        **_: Any,
    ) -> User | None:
        if not username or password is None:
            return None
        person = person_by(username)
        if person is not None and (is_locked or not self.user_can_authenticate(person)):
            person = None
        return person if password_matches(person, password) else None

    def user_can_authenticate(self, user: Any) -> bool:
        return bool(user.is_active and user.is_staff and user.deleted_at is None)


def person_by(email: str) -> User | None:
    identity = identity_of(email)
    if len(identity.encode()) > IDENTITY_MAX_BYTES:
        return None
    return User.objects.filter(email_identity=identity).first()


def browser_of(request: HttpRequest) -> StaffSession | None:
    """The browser that a member of staff has signed in with by both factors; None for everybody else, and from the next
    request on for who was deactivated, demoted, signed out elsewhere, or has another password.
    """
    if not hasattr(request, "_staff_session"):
        request._staff_session = _found(request)  # type: ignore[attr-defined]  # looked for once
    return request._staff_session  # type: ignore[attr-defined,no-any-return]


def _found(request: HttpRequest) -> StaffSession | None:
    session_id = request.session.get(BROWSER_KEY)
    browser = auth.browser_of(session_id) if session_id else None
    if browser is None or str(browser.user_id) != request.session.get(SESSION_KEY):
        return None
    given: str = request.session.get(HASH_SESSION_KEY, "")
    if not constant_time_compare(given, browser.user.get_session_auth_hash()):
        return None
    if browser.factor == "none" and settings.STAFF_SECOND_FACTOR:
        return None
    request.user = browser.user
    return browser


def staff_of(request: HttpRequest) -> User | None:
    """The member of staff whose browser this is."""
    browser = browser_of(request)
    return None if browser is None else browser.user


def staff_required(view: PageView) -> PageView:
    """The door: nobody but staff passes. Everybody else goes to the sign-in page, and a session that has lost its
    person ends here.
    """

    @functools.wraps(view)
    def enter(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if staff_of(request) is not None:
            return view(request, *args, **kwargs)
        if SESSION_KEY in request.session:
            logout(request)
        return redirect_to_login(request.get_full_path())

    return enter


def has_fresh_proof(request: HttpRequest) -> bool:
    """Whether the person has shown their second factor in the last ten minutes."""
    browser = browser_of(request)
    since = timezone.now() - timedelta(seconds=settings.FRESH_PROOF_SECONDS)
    return browser is not None and browser.proved_at > since


def viewed_by(request: HttpRequest) -> User | None:
    """Through whose eyes the member of staff looks at the moment; None once that is over, which the trail then tells."""
    browser = browser_of(request)
    if browser is None or browser.viewing_until is None:
        return None
    if browser.viewing_until <= timezone.now():
        auth.end_viewing(caller_of(request), session_id=browser.id)
        browser.viewing, browser.viewing_until = None, None
    return browser.viewing if browser.viewing is not None and browser.viewing.is_active else None


def eyes_of(request: HttpRequest, person: User) -> Caller:
    """A person as their own selectors see them. For reading: it is nobody's session."""
    return dataclasses.replace(caller(request, ActorKind.USER, person.id), memberships=memberships.of_person(person.id))


def caller_of(request: HttpRequest, *, reason: str = "") -> Caller:
    """The staff member behind a request, as services see them."""
    person = staff_of(request)
    assert person is not None
    return caller(request, ActorKind.STAFF, person.id, reason, duties_of(request))


def duties_of(request: HttpRequest) -> frozenset[str]:
    """The actions that the roles of the staff member behind a request cover; none for anybody else."""
    if not hasattr(request, "_duties"):
        person = staff_of(request)
        request._duties = staff.duties_of(person) if person is not None else frozenset()  # type: ignore[attr-defined]
    return request._duties  # type: ignore[attr-defined,no-any-return]


def caller(
    request: HttpRequest,
    kind: ActorKind,
    user_id: uuid.UUID | None = None,
    reason: str = "",
    duties: frozenset[str] = frozenset(),
) -> Caller:
    """A caller from this request's address. Without duties they may do nothing but what is their own."""
    return Caller(
        kind=kind,
        channel=Channel.CMS,
        user_id=user_id,
        duties=duties,
        address=client_address(request),
        request_id=getattr(request, "request_id", ""),
        reason=reason,
    )

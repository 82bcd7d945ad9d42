"""Who may use the CMS: signing in and out, the door before every page, and the caller that services see."""

import functools
import secrets
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth import SESSION_KEY, authenticate, login, logout
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.translation import ngettext
from django_ratelimit.core import get_usage

from api.apis.auth import services as auth
from api.exceptions import TemporarilyUnavailable, TooManyRequests
from api.models import ActorKind, Channel, Outcome, User
from api.models.base import IDENTITY_MAX_BYTES, identity_of
from api.platform import audit, staff
from api.platform.callers import Caller
from api.platform.passwords import password_matches
from api.requests import address_block, client_address

log = structlog.get_logger(__name__)

PageView = Callable[..., HttpResponseBase]

# Attempts and seconds: a whole office behind one address gets in, a list of stolen passwords does not.
_ADDRESS_RATE = (30, 60)
# Where the session keeps the `auth_version` that it was opened with.
_AUTH_VERSION_KEY = "auth_version"
# A browser that somebody has signed in with, remembered for a year: guesses elsewhere do not lock them out of it.
_KNOWN_COOKIE = "known_browser"
_KNOWN_SECONDS = 365 * 24 * 3600


class StaffBackend(ModelBackend):
    """Signs staff in by e-mail and password: one hash for everybody, known or not."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_: Any
    ) -> User | None:
        if not username or password is None:
            return None
        person = _person_by(username)
        if not password_matches(person, password) or person is None:
            return None
        return person if self.user_can_authenticate(person) else None

    def user_can_authenticate(self, user: Any) -> bool:
        """Asked at sign-in, and again whenever a session's person is loaded."""
        return bool(user.is_active and user.is_staff)


def _person_by(email: str) -> User | None:
    identity = identity_of(email)
    if len(identity.encode()) > IDENTITY_MAX_BYTES:
        return None
    return User.objects.filter(email_identity=identity).first()


def staff_of(request: HttpRequest) -> User | None:
    """The staff member whose session this is; None once they are deactivated, demoted or signed out everywhere."""
    person = request.user
    if not isinstance(person, User) or not (person.is_active and person.is_staff):
        return None
    return person if request.session.get(_AUTH_VERSION_KEY) == person.auth_version else None


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


def caller_of(request: HttpRequest, *, reason: str = "") -> Caller:
    """The staff member behind a request, as services see them."""
    person = staff_of(request)
    assert person is not None
    return _caller(request, ActorKind.STAFF, person.id, reason, duties_of(request))


def duties_of(request: HttpRequest) -> frozenset[str]:
    """The actions that the roles of the staff member behind a request cover; none for anybody else."""
    if not hasattr(request, "_duties"):
        person = staff_of(request)
        request._duties = staff.duties_of(person) if person is not None else frozenset()  # type: ignore[attr-defined]
    return request._duties  # type: ignore[attr-defined,no-any-return]


def _caller(
    request: HttpRequest,
    kind: ActorKind,
    user_id: uuid.UUID | None = None,
    reason: str = "",
    duties: frozenset[str] = frozenset(),
) -> Caller:
    return Caller(
        kind=kind,
        channel=Channel.CMS,
        user_id=user_id,
        duties=duties,
        address=client_address(request),
        request_id=getattr(request, "request_id", ""),
        reason=reason,
    )


def sign_in(request: HttpRequest, *, email: str, password: str) -> bool:
    """Opens a new session for a staff member; False for every kind of failure alike, a locked account among them.

    Wrong passwords count in the rows of the API's sign-in, so that nobody has the guesses of both doors.
    Raises TooManyRequests, TemporarilyUnavailable.
    """
    key = auth.browser_key_of(email, _known_browser(request, email))
    _spend_attempt(request, key)
    attempt = auth.begin_attempt(key)
    person = authenticate(request, username=email, password=password)
    if not (isinstance(person, User) and attempt.is_allowed):
        _record_failure(request, email, attempt.lock_seconds)
        return False
    auth.forgive(key)
    caller = _caller(request, ActorKind.STAFF, person.id)
    audit.record(caller, "staff.signed_in", target_kind="user", target_id=person.id)
    login(request, person)
    request.session[_AUTH_VERSION_KEY] = person.auth_version
    return True


def remember_browser(request: HttpRequest, response: HttpResponse, *, email: str) -> None:
    """Has the browser of somebody who is in known to be theirs. The cookie opens nothing: it only counts apart."""
    response.set_signed_cookie(
        _KNOWN_COOKIE,
        _known_browser(request, email) or secrets.token_hex(16),
        salt=_known_salt(email),
        max_age=_KNOWN_SECONDS,
        path=f"/{settings.CMS_PATH}",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _known_browser(request: HttpRequest, email: str) -> str:
    """The name of a browser in which somebody has signed in with this address before; empty for any other."""
    known = request.get_signed_cookie(_KNOWN_COOKIE, default="", salt=_known_salt(email), max_age=_KNOWN_SECONDS)
    return str(known)


def _known_salt(email: str) -> str:
    # The address is part of what is signed: a cookie of one account is worth nothing for another.
    return f"{_KNOWN_COOKIE}|{identity_of(email)}"


def _record_failure(request: HttpRequest, email: str, lock_seconds: int) -> None:
    """One look-up and one row, whether or not there is such a person. Whoever tried has proved to be nobody."""
    person = _person_by(email)
    caller = _caller(request, ActorKind.ANONYMOUS)
    audit.record(
        caller,
        "staff.sign_in_failed",
        target_kind="user",
        target_id=person.id if person else "",
        outcome=Outcome.REFUSED,
    )
    auth.record_lock(caller, lock_seconds)


def sign_out(request: HttpRequest) -> None:
    """Ends the session; harmless for somebody without one."""
    person = staff_of(request)
    if person is not None:
        audit.record(caller_of(request), "staff.signed_out", target_kind="user", target_id=person.id)
    logout(request)


def _spend_attempt(request: HttpRequest, key: bytes) -> None:
    """Counts an attempt before the password is looked at: per address first, so that one address cannot use up the
    attempts of more accounts than its own budget reaches.
    """
    address = address_block(client_address(request))
    _spend(request, "cms.sign_in.address", address, _ADDRESS_RATE)
    _spend(request, "cms.sign_in.account", key.hex(), settings.RATES["auth_token"])


def _spend(request: HttpRequest, group: str, who: str, rate: tuple[int, int]) -> None:
    """Raises TooManyRequests; TemporarilyUnavailable when nobody can count."""
    try:
        usage = get_usage(request, group=group, key=lambda *_: who, rate=rate, increment=True)
    except Exception as error:
        # Whichever store counts, and however it fails: without a count nobody may guess.
        log.exception("limits.closed", group=group)
        raise TemporarilyUnavailable from error
    if usage["time_left"] < 0:
        raise TemporarilyUnavailable
    if usage["should_limit"]:
        seconds = max(1, usage["time_left"])
        told = ngettext("Try again in %(seconds)d second.", "Try again in %(seconds)d seconds.", seconds)
        raise TooManyRequests(told % {"seconds": seconds}, headers={"Retry-After": str(seconds)})

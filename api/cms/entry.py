"""Getting into the CMS, and out: a password and then a code, or a passkey alone. Until both are shown, the session knows
only who has shown a password, and for how long that counts.
"""

import secrets
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

import structlog
from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import ngettext
from django_ratelimit.core import get_usage

from api.apis.auth import selectors as auth_rows
from api.apis.auth import services as auth
from api.cms.access import BROWSER_KEY, browser_of, caller, caller_of, person_by, staff_of
from api.exceptions import TemporarilyUnavailable, TooManyRequests
from api.models import ActorKind, ShownFactor, User
from api.models.base import identity_of
from api.platform import audit
from api.platform.callers import Caller
from api.requests import address_block, client_address

log = structlog.get_logger(__name__)

# Attempts and seconds: a whole office behind one address gets in, a list of stolen passwords does not.
_ADDRESS_RATE = (30, 60)
# Who has shown a password and nothing else yet: person, their auth_version, when.
_PENDING_KEY = "signing_in"
# What a passkey has to sign, until it has.
_CEREMONY_KEY = "passkey_ceremony"
# A browser that somebody has signed in with, remembered for a year: guesses elsewhere do not lock them out of it.
_KNOWN_COOKIE = "known_browser"
_KNOWN_SECONDS = 365 * 24 * 3600
_BACKEND = "api.cms.access.StaffBackend"


APP, PASSKEY = ShownFactor.TOTP, ShownFactor.PASSKEY


class Entrant(NamedTuple):
    """Who has shown a password, and whether there is a second factor to show."""

    person: User
    has_factor: bool


def show_password(request: HttpRequest, *, email: str, password: str) -> bool:
    """The first step; False for every kind of failure alike, a locked account among them.

    Wrong passwords count in the rows of the API's sign-in, so that nobody has the guesses of both doors.
    Raises TooManyRequests, TemporarilyUnavailable.
    """
    key = auth.browser_key_of(email, _known_browser(request, email))
    _spend_attempt(request, key)
    attempt = auth.begin_attempt(key)
    person = authenticate(request, username=email, password=password, is_locked=not attempt.is_allowed)
    if not isinstance(person, User):
        _record_failure(request, email, key, attempt.lock_seconds)
        return False
    auth.forgive(key)
    if not settings.STAFF_SECOND_FACTOR:
        _open(request, person, ShownFactor.NONE)
        return True
    request.session.cycle_key()  # not one that somebody has planted
    request.session[_PENDING_KEY] = [str(person.id), person.auth_version, timezone.now().timestamp()]
    return True


def entrant_of(request: HttpRequest) -> Entrant | None:
    """Who has shown a password in this browser within ten minutes, and has to take the second step."""
    user_id, version, at = request.session.get(_PENDING_KEY, (None, 0, 0))
    if user_id is None or timezone.now().timestamp() - at > settings.SECOND_STEP_SECONDS:
        return None
    person = User.objects.filter(
        id=user_id, auth_version=version, is_active=True, is_staff=True, deleted_at=None
    ).first()
    return None if person is None else Entrant(person, auth_rows.has_factor(person))


def show_code(request: HttpRequest, entrant: Entrant, *, code: str) -> None:
    """The second step. Raises TooManyRequests, TemporarilyUnavailable, WrongCode, NotThere."""
    _open(request, entrant.person, _shown_by_code(request, entrant.person, code))


def entering(request: HttpRequest, entrant: Entrant) -> Caller:
    """Who sets up their first factor: a member of staff who may do nothing else yet."""
    return caller(request, ActorKind.STAFF, entrant.person.id)


def show_new_factor(request: HttpRequest, entrant: Entrant, factor: str) -> None:
    """Whoever had none has set up their first one just now. Raises NotThere."""
    _open(request, entrant.person, ShownFactor(factor))


def begin_passkey(request: HttpRequest) -> dict[str, Any]:
    """What the browser asks its passkeys. Raises TooManyRequests, TemporarilyUnavailable."""
    _spend(request, "cms.passkey", address_block(client_address(request)), _ADDRESS_RATE)
    options, request.session[_CEREMONY_KEY] = auth_rows.passkey_question(host=request.get_host())
    return options


def begin_new_passkey(request: HttpRequest, person: User) -> dict[str, Any]:
    """What the browser makes a passkey of."""
    options, request.session[_CEREMONY_KEY] = auth_rows.new_passkey_question(person, host=request.get_host())
    return options


def ceremony_of(request: HttpRequest) -> dict[str, Any]:
    """The host and the state of what was begun, for its second half. Once."""
    return {"host": request.get_host(), "state": request.session.pop(_CEREMONY_KEY, {})}


def sign_in_by_passkey(request: HttpRequest, *, credential: object) -> User:
    """Both factors at once. Raises PasskeyRefused, NotThere, TooManyRequests, TemporarilyUnavailable."""
    _spend(request, "cms.passkey", address_block(client_address(request)), _ADDRESS_RATE)
    try:
        person = auth.show_passkey(credential=credential, **ceremony_of(request))
        _open(request, person, ShownFactor.PASSKEY)
    except auth.PasskeyRefused:
        anonymous = caller(request, ActorKind.ANONYMOUS)
        audit.record_refusal(anonymous, "staff.sign_in_failed", target_kind="user")
        raise
    return person


def prove_again(request: HttpRequest, *, show: Callable[[User], ShownFactor]) -> None:
    """Whoever is in shows again that it is them. Raises what `show` raises."""
    browser = browser_of(request)
    assert browser is not None
    auth.prove_again(caller_of(request), session_id=browser.id, factor=show(browser.user))
    del request._staff_session  # type: ignore[attr-defined]  # looked for anew


def code_again(request: HttpRequest, *, code: str) -> Callable[[User], ShownFactor]:
    """Shows a code, or where a second factor is skipped the password."""

    def show(person: User) -> ShownFactor:
        if settings.STAFF_SECOND_FACTOR:
            return _shown_by_code(request, person, code)
        key = auth.factor_key_of(person.id, "")
        _spend(request, "cms.code", key.hex(), settings.RATES["auth_token"])
        if authenticate(request, username=person.email, password=code) is None:
            raise auth.WrongCode
        return ShownFactor.NONE

    return show


def passkey_again(request: HttpRequest, *, credential: object) -> Callable[[User], ShownFactor]:
    """Shows a passkey, the person's own."""

    def show(person: User) -> ShownFactor:
        if auth.show_passkey(credential=credential, **ceremony_of(request)).id != person.id:
            raise auth.PasskeyRefused
        return ShownFactor.PASSKEY

    return show


def _shown_by_code(request: HttpRequest, person: User, code: str) -> ShownFactor:
    known = _known_browser(request, person.email or "")
    key = auth.factor_key_of(person.id, known)
    _spend(request, "cms.code", key.hex(), settings.RATES["auth_token"])
    return auth.show_code(caller(request, ActorKind.ANONYMOUS), person=person, code=code, browser=known)


def _open(request: HttpRequest, person: User, factor: ShownFactor) -> None:
    """Both factors were shown. Raises NotThere when they open nothing any more."""
    opener: Caller = caller(request, ActorKind.STAFF, person.id)
    user_agent = request.headers.get("User-Agent", "")
    browser_id: uuid.UUID = auth.open_browser(opener, person=person, factor=factor, user_agent=user_agent)
    request.session.flush()
    login(request, person, backend=_BACKEND)
    request.session[BROWSER_KEY] = str(browser_id)
    if hasattr(request, "_staff_session"):
        del request._staff_session


def sign_out(request: HttpRequest) -> None:
    """Ends the session; harmless for somebody without one."""
    person, browser = staff_of(request), browser_of(request)
    if person is not None and browser is not None:
        by = caller_of(request)
        auth.end_own_browser(by, session_id=browser.id)
        audit.record(by, "staff.signed_out", target_kind="user", target_id=person.id)
    logout(request)


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


def _record_failure(request: HttpRequest, email: str, key: bytes, lock_seconds: int) -> None:
    """One look-up and the same rows, whether or not there is such a person. Whoever tried has proved to be nobody."""
    person = person_by(email)
    anonymous = caller(request, ActorKind.ANONYMOUS)
    audit.record_refusal(
        anonymous,
        "staff.sign_in_failed",
        target_kind="user",
        target_id=person.id if person else "",
        account=key,
    )
    auth.record_lock(anonymous, lock_seconds)


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
    if not usage["limit"]:  # which stands for a store that keeps no count
        raise TemporarilyUnavailable
    if usage["should_limit"]:
        seconds = max(1, usage["time_left"])
        told = ngettext("Try again in %(seconds)d second.", "Try again in %(seconds)d seconds.", seconds)
        raise TooManyRequests(told % {"seconds": seconds}, headers={"Retry-After": str(seconds)})

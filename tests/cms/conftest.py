"""Staff and their browsers. Everybody signs in by the form, since that is what opens a session of the CMS."""

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import pytest
from django.http import HttpResponse
from django.test import Client, TestCase

from api.apis.auth import services as auth
from api.apis.users import services as users
from api.models import User
from api.models.base import identity_of
from api.platform import callers
from tests.factors import show_second_factor

PASSWORD = "correct horse battery staple"
_numbers = itertools.count(1)


class Browser(Client):
    """A browser at an address of its own, which budgets of addresses therefore never meet by accident."""

    def __init__(self, *, enforce_csrf_checks: bool = False) -> None:
        address = f"198.51.{next(_numbers) % 250}.{next(_numbers) % 250}"
        super().__init__(
            enforce_csrf_checks=enforce_csrf_checks,
            raise_request_exception=False,
            headers={"accept": "text/html"},
            REMOTE_ADDR=address,
            SERVER_NAME="localhost",
        )

    def sign_in(self, email: str, password: str = PASSWORD, **fields: str) -> HttpResponse:
        """Shows the password and then a second factor; the answer is that of the step at which it ended."""
        answer = self.show_password(email, password, **fields)
        if answer.status_code != HTTPStatus.FOUND or "sessionid" not in self.cookies:
            return answer
        return show_second_factor(self, answer["Location"], identity_of(email), fields.get("next", ""))

    def show_password(self, email: str, password: str = PASSWORD, **fields: str) -> HttpResponse:
        return self.post("/cms/login/", {"email": email, "password": password, **fields})

    def is_in(self) -> bool:
        return self.get("/cms/").status_code == 200


@dataclass(frozen=True)
class Staff:
    """A staff member, signed in."""

    user: User
    browser: Browser

    def get(self, address: str) -> HttpResponse:
        return self.browser.get(address)

    def text(self, address: str) -> str:
        """A page that must be there."""
        response = self.get(address)
        assert response.status_code == 200, response.content.decode()
        return response.content.decode()

    def post(self, address: str, **fields: str | list[str]) -> HttpResponse:
        """Sends a form; what waits for the commit happens, although a test never commits."""
        with TestCase.captureOnCommitCallbacks(execute=True):
            return self.browser.post(address, fields)


@pytest.fixture
def browser() -> Browser:
    return Browser()


@pytest.fixture
def new_browser() -> type[Browser]:
    return Browser


@pytest.fixture
def new_user(db: None) -> Callable[..., User]:
    """Makes somebody with an account and the suite's password; `columns` are set afterwards."""

    def make(name: str = "somebody", *, profile: dict[str, str] | None = None, **columns: bool) -> User:
        number = next(_numbers)
        user = users.create_person(
            callers.command(),
            email=f"{name}-{number}@example.com",
            password=PASSWORD,
            profile={"username": f"{name}.{number}", **(profile or {})},
        )
        User.objects.filter(id=user.id).update(**columns)
        user.refresh_from_db()
        return user

    return make


@pytest.fixture
def new_staff(new_user: Callable[..., User]) -> Callable[..., Staff]:
    def make(name: str = "sam", *, roles: Sequence[str] = ("Admin",), **columns: bool) -> Staff:
        user, browser = new_user(name, is_staff=True, **columns), Browser()
        auth.set_staff_roles(callers.command(), user_id=user.id, roles=roles)
        User.objects.filter(id=user.id).update(is_staff=True)  # also who has no role
        auth.set_up_totp(callers.command(), user_id=user.id)
        assert user.email is not None
        assert browser.sign_in(user.email).status_code == 302
        return Staff(user, browser)

    return make


@pytest.fixture
def staff(new_staff: Callable[..., Staff]) -> Staff:
    return new_staff()


@pytest.fixture
def root(new_staff: Callable[..., Staff]) -> Staff:
    """A superuser."""
    return new_staff("rita", is_superuser=True)


@pytest.fixture
def without_token() -> Callable[[HttpResponse], str]:
    """A page without what differs on every request: the token against forged forms, the request's id."""

    def strip(response: HttpResponse) -> str:
        page = response.content.decode().replace(response["X-Request-ID"], "")
        return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page)

    return strip

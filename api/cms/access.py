"""Who may use the CMS."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from api.models import User
from api.models.base import identity_of
from api.platform.passwords import password_matches


class StaffBackend(ModelBackend):
    """Signs staff in by e-mail and password: one hash for everybody, known or not."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_: Any
    ) -> User | None:
        if not username or password is None:
            return None
        person = User.objects.filter(email_identity=identity_of(username)).first()
        if not password_matches(person, password) or person is None:
            return None
        return person if person.is_active and person.is_staff else None

"""Demo data of the embedded default: an app key, a person with contacts, staff, a device. Made once, then kept."""

import secrets
import uuid
from typing import Any

from django.conf import settings
from django.db import transaction

from api.apis.auth import services as auth
from api.apis.contacts import services as contacts
from api.apis.onboarding import services as onboarding
from api.apis.users import services as users
from api.management import seed
from api.models import ActorKind, AppKey, Channel, Device, Platform, User
from api.models.base import identity_of
from api.platform import callers, device_keys, factors, memberships
from api.platform.callers import Caller
from api.platform.keys import b64url

APP_KEY_ID = "demo-app"
# One install of the demo device, so that a second start finds it.
INSTALL_ID = uuid.UUID("00000000-0000-4000-8000-00000000d3a0")
_OWNER = "ada@example.com"
STAFF = "staff@example.com"
_PEOPLE = (
    ("Grace", "Hopper", "grace.hopper@example.com", "Navy"),
    ("Alan", "Turing", "alan@example.com", "Bletchley Park"),
    ("Katherine", "Johnson", "katherine@example.com", "NASA"),
    ("Edsger", "Dijkstra", "edsger@example.com", "Technische Universiteit"),
    ("Barbara", "Liskov", "barbara@example.com", "MIT"),
)


def prepare() -> dict[str, Any]:
    """Makes what is missing and returns what `var/demo.json` holds."""
    password = settings.DEMO_PASSWORD
    app_key = _app_key()
    _person(_OWNER, password, first_name="Ada", last_name="Lovelace")
    _person(STAFF, password, first_name="Sam", last_name="Staff", is_staff=True)
    _device(app_key)
    if settings.DEMO_SEED:
        seed.fill(seed.SIZES["small"])
    totp_secret = second_factor(STAFF)
    base_url = f"http://localhost:{settings.PORT}"
    docs_url = f"{base_url}/{settings.API_DOCS_PATH}docs/" if settings.API_DOCS_ENABLED else None
    return {
        "base_url": base_url,
        "app_key": {"id": app_key.key_id, "secret": b64url(device_keys.app_secret(app_key))},
        "logins": [
            {"email": _OWNER, "password": password, "role": "owner"},
            {"email": STAFF, "password": password, "role": "staff", "totp_secret": totp_secret},
        ],
        "cms_url": f"{base_url}/{settings.CMS_PATH}",
        "docs_url": docs_url,
    }


def _app_key() -> AppKey:
    key = AppKey.objects.filter(key_id=APP_KEY_ID).first()
    if key is None:
        key, _ = onboarding.create_app_key(callers.command("demo"), key_id=APP_KEY_ID, platform=Platform.OTHER)
    return key


@transaction.atomic
def _person(email: str, password: str, *, is_staff: bool = False, **profile: str) -> None:
    if User.objects.filter(email_identity=identity_of(email)).exists():
        return
    person = users.create_person(callers.command("demo"), email=email, password=password, profile=profile)
    if is_staff:
        users.promote_to_superuser(callers.command("demo"), user_id=person.id)
        return
    caller = Caller(
        kind=ActorKind.COMMAND,
        channel=Channel.CLI,
        user_id=person.id,
        memberships=memberships.of_person(person.id),
    )
    for first_name, last_name, address, company in _PEOPLE:
        values = {"first_name": first_name, "last_name": last_name, "company": company}
        contacts.create_contact(
            caller, organization=None, contact_id=None, values=values, primaries={"emails": address}
        )


def second_factor(email: str) -> str | None:
    """The secret of somebody's authenticator app, set up if they have no second factor at all."""
    person = User.objects.get(email_identity=identity_of(email))
    if not factors.has_any(person):
        return auth.set_up_totp(callers.command("demo"), user_id=person.id)
    return factors.totp_secret_of(person)


def _device(app_key: AppKey) -> None:
    if Device.objects.filter(install_id=INSTALL_ID).exists():
        return
    enrol_key = secrets.token_bytes(32)
    key, _ = onboarding.register_device(
        callers.command("demo"),
        app_key=app_key,
        install_id=INSTALL_ID,
        enrol_key=enrol_key,
        public_key=None,
        key_proof=None,
        details={"platform": Platform.OTHER, "name": "Demo device"},
    )
    auth.device_tokens(callers.command("demo"), device_id=key.device.id, details={})

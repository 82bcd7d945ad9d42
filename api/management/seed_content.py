"""What made-up groups hold, made through the services, so that all of it can be searched, opened and called: contacts with
tags and pictures, an API key, notes of staff; and who is asked in, and told.
"""

import math
import os
import struct
import uuid
import zlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from api.apis.api_keys import services as api_keys
from api.apis.auth import services as auth
from api.apis.contacts import services as contacts
from api.apis.images import services as images
from api.apis.tags import services as tags
from api.management.seed_names import FIRST, LAST
from api.models import ActorKind, Channel, Invitation, Notification, Organization, OrganizationKind, Role
from api.models.base import uuid7
from api.platform import callers, memberships
from api.platform.callers import Caller

_GROUPS = 6
CONTACTS = 24  # of each group
PICTURES = 2
_TAGS = ("Customer", "Supplier", "VIP", "Newsletter", "To call", "Berlin")
_TITLES = ("Hills at dawn", "The old harbour", "Evening fields", "First snow", "The lake", "Dunes")
_NOTES = ("Called: the new phone is set up.", "Prefers to be written to.", "Asked for an invoice in English.")
_WIDTH, _HEIGHT = 240, 160


def furnish_some() -> None:
    """Fills the newest groups, with which lists begin."""
    groups = Organization.objects.filter(kind=OrganizationKind.GROUP, owner__is_active=True, owner__is_guest=False)
    for number, group in enumerate(groups.order_by("-created_at", "-id")[:_GROUPS]):
        _furnish(group, number)


def _furnish(organization: Organization, number: int) -> None:
    """Fills an organization; `number` makes it another than the one before."""
    caller = Caller(
        kind=ActorKind.COMMAND,
        channel=Channel.CLI,
        user_id=organization.owner_id,
        memberships=memberships.of_person(organization.owner_id),
    )
    made = _contacts(caller, organization, number)
    for index in range(PICTURES):
        _picture(caller, organization, made[index], number * PICTURES + index)
    if organization.kind == "group":
        api_keys.create_key(
            caller, organization=organization.slug, name="Nightly sync", scopes=["contacts:read"], expires_at=None
        )
        _invitations(organization, number)
    auth.write_note(callers.command("seed"), user_id=organization.owner_id, text=_NOTES[number % len(_NOTES)])
    _notifications(organization.owner_id)


@transaction.atomic
def _contacts(caller: Caller, organization: Organization, number: int) -> Sequence[uuid.UUID]:
    made = []
    for index in range(CONTACTS):
        first, last = FIRST[(number * 5 + index * 3) % len(FIRST)], LAST[(number * 11 + index * 7) % len(LAST)]
        address = f"{first}.{last}.{number}@example.org".lower()
        values = {
            "first_name": first,
            "last_name": last,
            "company": f"{LAST[(number + index) % len(LAST)]} & Co." if index % 3 else "",
            # Of a range of numbers that nobody has.
            "phone_numbers": [{"label": "mobile", "value": f"+4479469{number:02}{index:03}", "is_primary": True}],
        }
        contact_id, _ = contacts.create_contact(
            caller, organization=organization.slug, contact_id=None, values=values, primaries={"emails": address}
        )
        chosen = [_TAGS[index % len(_TAGS)], *([_TAGS[number % len(_TAGS)]] if index % 4 == 0 else [])]
        tags.assign(
            caller,
            organization=organization.slug,
            app_label="contacts",
            model="contact",
            name=str(contact_id),
            tags=list(dict.fromkeys(chosen)),
        )
        made.append(contact_id)
    return made


def _picture(caller: Caller, organization: Organization, contact_id: uuid.UUID, number: int) -> None:
    """An image with its objects, on a contact."""
    title = _TITLES[number % len(_TITLES)]
    values = {"title": title, "description": "Drawn, not photographed.", "alt_text": f"{title}: hills below a sun"}
    draft = images.prepare_image(
        caller, organization=organization.slug, uid=None, values=values, content=_drawn(number)
    )
    image_id, _ = images.create_image(caller, draft)
    images.attach(caller, images.Place(organization.slug, "contacts", "contact", str(contact_id)), [image_id])


def _invitations(organization: Organization, number: int) -> None:
    """Rows that nobody is mailed about."""
    now = timezone.now()
    for index, role in enumerate((Role.MEMBER, Role.ADMIN)):
        email = f"asked.{number}.{index}@example.net"
        Invitation.objects.create(
            organization=organization,
            email=email,
            email_identity=email,
            role=role,
            salt=os.urandom(16),
            live_digest=os.urandom(32),
            invited_by_id=organization.owner_id,
            sent_at=now - timedelta(days=index),
            expires_at=now + timedelta(days=7 - index),
        )


def _notifications(user_id: uuid.UUID) -> None:
    now = timezone.now()
    told: list[dict[str, Any]] = [
        {"type": "auth.new_device", "data": {}, "read_at": now},
        {"type": "auth.password_changed", "data": {}, "read_at": None},
    ]
    Notification.objects.bulk_create(Notification(id=uuid7(), recipient_id=user_id, **each) for each in told)


def _drawn(number: int) -> bytes:
    """A small landscape as PNG."""
    hue = number * 0.9
    sky = [round(150 + 80 * math.sin(hue + shift)) for shift in (0.0, 1.1, 2.0)]
    land = [round(90 + 60 * math.sin(hue + shift + 2.5)) for shift in (0.0, 1.1, 2.0)]
    sun_x, sun_y = _WIDTH * (1 + number % 3) // 4, _HEIGHT * 0.3
    hills = [_HEIGHT * (0.62 + 0.1 * math.sin(x / 31 + number) + 0.05 * math.sin(x / 11)) for x in range(_WIDTH)]
    rows = bytearray()
    for y in range(_HEIGHT):
        above = bytes(round(part * (1 - 0.35 * y / _HEIGHT)) for part in sky)
        below = bytes(round(part * (1.2 - 0.6 * y / _HEIGHT)) for part in land)
        row = bytearray(b"".join(below if y > hill else above for hill in hills))
        half = round(math.sqrt(max(0, 18**2 - (y - sun_y) ** 2)))
        row[3 * (sun_x - half) : 3 * (sun_x + half)] = b"\xff\xec\xb3" * (2 * half)
        rows += b"\0" + row  # no filter
    header = struct.pack(">IIBBBBB", _WIDTH, _HEIGHT, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )

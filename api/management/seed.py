"""Made-up rows, many of them and always the same: people with devices, sessions, organizations and groups, some of which
hold contacts, tags and pictures, and the figures of a year. For the embedded default, so that every page of the CMS has something to show, and to measure big tables.

Rows are written in bulk, past the services: nobody can sign in as these people, who have addresses of `example.net` and
no passwords.
"""

import random
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from django.db import models, transaction
from django.utils import timezone

from api.apis.onboarding import services as onboarding
from api.management import seed_content
from api.management.seed_figures import figures
from api.management.seed_names import FIRST, LAST
from api.models import (
    ActorKind,
    AppKey,
    AuditEntry,
    Channel,
    Device,
    EndReason,
    Figure,
    MailedProof,
    Membership,
    Organization,
    OutboxMessage,
    Outcome,
    Platform,
    ProofPurpose,
    Role,
    Session,
    User,
    WaitingListEntry,
)
from api.models.base import identity_of
from api.platform import audit_chain, callers
from api.platform.statements import insert_values


class Size(NamedTuple):
    people: int
    devices: int
    groups: int


SIZES = {"small": Size(2_000, 3_000, 80), "large": Size(1_000_000, 2_000_000, 20_000)}

_KEYS = (("seed-ios", Platform.IOS), ("seed-android", Platform.ANDROID), ("seed-web", Platform.WEB))
_VALUES_AT_ONCE = 30_000  # of one statement: SQLite binds no more than 32,766
_YEAR_DAYS = 365
_GROUPS = ("Studio", "Clinic", "Bakery", "Workshop", "Agency", "School", "Garage", "Practice", "Club", "Foundation")
_MODELS = {
    Platform.IOS: (("iPhone 15", "18.5"), ("iPhone 16 Pro", "19.1"), ("iPhone SE", "18.7"), ("iPad Air", "19.0")),
    Platform.ANDROID: (("Pixel 9", "16"), ("Galaxy S24", "15"), ("Fairphone 5", "15"), ("Xperia 1", "14")),
    Platform.WEB: (("Firefox", "144"), ("Chrome", "142"), ("Safari", "19")),
}
_ACTIONS = (
    ("auth.signed_in", ActorKind.USER, Outcome.SUCCESS),
    ("user.profile_changed", ActorKind.USER, Outcome.SUCCESS),
    ("auth.sign_in_failed", ActorKind.ANONYMOUS, Outcome.REFUSED),
    ("user.created", ActorKind.DEVICE, Outcome.SUCCESS),
)
_ZONES = (
    "Europe/Berlin",
    "Europe/Lisbon",
    "America/New_York",
    "America/Sao_Paulo",
    "Asia/Tokyo",
    "Africa/Lagos",
    "UTC",
)


def is_seeded() -> bool:
    return AppKey.objects.filter(key_id=_KEYS[0][0]).exists()


def fill(size: Size) -> bool:
    """Writes the rows of a size, unless there are made-up rows already; returns whether it did."""
    if is_seeded():
        return False
    with transaction.atomic():
        _Seed(size).write()
    seed_content.furnish_some()  # pictures are stored before the rows that name them are committed
    return True


class _Seed:
    def __init__(self, size: Size) -> None:
        self.size = size
        self.dice = random.Random(size.people)  # noqa: S311 -- made-up rows, the same every time
        self.now = timezone.now()

    def write(self) -> None:
        self.keys = [
            onboarding.create_app_key(callers.command("seed"), key_id=key_id, platform=platform)[0]
            for key_id, platform in _KEYS
        ]
        everybody = range(self.size.people)
        _insert(User, map(self._person, everybody))
        _insert(Organization, map(self._personal, everybody))
        _insert(Membership, (self._membership(index, self._own(index), Role.OWNER) for index in everybody))
        self._write_groups()
        _insert(Device, map(self._device, range(self.size.devices)))
        _insert(Session, (made for index in range(self.size.devices) if (made := self._session(index))))
        _insert(MailedProof, map(self._request, range(40)))
        _insert(WaitingListEntry, map(self._waiting, range(60)))
        _insert(OutboxMessage, map(self._message, range(400)))
        _insert_entries(map(self._entry, range(300)))
        _insert(Figure, figures(self.size.people, self.size.devices, now=self.now, dice=self.dice))

    # Each moment, id and name follows from a number, so that nothing has to be kept or read again.

    def _joined(self, index: int) -> datetime:
        """More and more, over a year."""
        share: float = ((index + 0.5) / self.size.people) ** 0.6
        return self.now - timedelta(days=_YEAR_DAYS) * (1 - share)

    def _person_id(self, index: int) -> uuid.UUID:
        return _id(self._joined(index), index * 4)

    def _own(self, index: int) -> uuid.UUID:
        """The personal organization of a person."""
        return _id(self._joined(index), index * 4 + 1)

    def _registered(self, index: int) -> datetime:
        return self._joined(index * self.size.people // self.size.devices)

    def _device_id(self, index: int) -> uuid.UUID:
        return _id(self._registered(index), index * 4 + 2)

    def _names(self, index: int) -> tuple[str, str, str]:
        first, last = FIRST[index % len(FIRST)], LAST[index * 7 % len(LAST)]
        return first, last, f"{first}.{last}{index}".lower()

    def _person(self, index: int) -> User:
        first, last, username = self._names(index)
        joined, is_guest = self._joined(index), index % 11 == 10
        email = None if is_guest else f"{username}@example.net"
        return User(
            id=self._person_id(index),
            email=email,
            email_identity=email,
            username=username,
            username_identity=username,
            first_name="" if is_guest else first,
            last_name="" if is_guest else last,
            password="!seed",  # noqa: S106 -- no password has this hash
            is_guest=is_guest,
            is_active=index % 97 != 96,
            is_email_confirmed=not is_guest and index % 9 != 8,
            time_zone=_ZONES[index % len(_ZONES)],
            last_login=min(self.now, joined + timedelta(days=index % 60)),
            created_at=joined,
            updated_at=joined,
            date_joined=joined,
        )

    def _personal(self, index: int) -> Organization:
        _, _, username = self._names(index)
        joined = self._joined(index)
        return Organization(
            id=self._own(index),
            name=username,
            slug=identity_of(f"{username.replace('.', '-')}-aaaaaa"),
            kind="personal",
            owner_id=self._person_id(index),
            personal_of_id=self._person_id(index),
            created_at=joined,
            updated_at=joined,
        )

    def _membership(self, index: int, organization_id: uuid.UUID, role: Role) -> Membership:
        return Membership(
            user_id=self._person_id(index),
            organization_id=organization_id,
            role=role,
            created_at=self._joined(index),
            updated_at=self._joined(index),
        )

    def _write_groups(self) -> None:
        groups, members = [], []
        for index in range(self.size.groups):
            at = self._joined(index * self.size.people // self.size.groups)
            name = f"{LAST[index * 3 % len(LAST)]} {_GROUPS[index % len(_GROUPS)]}"
            group_id = _id(at, index * 4 + 3)
            chosen = self.dice.sample(range(self.size.people), 2 + index % 9)
            groups.append(
                Organization(
                    id=group_id,
                    name=name,
                    slug=f"{name.replace(' ', '-')}-{index:06d}".lower(),
                    kind="group",
                    owner_id=self._person_id(chosen[0]),
                    created_at=at,
                    updated_at=at,
                )
            )
            roles = [Role.OWNER, Role.ADMIN, *[Role.MEMBER] * len(chosen)]
            members += [self._membership(key, group_id, role) for key, role in zip(chosen, roles, strict=False)]
        _insert(Organization, groups)
        _insert(Membership, members)

    def _device(self, index: int) -> Device:
        key, at = self.keys[min(index % 10 // 4, 2)], self._registered(index)
        platform = Platform(key.platform)
        models_of = _MODELS[platform]
        model, os_version = models_of[index // 10 % len(models_of)]
        is_used, is_revoked = index % 40 != 39, index % 60 == 59
        seen = max(at, self.now - timedelta(hours=(index * 37) % (24 * 45))) if is_used else None
        return Device(
            id=self._device_id(index),
            install_id=_id(at, index * 4 + 2, version=4),
            enrol_digest=index.to_bytes(32),
            app_key=key,
            algorithm="hmac-sha256",
            platform=platform,
            app_version=f"{2 + index % 3}.{index % 7}.0",
            build=200 + index % 80,
            os_version=os_version,
            model=model,
            locale="en",
            time_zone=_ZONES[index % len(_ZONES)],
            activated_at=at if is_used else None,
            last_seen_at=seen,
            last_address=f"203.0.113.{index % 250 + 1}" if is_used else None,
            revoked_at=seen or at if is_revoked else None,
            revocation_reason="Lost" if is_revoked else "",
            created_at=at,
            updated_at=seen or at,
        )

    def _session(self, index: int) -> Session | None:
        """That of a device's person; over where the device is revoked."""
        if index % 40 == 39:
            return None
        at, is_over = self._registered(index), index % 60 == 59
        seen = max(at, self.now - timedelta(hours=(index * 37) % (24 * 25)))
        return Session(
            id=_id(at, index * 4 + 3, version=7),
            device_id=self._device_id(index),
            live_device_id=None if is_over else self._device_id(index),
            user_id=self._person_id(index * self.size.people // self.size.devices),
            auth_time=at,
            refreshed_at=seen,
            opened_by="sign_in",
            address=f"203.0.113.{index % 250 + 1}",
            created_at=at,
            updated_at=seen,
            ended_at=seen if is_over else None,
            end_reason=EndReason.DEVICE_REVOKED if is_over else "",
        )

    def _request(self, index: int) -> MailedProof:
        person = (self.size.people - 1 - index * 2) % self.size.people
        email, at = f"{self._names(person)[2]}@example.net", self.now - timedelta(hours=index * 0.5)
        return MailedProof(
            purpose=(ProofPurpose.EMAIL_CONFIRM, ProofPurpose.PASSWORD_RESET)[index % 2],
            salt=index.to_bytes(16),
            email=email,
            email_identity=email,
            user_id=self._person_id(person),
            created_at=at,
            expires_at=at + timedelta(hours=24),
            used_at=at + timedelta(minutes=3) if index % 3 == 0 else None,
        )

    def _waiting(self, index: int) -> WaitingListEntry:
        email = f"soon.{FIRST[index % len(FIRST)]}{index}@example.net".lower()
        return WaitingListEntry(email=email, email_identity=email, created_at=self.now - timedelta(hours=index * 11))

    def _message(self, index: int) -> OutboxMessage:
        at, is_failed = self.now - timedelta(minutes=index * 20), index % 50 == 49
        return OutboxMessage(
            id=_id(at, index * 4),
            task=("auth.mail_proof", "auth.sweep", "orgs.mail_invitation", "audit.seal")[index % 4],
            created_at=at,
            due_at=None,
            attempts=10 if is_failed else 1,
            last_error="MailNotTaken: the server answered 451" if is_failed else "",
            done_at=None if is_failed else at + timedelta(seconds=2),
            failed_at=at + timedelta(hours=3) if is_failed else None,
        )

    def _entry(self, index: int) -> dict[str, Any]:
        action, kind, outcome = _ACTIONS[index % len(_ACTIONS)]
        person = (self.size.people - 1 - index) % self.size.people
        return {
            "at": self.now - timedelta(minutes=(300 - index) * 45),
            "action": action,
            "outcome": outcome,
            "channel": Channel.API,
            "actor_kind": kind,
            "actor_id": "" if kind is ActorKind.ANONYMOUS else str(self._person_id(person)),
            "target_kind": "user",
            "target_id": str(self._person_id(person)),
            "address": f"203.0.113.{index % 250 + 1}",
            "request_id": str(_id(self.now, index)),
        }


def _id(at: datetime, number: int, *, version: int = 7) -> uuid.UUID:
    """An identifier of a moment; other numbers make others."""
    # Odd, so that no two numbers below 2**62 have one product.
    spread = (number * 0x9E3779B97F4A7C15F39D) % 2**62
    return uuid.UUID(int=int(at.timestamp() * 1000) << 80 | version << 76 | 0x2 << 62 | spread)


def _insert(model: type[models.Model], rows: Iterable[Any]) -> None:
    """As they are, with their own times: no `save` and no `auto_now` looks at them."""
    names = [field.attname for field in model._meta.concrete_fields if not field.generated]
    for batch in _batches(rows, _VALUES_AT_ONCE // len(names)):
        insert_values(model, [{name: getattr(row, name) for name in names} for row in batch])


def _insert_entries(entries: Iterable[dict[str, Any]]) -> None:
    for batch in _batches(entries, 500):
        insert_values(AuditEntry, [audit_chain.committed(facts) for facts in batch])


def _batches(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    rows = iter(rows)
    while batch := list(islice(rows, size)):
        yield batch

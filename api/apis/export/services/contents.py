"""What an export has: of an organization, and of a person. All that is not named here stays out, secrets first of all."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, Q, Sum

from api.apis.export.services.tables import Row, Table, chunks_of, same
from api.models import (
    ActorKind,
    ApiKey,
    AuditEntry,
    Contact,
    Device,
    Image,
    ImageLink,
    Invitation,
    Membership,
    Notification,
    Organization,
    Session,
    SocialIdentity,
    Tag,
    TagLink,
    User,
)
from api.platform import avatars, images

_TIMES = ("created_at", "updated_at")
_CONTACT = same(
    *("id", "slug", "display_name", "first_name", "last_name", "company", "title", "emails"),
    *("phone_numbers", "addresses", "birth_date", "location", "website", "notes", "custom_fields", "avatar", "version"),
    *_TIMES,
    creator="creator__username",
)
_IMAGE = same(
    *("id", "uid", "title", "description", "alt_text", "media_type", "width", "height"),
    *("size_bytes", "dominant_color", "thumbhash", "version"),
    *_TIMES,
    creator="creator__username",
)
_LINK = same("uid", "kind", "object_id", "created_at")
_WHERE = same("organization_id")
_AUDIT = same(
    *("id", "at", "action", "outcome", "channel", "actor_kind", "actor_id", "on_behalf_of", "target_kind", "target_id"),
    *("address", "device_id", "request_id", "changes", "reason"),
)
# Of what staff did it is not told who did it from where, and why.
_AUDIT_OF_STAFF = {name: column for name, column in _AUDIT.items() if name not in {"actor_id", "address", "reason"}}
_BY_CREATION = ("created_at", "id")
_BY_CHANGE = ("change_seq", "id")


class Object(NamedTuple):
    """A file of the archive, and the object of the storage that it is."""

    path: str
    name: str


class Contents(NamedTuple):
    """What goes into an archive: tables, and objects, whose sizes some of the tables know."""

    whose: str
    tables: list[Table]
    objects: Callable[[str], Iterator[Object]]
    object_bytes: Callable[[str], int]


def of_organization(organization_id: uuid.UUID) -> Contents:
    own: Mapping[str, Any] = {"organization_id": organization_id}
    members = User.objects.filter(memberships__organization_id=organization_id)
    living = Contact.objects.filter(**own, deleted_at=None)
    pictures = Image.objects.filter(**own)
    trail = AuditEntry.objects.filter(**own)
    tables = [
        Table(
            "organization",
            "The organization itself.",
            same("id", "slug", "name", "kind", "version", *_TIMES, owner="owner__username"),
            [Organization.objects.filter(id=organization_id)],
        ),
        Table(
            "memberships",
            "Who belongs to it, in which role.",
            same("id", "role", "user_id", joined_at="created_at"),
            [Membership.objects.filter(**own)],
        ),
        Table("users", "The people who belong to it.", same("id", "username", "avatar"), [members]),
        Table("contacts", "Contacts that are not deleted.", _CONTACT, [living], _BY_CREATION),
        Table(
            "tags", "Tags.", same("id", "uid", "name", "slug", "color", "version", *_TIMES), [Tag.objects.filter(**own)]
        ),
        Table(
            "tag_relations",
            "What each tag is put on: `kind` and `object_id` name it.",
            {**_LINK, "tag_id": "tag_id"},
            [TagLink.objects.filter(**own)],
            _BY_CHANGE,
        ),
        Table("images", "Images; the file of each is `images/<id>/…`.", _IMAGE, [pictures], _BY_CREATION),
        Table(
            "image_relations",
            "What each image is put on, at which place.",
            {**_LINK, **same("image_id", "position", "is_cover", "title", "description", "alt_text")},
            [ImageLink.objects.filter(**own)],
            _BY_CHANGE,
        ),
        Table(
            "invitations",
            "Addresses that were asked to join.",
            same("id", "email", "role", "state", "sent_at", "expires_at", *_TIMES, invited_by="invited_by__username"),
            [Invitation.objects.filter(**own)],
        ),
        Table(
            "api_keys",
            "Keys of services, without what they prove themselves by.",
            same(
                *("id", "name", "prefix", "scopes", "expires_at", "revoked_at", "last_used_at", *_TIMES),
                holder="holder__username",
            ),
            [ApiKey.objects.filter(**own)],
        ),
        Table("audit", "What was done here, oldest first.", _AUDIT, [trail.exclude(actor_kind=ActorKind.STAFF)]),
        Table("audit_of_staff", "What our staff did.", _AUDIT_OF_STAFF, [trail.filter(actor_kind=ActorKind.STAFF)]),
    ]
    return Contents("organization", tables, _objects(members, living, pictures), _bytes_of(pictures))


def of_person(person_id: uuid.UUID) -> Contents:
    """What is known about a person, and what they made where they still belong to."""
    me: Mapping[str, Any] = {"user_id": person_id}
    belongs = Exists(Membership.objects.filter(**me, organization_id=OuterRef("organization_id")))
    made = Contact.objects.filter(belongs, creator_id=person_id, deleted_at=None)
    personal = Image.objects.filter(organization__personal_of_id=person_id)
    elsewhere = Image.objects.filter(belongs, creator_id=person_id).exclude(organization__personal_of_id=person_id)
    did = Q(actor_id=str(person_id))
    about = AuditEntry.objects.filter(target_kind="user", target_id=str(person_id)).exclude(did)
    profile = same(
        *("id", "email", "username", "first_name", "last_name", "phone_number", "birth_date", "location", "about"),
        *("avatar", "preferred_language", "preferred_theme", "time_zone", "notification_preferences"),
        *("has_finished_onboarding", "is_email_confirmed", "is_guest", "date_joined", "updated_at"),
    )
    device = same(
        "id", "platform", "app_version", "os_version", "model", "name", "locale", "time_zone", "region", *_TIMES
    )
    session = same(
        *("id", "device_id", "amr", "auth_time", "refreshed_at", "address", "ended_at", "end_reason", "device_name"),
        *("app_version", "os_version", "created_at"),
    )
    tables = [
        Table("profile", "Your profile.", profile, [User.objects.filter(id=person_id)]),
        Table(
            "identities",
            "How you sign in elsewhere.",
            same("provider", "email", "created_at"),
            [SocialIdentity.objects.filter(**me)],
        ),
        Table(
            "devices",
            "Devices on which you have signed in.",
            device,
            [Device.objects.filter(Exists(Session.objects.filter(**me, device_id=OuterRef("id"))))],
        ),
        Table("sessions", "When you were signed in on them.", session, [Session.objects.filter(**me)]),
        Table(
            "memberships",
            "Where you belong to.",
            same("id", "role", "organization_id", joined_at="created_at", organization="organization__name"),
            [Membership.objects.filter(**me)],
        ),
        Table("contacts", "Contacts that you made, where you still belong to.", _CONTACT | _WHERE, [made]),
        Table(
            "images",
            "Images of your own organization, whose files are `images/<id>/…`, and those that you put elsewhere.",
            _IMAGE | _WHERE,
            [personal, elsewhere],
        ),
        Table(
            "notifications",
            "What you were told.",
            same("id", "type", "data", "read_at", *_TIMES),
            [Notification.objects.filter(recipient_id=person_id)],
        ),
        Table("audit", "What you did.", _AUDIT, [AuditEntry.objects.filter(did)]),
        Table("audit_about", "What others and our staff did to your account.", _AUDIT_OF_STAFF, [about]),
    ]
    return Contents(
        "person",
        tables,
        _objects(User.objects.filter(id=person_id), made, personal),
        _bytes_of(personal),
    )


def _objects(people: Any, living: Any, pictures: Any) -> Callable[[str], Iterator[Object]]:
    def objects(alias: str) -> Iterator[Object]:
        for folder, rows, keys in (("users", people, ("id",)), ("contacts", living, _BY_CREATION)):
            for row in _each(rows.exclude(avatar="").values(*keys, "avatar"), keys, alias):
                for name in avatars.objects_of(row["avatar"]):
                    yield Object(f"avatars/{folder}/{row['id']}/{_last(name)}", name)
        for row in _each(pictures.values(*_BY_CREATION, "name", "media_type"), _BY_CREATION, alias):
            name = images.original_of(row["name"], row["media_type"])
            yield Object(f"images/{row['id']}/{_last(name)}", name)

    return objects


def _each(rows: Any, keys: tuple[str, ...], alias: str) -> Iterator[Row]:
    for chunk in chunks_of(rows, keys, alias):
        for row in zip(*chunk.values(), strict=True):
            yield dict(zip(chunk, row, strict=True))


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _bytes_of(pictures: Any) -> Callable[[str], int]:
    return lambda alias: pictures.using(alias).aggregate(total=Sum("size_bytes"))["total"] or 0

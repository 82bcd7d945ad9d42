"""Making, naming and erasing organizations."""

import unicodedata
import uuid
from collections.abc import Collection
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from api.apis.orgs.services.ownership import locked_group, locked_organization, require_room, store
from api.exceptions import AccountRequired, InvalidInput, SignInRequired
from api.models import Contact, ContactTerm, Image, Membership, Organization, OrganizationKind, Role, User
from api.platform import audit, kinds, memberships, outbox
from api.platform.callers import Caller
from api.platform.ids import slug_for
from api.platform.transactions import transactional
from api.platform.versions import require_version

_ERASED_AT_ONCE = 500  # rows a transaction: nobody waits long for what an erasure has locked


@transactional
def create_personal_organization(caller: Caller, *, person: User) -> Organization:
    """A new person's own organization. A second one fails on its unique marker (IntegrityError)."""
    return _create(caller, name=person.username, owner_id=person.id, kind=OrganizationKind.PERSONAL)


@transactional
def create_group(caller: Caller, *, name: str) -> uuid.UUID:
    """The id of a new group whose owner is the caller. Raises SignInRequired, AccountRequired, TooManyOrganizations.

    Guests have none: a guest is gone with the phone, and a group has to keep its owner.
    """
    if caller.user_id is None:
        raise SignInRequired
    if caller.is_guest:
        raise AccountRequired
    User.objects.select_for_update().get(id=caller.user_id)  # several at once are counted one after the other
    require_room(caller.user_id)
    return _create(caller, name=name, owner_id=caller.user_id, kind=OrganizationKind.GROUP).id


def _create(caller: Caller, *, name: str, owner_id: uuid.UUID, kind: OrganizationKind) -> Organization:
    organization = Organization.objects.create(
        name=name,
        slug=_free_slug(name),
        kind=kind,
        owner_id=owner_id,
        personal_of_id=owner_id if kind == OrganizationKind.PERSONAL else None,
    )
    memberships.changing([owner_id])
    Membership.objects.create(user_id=owner_id, organization=organization, role=Role.OWNER)
    audit.record(
        caller,
        "org.created",
        target_kind="organization",
        target_id=organization.id,
        organization_id=organization.id,
        on_behalf_of=owner_id,
        changes={"kind": [None, kind]},
    )
    return organization


def _free_slug(name: str) -> str:
    """Two of one name may well draw the same suffix, where there are many of that name."""
    slug = slug_for(name)
    while Organization.objects.filter(slug=slug).exists():
        slug = slug_for(name)
    return slug


@transactional
def rename_organization(
    caller: Caller, *, organization: str, name: str, expected: Collection[int] | None = None
) -> uuid.UUID:
    """Names an organization otherwise and returns its id; its slug stays. Raises NotThere, Forbidden, VersionConflict."""
    renamed, _ = locked_organization(caller, organization, "org.update")
    require_version(renamed.version, expected)
    if renamed.name != name:
        told = {"name": [renamed.name, name]}
        renamed.name = name
        store(renamed, "name")
        _record(caller, renamed, "org.renamed", told)
    return renamed.id


@transactional
def delete_organization(
    caller: Caller, *, organization: str, name: str, expected: Collection[int] | None = None
) -> None:
    """Ends a group, whose name was typed to make sure: at once it is nobody's any more, and what it holds is erased
    afterwards. Raises NotThere, Forbidden, PersonalOrganization, VersionConflict, InvalidInput.
    """
    group, _ = locked_group(caller, organization, "org.delete")
    require_version(group.version, expected)
    if unicodedata.normalize("NFC", name) != group.name:
        raise InvalidInput.of("name", "mismatch", "This is not the organization's name.")
    members = Membership.objects.filter(organization=group)
    memberships.changing(list(members.values_list("user_id", flat=True)))
    members.delete()
    group.deleted_at = timezone.now()
    group.save(update_fields=["deleted_at", "updated_at"])
    outbox.enqueue("orgs.erase", {"organization_id": str(group.id)})
    _record(caller, group, "org.deleted", {"name": [group.name, None]})


def erase_organization(organization_id: uuid.UUID) -> None:
    """Erases a deleted organization with everything in it, in small steps; harmless when repeated."""
    contacts = Contact.objects.filter(organization_id=organization_id, organization__deleted_at__isnull=False)
    while ids := list(contacts.values_list("id", flat=True)[:_ERASED_AT_ONCE]):
        ContactTerm.objects.filter(contact_id__in=ids).delete()
        kinds.forget(kinds.CONTACT, ids)
        Contact.objects.filter(id__in=ids).delete()
    images = Image.objects.filter(organization_id=organization_id, organization__deleted_at__isnull=False)
    while _erase_some(images):
        pass
    Organization.objects.filter(id=organization_id, deleted_at__isnull=False).delete()


@transactional
def erase_personal_organization(user_id: uuid.UUID) -> None:
    """Deletes a person's own organization with everything in it; the person goes next. Harmless when repeated."""
    memberships.changing([user_id])
    while _erase_some(Image.objects.filter(organization__personal_of_id=user_id)):
        pass
    Organization.objects.filter(personal_of_id=user_id).delete()


@transactional
def _erase_some(images: QuerySet[Image]) -> bool:
    """Deletes some images; their objects in the store go once that is certain. False when there is none left."""
    some = list(images.values_list("id", "uid", "name")[:_ERASED_AT_ONCE])
    kinds.forget(kinds.IMAGE, [uid for _, uid, _ in some])
    Image.objects.filter(id__in=[number for number, _, _ in some]).delete()
    for *_, name in some:
        outbox.enqueue("images.discard", {"name": name})
    return bool(some)


def _record(caller: Caller, organization: Organization, action: str, told: dict[str, Any]) -> None:
    audit.record(
        caller,
        action,
        target_kind="organization",
        target_id=organization.id,
        organization_id=organization.id,
        changes=told,
    )

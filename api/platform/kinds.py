"""The kinds of objects that tags and images are put on: the one road from the names in an address to such an object.

Whatever hangs on objects inherits `ObjectLink`, carries the `kind` and the `object_id` of a `Target`, and goes with the
object by `forget`.
"""

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from django.db.models import Model

from api.exceptions import NotThere
from api.models import Contact, Image, Organization
from api.models.base import ObjectLink
from api.platform.ids import as_uuid


class Target(NamedTuple):
    """An object that something is put on, as links name it."""

    kind: str
    object_id: uuid.UUID
    organization_id: uuid.UUID


def by_slug_or_id(name: str) -> Mapping[str, Any] | None:
    """What an object is looked up by where slugs and UUIDs are public."""
    key = as_uuid(name)
    if key is not None:
        return {"id": key}
    return {"slug": name} if len(name) <= 100 and name.isascii() and name.isprintable() else None


_NUMBER = re.compile(r"[1-9][0-9]{0,17}")  # of a row: MySQL refuses to look for 0


def by_number(name: str) -> Mapping[str, Any] | None:
    """The same where the public identifier is an integer."""
    return {"id": int(name)} if _NUMBER.fullmatch(name) else None


class Kind(NamedTuple):
    """`named` says what a public identifier is looked up by, None for what nobody has; `organization` is the column that
    says whose an object is, `uid` the one of its UUID; a column of `absent_since` is null while it is there.
    """

    model: type[Model]
    named: Callable[[str], Mapping[str, Any] | None] = by_slug_or_id
    organization: str = "organization_id"
    uid: str = "id"
    absent_since: str | None = "deleted_at"


CONTACT = "contacts/contact"
IMAGE = "images/image"
# `<app_label>/<model>` as addresses spell it -> what it means. One line registers another.
KINDS: Mapping[str, Kind] = {
    CONTACT: Kind(Contact),
    "organizations/organization": Kind(Organization, organization="id"),
    IMAGE: Kind(Image, by_number, uid="uid", absent_since=None),
}


_NOBODY = uuid.UUID(int=0)


def target_of(organization_id: uuid.UUID, app_label: str, model: str, name: str) -> Target:
    """The object of an organization that an address names. Raises NotThere, in the same way for a kind that is not
    registered, for an object that is somebody else's, and for one that is not there.

    A service asks once it has locked the organization: the object is there until its transaction ends.
    """
    called = f"{app_label}/{model}"
    kind = KINDS.get(called)
    identifier = kind.named(name) if kind is not None else None
    if kind is None or identifier is None:  # refused as slowly: asked for nobody
        kind, identifier = KINDS[CONTACT], {"id": _NOBODY}
    there = {kind.absent_since: None} if kind.absent_since else {}
    rows = kind.model._default_manager.filter(**identifier).filter(**{kind.organization: organization_id}, **there)
    object_id = rows.values_list(kind.uid, flat=True).first()
    if object_id is None:
        raise NotThere
    return Target(called, object_id, organization_id)


def forget(kind: str, object_ids: Sequence[uuid.UUID]) -> None:
    """Deletes what hangs on objects that are deleted for good."""
    for links in ObjectLink.__subclasses__():
        links._default_manager.filter(kind=kind, object_id__in=object_ids).delete()

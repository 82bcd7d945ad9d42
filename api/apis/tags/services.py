"""Changing tags, and putting them on objects. Each change locks the organization first, and moves its count."""

import re
import unicodedata
import uuid
from collections.abc import Collection, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.db.models import F

from api.apis.orgs import selectors as orgs
from api.apis.tags.selectors import tag_key
from api.exceptions import ApiError, IdConflict, InvalidInput, NotThere
from api.models import Tag, TagLink
from api.models.base import identity_of, uuid7
from api.platform import audit, changes, kinds
from api.platform.callers import Caller
from api.platform.kinds import Target
from api.platform.transactions import transactional
from api.platform.versions import require_version

NAME_MAX_CHARS = 50
NAMES_AT_ONCE = 50
_IDENTITY_MAX_BYTES = 240  # some signs are as long as a sentence once they are taken apart
TAGS_ON_AN_OBJECT_MAX = 100  # every row of a list comes with all of its tags


class TagExists(ApiError):
    """The organization has a tag of this name, whatever its capitals."""

    status = HTTPStatus.CONFLICT
    code = "tag_exists"
    title = "There is a tag of this name"
    remedy = "Take the tag that is there."


class TooManyTags(ApiError):
    """An object has at most a hundred tags."""

    status = HTTPStatus.CONFLICT
    code = "too_many_tags"
    title = "The object has too many tags"
    remedy = "Take one off first."


@transactional
def create_tag(
    caller: Caller, *, organization: str, name: str, color: str | None = None, uid: uuid.UUID | None = None
) -> tuple[int, bool]:
    """A new tag's id, and whether this call made it: the repeat of a creation under the client's uid finds it made.

    Raises NotThere, Forbidden, InvalidInput, TagExists, IdConflict.
    """
    organization_id = orgs.organization_id_of(caller, organization, "tags.write")
    change_seq = _lock(caller, organization_id)
    identity = _identity_of(name)
    made = Tag.objects.filter(uid=uid).first() if uid else None
    if made is not None:
        if (made.organization_id, made.name_identity, made.color) != (organization_id, identity, (color or "").lower()):
            raise IdConflict
        return made.id, False
    if Tag.objects.filter(organization_id=organization_id, name_identity=identity).exists():
        raise TagExists
    (tag,) = _make(caller, organization_id, [name], change_seq, color=color, uid=uid)
    changes.move(organization_id, after=change_seq)
    return tag.id, True


@transactional
def update_tag(
    caller: Caller,
    *,
    organization: str,
    tag: str,
    values: Mapping[str, Any],
    expected: Collection[int] | None = None,
) -> int:
    """Changes `name` or `color` of a tag and returns its id. Raises NotThere, Forbidden, VersionConflict, TagExists,
    InvalidInput.
    """
    changed, change_seq = _locked(caller, organization, tag)
    require_version(changed.version, expected)
    before = {"name": changed.name, "color": changed.color}
    changed.name = values.get("name", changed.name)
    changed.color = (values.get("color", changed.color) or "").lower()
    told = {
        field: [before[field], getattr(changed, field)] for field in before if before[field] != getattr(changed, field)
    }
    if not told:
        return changed.id
    if "name" in told:
        changed.name_identity = _identity_of(changed.name)
        others = Tag.objects.filter(organization_id=changed.organization_id).exclude(id=changed.id)
        if others.filter(name_identity=changed.name_identity).exists():
            raise TagExists
        (changed.slug,) = _free_slugs(changed.organization_id, [changed.name], but=changed.id)
    changed.version += 1
    changed.change_seq = changes.move(changed.organization_id, after=change_seq)
    changed.save(update_fields=["name", "name_identity", "slug", "color", "version", "change_seq", "updated_at"])
    _record(caller, changed, "tag.updated", told)
    return changed.id


@transactional
def delete_tag(caller: Caller, *, organization: str, tag: str, expected: Collection[int] | None = None) -> None:
    """Deletes a tag, and takes it off everything. Raises NotThere, Forbidden, VersionConflict."""
    deleted, change_seq = _locked(caller, organization, tag)
    require_version(deleted.version, expected)
    changes.move(deleted.organization_id, after=change_seq)
    _record(caller, deleted, "tag.deleted", {"name": [deleted.name, None]})
    deleted.delete()


@transactional
def assign(caller: Caller, *, organization: str, app_label: str, model: str, name: str, tags: Sequence[str]) -> Target:
    """Puts tags on an object, by their names; those that are missing are made. What is there already stays.

    Raises NotThere, Forbidden, InvalidInput, TooManyTags.
    """
    organization_id = orgs.organization_id_of(caller, organization, "tags.write")
    change_seq = _lock(caller, organization_id)
    target = kinds.target_of(organization_id, app_label, model, name)
    put_on(caller, [target], tags, change_seq)
    return target


def put_on(caller: Caller, targets: Sequence[Target], names: Sequence[str], change_seq: int) -> int:
    """Puts tags on objects of one organization, which is locked at this count of changes; returns the count moved.

    Raises InvalidInput, TooManyTags.
    """
    organization_id = targets[0].organization_id
    wanted: dict[str, str] = {}
    for at, name in enumerate(names):
        wanted.setdefault(_identity_of(name, field=str(at)), name)
    known = _by_identity(organization_id, wanted)
    missing = [name for identity, name in wanted.items() if identity not in known]
    count = change_seq
    for made in _make(caller, organization_id, missing, count):
        known[made.name_identity] = made.id
        count += 1
    for target in targets:
        links = TagLink.objects.filter(kind=target.kind, object_id=target.object_id)
        present = set(links.values_list("tag_id", flat=True))
        new = [known[identity] for identity in wanted if known[identity] not in present]
        if new and len(present) + len(new) > TAGS_ON_AN_OBJECT_MAX:
            raise TooManyTags
        TagLink.objects.bulk_create(
            TagLink(tag_id=tag_id, change_seq=count + number, **target._asdict())
            for number, tag_id in enumerate(new, 1)
        )
        count += len(new)
        if new:
            _record_on(caller, target, "tag.assigned", [None, sorted(wanted.values())])
    if count > change_seq:
        changes.move(organization_id, after=count - 1)
    return count


@transactional
def take_off(caller: Caller, *, organization: str, app_label: str, model: str, name: str, tag_slug: str) -> None:
    """Takes a tag off an object. Raises NotThere (for one that is not on it, too), Forbidden."""
    organization_id = orgs.organization_id_of(caller, organization, "tags.write")
    change_seq = _lock(caller, organization_id)
    target = kinds.target_of(organization_id, app_label, model, name)
    slug = tag_slug if tag_slug.isascii() else ""
    link = TagLink.objects.filter(kind=target.kind, object_id=target.object_id, tag__slug=slug[:100]).first()
    if link is None:
        raise NotThere
    link.delete()
    changes.move(organization_id, after=change_seq)
    _record_on(caller, target, "tag.removed", [slug, None])


def unite(*, winner: Target, loser: Target, change_seq: int) -> int:
    """Puts on one object what is on another, which has nothing afterwards. Both are of one organization, which is locked at
    this count of changes; returns the count moved. Raises TooManyTags.
    """
    links = TagLink.objects.filter(kind=loser.kind, object_id=loser.object_id)
    present = TagLink.objects.filter(kind=winner.kind, object_id=winner.object_id).values_list("tag_id", flat=True)
    there = set(present)
    moving = [link_id for link_id, tag_id in links.order_by("id").values_list("id", "tag_id") if tag_id not in there]
    if moving and len(there) + len(moving) > TAGS_ON_AN_OBJECT_MAX:
        raise TooManyTags
    for number, link_id in enumerate(moving, 1):
        TagLink.objects.filter(id=link_id).update(object_id=winner.object_id, change_seq=change_seq + number)
    links.delete()
    return changes.move(winner.organization_id, after=change_seq + len(moving) - 1) if moving else change_seq


def has_any(organization_id: uuid.UUID) -> bool:
    """Whether an organization has a tag."""
    return Tag.objects.filter(organization_id=organization_id).exists()


def move_all(*, source: uuid.UUID, target: uuid.UUID, count: int) -> None:
    """Moves the tags of one organization, and the links of its contacts, to another; a tag that is there by name is taken.
    Both are locked; `count` is added to the counts of changes.
    """
    there = dict(Tag.objects.filter(organization_id=target).values_list("name_identity", "id"))
    links = TagLink.objects.filter(organization_id=source, kind=kinds.CONTACT)
    for tag in Tag.objects.filter(organization_id=source).order_by("id"):
        if tag.name_identity in there:
            links.filter(tag=tag).update(tag_id=there[tag.name_identity])
            continue
        (slug,) = _free_slugs(target, [tag.name])
        Tag.objects.filter(id=tag.id).update(
            organization_id=target, slug=slug, change_seq=F("change_seq") + count, version=F("version") + 1
        )
    links.update(organization_id=target, change_seq=F("change_seq") + count)


def _lock(caller: Caller, organization_id: uuid.UUID) -> int:
    change_seq = changes.lock(organization_id)
    changes.require_not_taken_up(caller)
    return change_seq


def _locked(caller: Caller, organization: str, name: str) -> tuple[Tag, int]:
    """The tag, locked behind its organization, and the organization's count of changes."""
    tag_id, organization_id = tag_key(caller, organization=organization, tag=name, action="tags.write")
    change_seq = _lock(caller, organization_id)
    tag = Tag.objects.select_for_update().filter(id=tag_id, organization_id=organization_id).first()
    if tag is None:
        raise NotThere
    return tag, change_seq


def _by_identity(organization_id: uuid.UUID, identities: Collection[str]) -> dict[str, int]:
    rows = Tag.objects.filter(organization_id=organization_id, name_identity__in=identities)
    return dict(rows.values_list("name_identity", "id"))


def _make(
    caller: Caller,
    organization_id: uuid.UUID,
    names: Sequence[str],
    change_seq: int,
    *,
    color: str | None = None,
    uid: uuid.UUID | None = None,
) -> list[Tag]:
    """New tags, which carry the counts behind `change_seq`."""
    made = []
    slugs = _free_slugs(organization_id, names)
    for number, (name, slug) in enumerate(zip(names, slugs, strict=True), 1):
        tag = Tag.objects.create(
            uid=uid or uuid7(),
            organization_id=organization_id,
            name=name,
            name_identity=_identity_of(name),
            slug=slug,
            color=(color or "").lower(),
            change_seq=change_seq + number,
        )
        _record(caller, tag, "tag.created", {"name": [None, name]})
        made.append(tag)
    return made


def is_name(name: str) -> bool:
    """Whether a tag can be called so."""
    return 0 < len(name) <= NAME_MAX_CHARS and len(identity_of(name).encode()) <= _IDENTITY_MAX_BYTES


def _identity_of(name: str, *, field: str = "name") -> str:
    """By which a name is compared. Raises InvalidInput for one that is longer than it looks."""
    identity = identity_of(name)
    if len(identity.encode()) > _IDENTITY_MAX_BYTES:
        raise InvalidInput.of(field, "max_length", "The name is too long.")
    return identity


# What would vanish from a slug, and is all that tells some names apart.
_SPELLED = {"+": " plus ", "#": " sharp ", "&": " and ", "@": " at ", "%": " percent ", "*": " star ", "!": " bang "}


def slug_stem(name: str) -> str:
    """A name in ASCII, lower case, joined by hyphens: `c-plus-plus`."""
    spelled = "".join(_SPELLED.get(character, character) for character in name)
    plain = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:60].strip("-") or "tag"


def _free_slugs(organization_id: uuid.UUID, names: Sequence[str], *, but: int | None = None) -> list[str]:
    """A slug for each name that is free in the organization, which is locked: the stem, else with the next number."""
    free: list[str] = []
    for name in names:
        stem = slug_stem(name)
        begun = Tag.objects.filter(organization_id=organization_id, slug__gte=stem, slug__lt=f"{stem}.")
        begun = begun.exclude(id=but) if but is not None else begun
        taken = {*begun.values_list("slug", flat=True), *free}
        numbered = (f"{stem}-{number}" for number in range(2, len(taken) + 3))
        free.append(next(slug for slug in (stem, *numbered) if slug not in taken))
    return free


def _record(caller: Caller, tag: Tag, action: str, told: dict[str, Any]) -> None:
    audit.record(caller, action, target_kind="tag", target_id=tag.id, organization_id=tag.organization_id, changes=told)


def _record_on(caller: Caller, target: Target, action: str, told: list[Any]) -> None:
    kind = target.kind.rpartition("/")[2]
    audit.record(
        caller,
        action,
        target_kind=kind,
        target_id=target.object_id,
        organization_id=target.organization_id,
        changes={"tags": told},
    )

"""Every row that refers to a person or an organization, found by the schema: a table that is added is erased with the rest.

What goes with them (CASCADE) is deleted; what only names them (SET_NULL) stays without the name. Tables are taken in the
reverse order of their definition, so that what hangs on a row goes before it. A few hundred rows make a transaction:
nobody waits long for what it has locked.
"""

import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.apps import apps
from django.db import models

from api.apis.erasure.services.receipts import Receipt
from api.exceptions import NotThere
from api.models import Job
from api.platform import changes
from api.platform.transactions import transactional

AT_ONCE = 300


class Reference(NamedTuple):
    """A column that refers to what is erased."""

    model: type[models.Model]
    column: str
    on_delete: Any

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    def rows_of(self, key: uuid.UUID) -> models.QuerySet[Any]:
        return self.model._default_manager.filter(**{self.column: key})


def references_to(model: type[models.Model]) -> Iterator[Reference]:
    """Every column that refers to a table, what hangs on rows before the rows."""
    order = {other: number for number, other in enumerate(apps.get_models(include_auto_created=True))}
    relations: list[Any] = [
        relation
        for relation in model._meta.get_fields(include_hidden=True)
        if relation.auto_created and not relation.concrete and (relation.one_to_many or relation.one_to_one)
    ]
    for relation in sorted(relations, key=lambda each: -order[each.related_model]):
        yield Reference(relation.related_model, relation.field.name, relation.on_delete)


def erase_references(receipt: Receipt, model: type[models.Model], key: uuid.UUID) -> None:
    """Deletes, or takes the name from, every row that refers to a row. What protects it (PROTECT) is the caller's."""
    for reference in references_to(model):
        if reference.on_delete is models.CASCADE:
            erase = _delete_some
        elif reference.on_delete is models.SET_NULL:
            erase = _unname_some_copied if _is_copied(reference.model) else _unname_some
        else:
            continue
        while erase(receipt, reference, key):
            receipt.rest()


def _is_copied(model: type[models.Model]) -> bool:
    """Whether devices keep copies of a table's rows."""
    return any(field.name == "change_seq" for field in model._meta.concrete_fields) and hasattr(model, "organization")


@transactional
def _delete_some(receipt: Receipt, reference: Reference, key: uuid.UUID) -> int:
    rows = reference.rows_of(key)
    if reference.model is Job:
        rows = rows.filter(subject_id=None)  # other erasures go on without an owner
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    if ids:
        deleted, _ = rows.filter(pk__in=ids).delete()
        receipt.count(rows={reference.table: deleted})
    return len(ids)


@transactional
def _unname_some(receipt: Receipt, reference: Reference, key: uuid.UUID) -> int:
    rows = reference.rows_of(key)
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    if ids:
        receipt.count(rows={reference.table: rows.filter(pk__in=ids).update(**{reference.column: None})})
    return len(ids)


@transactional
def _unname_some_copied(receipt: Receipt, reference: Reference, key: uuid.UUID) -> int:
    """The same for what devices have copies of: each row gets a version and a number of its organization's count, so that
    the copies lose the name, too.
    """
    rows = reference.rows_of(key)
    organization_id = rows.order_by("pk").values_list("organization_id", flat=True).first()
    if organization_id is None:
        return 0
    mine = rows.filter(organization_id=organization_id)
    try:
        count = changes.lock(organization_id)
    except NotThere:  # it is being erased itself: nobody hears of its changes
        ids = list(mine.values_list("pk", flat=True)[:AT_ONCE])
        receipt.count(rows={reference.table: mine.filter(pk__in=ids).update(**{reference.column: None})})
        return len(ids)
    some = list(mine.order_by("pk")[:AT_ONCE])
    for row in some:
        count = row.change_seq = count + 1
        row.version += 1
        setattr(row, reference.column, None)
    reference.model._default_manager.bulk_update(some, [reference.column, "version", "change_seq"])
    changes.move(organization_id, after=count - 1)
    receipt.count(rows={reference.table: len(some)})
    return len(some)

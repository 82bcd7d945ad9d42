"""Reading organizations: those of the caller."""

import uuid
from collections.abc import Sequence
from typing import Any

from api.apis.orgs.selectors.permissions import organization_id_of, organizations_permitting
from api.exceptions import NotThere
from api.models import Membership, Organization
from api.platform.callers import Caller
from api.platform.keyset import Cursor, Order, Page, page_of
from api.platform.statements import Rows, statement

_COLUMNS = ("id", "slug", "name", "kind", "owner__username", "version", "created_at", "updated_at")
SORTS = {"name": "name", "created_at": "created_at"}


def organizations_of(
    caller: Caller, *, sort: tuple[tuple[str, bool], ...], cursor: Cursor | None, limit: int, wants_total: bool
) -> Page:
    """A page of the caller's organizations, each row with the caller's `role`."""
    rows = _organizations(organizations_permitting(caller, "org.read"))
    order = [*(Order(SORTS[name], down) for name, down in sort), Order("id", sort[-1][1])]
    page = page_of(rows, order=order, cursor=cursor, limit=limit, wants_total=wants_total)
    return page._replace(rows=[_with_role(caller, row) for row in page.rows])


def organization_of(caller: Caller, name: str) -> dict[str, Any]:
    """One of the caller's organizations. Raises NotThere."""
    organization_id = organization_id_of(caller, name, "org.read")
    row = _organizations([organization_id]).first()
    if row is None:
        raise NotThere
    return _with_role(caller, row)


def stored_organization(caller: Caller, organization_id: uuid.UUID) -> dict[str, Any]:
    """An organization that a service has just made or changed for the caller, with the role they have now."""
    assert caller.user_id is not None
    row = _organizations([organization_id]).first()
    role = Membership.objects.filter(organization_id=organization_id, user_id=caller.user_id).values_list(
        "role", flat=True
    )
    assert row is not None
    owner = row.pop("owner__username")
    return {**row, "owner": owner, "role": role.get()}


@statement
def _organizations(ids: Sequence[Any]) -> Rows:
    return Organization.objects.filter(id__in=ids).values(*_COLUMNS)


def _with_role(caller: Caller, row: dict[str, Any]) -> dict[str, Any]:
    owner = row.pop("owner__username")
    return {**row, "owner": owner, "role": caller.memberships[row["id"]].role}

"""What staff are, and what they do to others' sessions."""

import uuid
from collections.abc import Collection

from django.contrib.auth.models import Group

from api.exceptions import InvalidInput, NotThere
from api.models import User
from api.platform import audit
from api.platform.callers import Caller
from api.platform.staff import ROLES
from api.platform.transactions import transactional


@transactional
def set_staff_roles(caller: Caller, *, user_id: uuid.UUID, roles: Collection[str]) -> None:
    """Makes a person staff with these roles; with none, staff no more, and their session of the CMS ends. From the shell
    only. Raises NotThere, InvalidInput.
    """
    person = User.objects.select_for_update().filter(id=user_id).first()
    if person is None:
        raise NotThere
    if person.is_guest or not ROLES.keys() >= set(roles):
        raise InvalidInput.of("roles", "invalid", f"Roles, of people with an account: {', '.join(ROLES)}.")
    before = sorted(person.groups.values_list("name", flat=True))
    person.groups.set([Group.objects.get_or_create(name=name)[0] for name in sorted(roles)])
    person.is_staff = bool(roles) or person.is_superuser
    person.save(update_fields=["is_staff", "updated_at"])
    changes = {"roles": [before, sorted(roles)]}
    audit.record(caller, "user.staff_roles_changed", target_kind="user", target_id=person.id, changes=changes)

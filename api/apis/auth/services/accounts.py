"""Accounts that staff make, and what they put right in them."""

import uuid
from collections.abc import Collection
from typing import Any

from api.apis.auth.services import proofs
from api.apis.auth.services.people import require_touchable
from api.apis.users import services as users
from api.models import ProofPurpose, User
from api.platform import staff
from api.platform.callers import Caller
from api.platform.transactions import transactional


@transactional
def add_person(caller: Caller, *, email: str, profile: dict[str, Any]) -> uuid.UUID:
    """Makes an account and mails its person the link that sets the first password, which proves the address as well.

    Returns the id. Raises Forbidden, EmailTaken, UsernameTaken, InvalidInput.
    """
    staff.require(caller, "people.edit")
    said = {name: value for name, value in profile.items() if value}
    username = said.pop("username", None)
    if username is not None:
        users.require_username(username)
    person = User(email=email, **said)
    person.set_unusable_password()
    users.insert_person(caller, person=person, username=username)
    proofs.issue(ProofPurpose.PASSWORD_RESET, about=f"staff|{person.id}", email=email, user=person)
    return person.id


@transactional
def edit_person(
    caller: Caller, *, user_id: uuid.UUID, changes: dict[str, Any], expected: Collection[int] | None
) -> None:
    """Changes somebody's profile in view of a version of it. The address is theirs alone to change, since whoever has it
    has the account. Raises Forbidden, NotThere, StaffProtected, VersionConflict, UsernameTaken, InvalidInput.
    """
    staff.require(caller, "people.edit")
    if "username" in changes:
        users.count_new_name(user_id)
    require_touchable(caller, user_id)
    users.change_profile(caller, user_id=user_id, changes=changes, expected=expected)

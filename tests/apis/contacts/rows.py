"""Contacts by the dozen, made by the services where a test is about something else than making them."""

from typing import Any

from api.apis.contacts import services
from api.models import ActorKind, Channel, Contact, Organization
from api.platform import memberships
from api.platform.callers import Caller
from tests.conftest import Person


def caller_of(person: Person) -> Caller:
    """The person as services see them when they call by their phone."""
    user_id = person.user.id
    return Caller(kind=ActorKind.USER, channel=Channel.API, user_id=user_id, memberships=memberships.of_person(user_id))


def make_contact(person: Person, organization: Organization | None = None, /, **values: Any) -> Contact:
    """A contact of the person's own organization, or of another of theirs; called Ada unless `values` say otherwise."""
    primaries = {
        lists: values.pop(short)
        for short, lists in (("email", "emails"), ("phone", "phone_numbers"))
        if short in values
    }
    contact_id, _ = services.create_contact(
        caller_of(person),
        organization=organization.slug if organization else None,
        contact_id=values.pop("id", None),
        values=values or ({} if primaries else {"display_name": "Ada"}),
        primaries=primaries,
    )
    return Contact.objects.get(id=contact_id)

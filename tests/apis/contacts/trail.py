"""What every change of a contact leaves behind: its version, the organization's count, a row of the audit trail."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from api.models import AuditEntry, Contact, Organization
from tests.conftest import Person


def count_of(organization_id: UUID) -> int:
    return Organization.objects.values_list("change_seq", flat=True).get(id=organization_id)


@contextmanager
def one_change(person: Person, contact: Contact, action: str, changes: dict[str, Any] | None = None) -> Iterator[None]:
    """What happens inside is one change of `contact` by `person`, told as `action` with `changes` (any, if None)."""
    version, count, entries = contact.version, count_of(contact.organization_id), AuditEntry.objects.count()
    yield
    contact.refresh_from_db()
    assert contact.version == version + 1
    assert contact.change_seq == count_of(contact.organization_id) == count + 1
    assert AuditEntry.objects.count() == entries + 1
    check_entry(AuditEntry.objects.latest("id"), person, contact, action, changes)


def check_entry(
    entry: AuditEntry, person: Person, contact: Contact, action: str, changes: dict[str, Any] | None
) -> None:
    """The row says who, by which phone, from where, on what, in which organization, because of which request."""
    assert (entry.action, entry.outcome, entry.channel) == (action, "success", "api")
    assert (entry.actor_kind, entry.actor_id) == ("user", str(person.user.id))
    assert str(entry.device_id) == person.phone.state.device_id
    assert entry.address == "192.0.2.1"
    assert entry.request_id
    assert (entry.target_kind, entry.target_id) == ("contact", str(contact.id))
    assert entry.organization_id == contact.organization_id
    if changes is not None:
        assert entry.changes == changes


@contextmanager
def no_change(contact: Contact) -> Iterator[None]:
    """What happens inside leaves no trace: not on the contact, not on its organization, not in the trail."""
    row, count = Contact.objects.values().get(id=contact.id), count_of(contact.organization_id)
    entries = AuditEntry.objects.filter(target_kind="contact").count()
    yield
    assert Contact.objects.values().get(id=contact.id) == row
    assert count_of(contact.organization_id) == count
    assert AuditEntry.objects.filter(target_kind="contact").count() == entries

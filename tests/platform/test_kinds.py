"""The kinds of objects that tags and images are put on: who finds what by which name."""

import uuid

import pytest

from api.exceptions import NotThere
from api.models import Organization, Tag, TagLink
from api.models.base import uuid7
from api.platform import kinds
from tests.apis.contacts.rows import make_contact
from tests.conftest import Person

pytestmark = pytest.mark.django_db


def test_an_object_is_found_by_each_of_its_names(alice: Person, team: Organization) -> None:
    contact = make_contact(alice, team)
    for name in (contact.slug, str(contact.id), str(contact.id).upper()):
        assert kinds.target_of(team.id, "contacts", "contact", name) == ("contacts/contact", contact.id, team.id)
    for name in (team.slug, str(team.id)):
        found = kinds.target_of(team.id, "organizations", "organization", name)
        assert found == ("organizations/organization", team.id, team.id)


def test_what_is_not_registered_not_ones_own_or_not_there_is_one_refusal(
    alice: Person, charlie: Person, team: Organization
) -> None:
    ours, theirs, gone = make_contact(alice, team), make_contact(charlie), make_contact(alice, team)
    alice.delete(f"contacts/{gone.slug}/")
    own = charlie.user.personal_organization
    for app_label, model, name in (
        ("contacts", "contact", theirs.slug),
        ("contacts", "contact", str(theirs.id)),
        ("contacts", "contact", gone.slug),
        ("contacts", "contact", str(uuid7())),
        ("contacts", "contact", "nobody"),
        ("contacts", "contact", ""),
        ("contacts", "contact", "ä\0"),
        ("contacts", "contact", "x" * 5000),
        ("organizations", "organization", own.slug),
        ("organizations", "organization", str(own.id)),
        ("users", "user", str(alice.user.id)),
        ("contacts", "Contact", ours.slug),
        ("contacts/contact", "", ours.slug),
        ("", "", ours.slug),
    ):
        with pytest.raises(NotThere):
            kinds.target_of(team.id, app_label, model, name)


def test_a_number_names_what_has_a_number() -> None:
    assert kinds.by_number("17") == {"id": 17}
    for name in ("", "0", "007", "-1", "1.0", "٣", "1" * 19, str(uuid.uuid4())):
        assert kinds.by_number(name) is None


def test_what_hangs_on_an_object_goes_with_it(alice: Person, team: Organization) -> None:
    tag = Tag.objects.create(organization=team, name="VIP", name_identity="vip", slug="vip", change_seq=1)
    going, staying = make_contact(alice, team), make_contact(alice, team)
    for number, contact in enumerate((going, staying)):
        TagLink.objects.create(
            organization=team, kind=kinds.CONTACT, object_id=contact.id, tag=tag, change_seq=number + 2
        )
    kinds.forget(kinds.CONTACT, [going.id])
    kinds.forget("organizations/organization", [staying.id])
    assert list(TagLink.objects.values_list("object_id", flat=True)) == [staying.id]

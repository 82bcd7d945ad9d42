"""Slugs and UUIDs as names: made of what people write, never mistaken for one another."""

import re
import uuid

from hypothesis import given
from hypothesis import strategies as st

from api.models.base import IDENTITY_MAX_BYTES, uuid7
from api.platform.ids import as_uuid, slug_for

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*-[a-z2-7]{6}")


@given(st.text())
def test_any_name_makes_a_slug(name: str) -> None:
    slug = slug_for(name)
    assert SLUG.fullmatch(slug)
    assert len(slug) <= 60 < IDENTITY_MAX_BYTES
    assert as_uuid(slug) is None


@given(st.uuids())
def test_a_name_in_the_form_of_a_uuid_loses_it(key: uuid.UUID) -> None:
    assert as_uuid(slug_for(str(key))) is None


def test_slugs_of_one_name_differ() -> None:
    assert len({slug_for("Ada Lovelace") for _ in range(1000)}) == 1000


@given(st.uuids())
def test_a_uuid_is_read_in_its_canonical_form_only(key: uuid.UUID) -> None:
    text = str(key)
    assert as_uuid(text) == as_uuid(text.upper()) == key
    for other in (
        key.hex,
        f"{{{text}}}",
        key.urn,
        f" {text}",
        f"{text} ",
        text[:-1],
        text + "0",
        text.replace("-", "_"),
    ):
        assert as_uuid(other) is None


@given(st.text(min_size=36, max_size=36))
def test_other_texts_of_that_length_are_none(text: str) -> None:
    assert as_uuid(text) is None or str(as_uuid(text)) == text.lower()


def test_spellings_that_pythons_parser_takes_are_none() -> None:
    for text in (
        "０1933b5e-0000-7000-8000-000000000001",
        "01933b5e-0000-7000-8000-00000000000_",
        "0-1933b5e-0000-7000-8000-00000000001",
        "01933b5e-0000-7000-8000-0000000000\n1",
        "+1933b5e-0000-7000-8000-000000000001",
    ):
        assert as_uuid(text) is None


def test_new_identifiers_are_of_version_7_and_follow_time() -> None:
    made = [uuid7() for _ in range(2000)]
    assert {key.version for key in made} == {7}
    assert {key.variant for key in made} == {uuid.RFC_4122}
    assert len(set(made)) == len(made)
    moments = [key.int >> 80 for key in made]
    assert moments == sorted(moments)

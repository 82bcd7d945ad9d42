"""Fields of serializers against anything: each returns what it promises or refuses, and never fails otherwise."""

import datetime
import json
import unicodedata
import uuid
from contextlib import suppress
from typing import Any

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError

from api import fields
from api.models.base import IDENTITY_MAX_BYTES, identity_of
from api.parsers import MalformedBody, parse_json

# Whatever JSON can say, as the parser hands it on.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELDS = [
    fields.TextField(max_length=10),
    fields.TextField(max_length=10, is_multiline=True),
    fields.ClearableTextField(max_length=10),
    fields.SecretField(max_length=10),
    fields.BooleanField(),
    fields.IntegerField(min_value=0, max_value=100),
    fields.UUIDField(),
    fields.Base64UrlField(size_bytes=16),
    fields.EmailField(),
    fields.PhoneNumberField(),
    fields.PhoneNumberField(allow_blank=True, allow_null=True),
    fields.BirthDateField(),
    fields.LanguageField(),
    fields.TimeZoneField(),
    fields.ListField(child=fields.TextField(max_length=10), max_length=3),
]


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: type(field).__name__)
def test_anything_is_taken_or_refused(field: Any) -> None:
    @given(JSON)
    def check(value: Any) -> None:
        told = ""
        try:
            field.run_validation(value)
        except ValidationError as error:
            told = str(error.detail)
        # What was sent is not repeated.
        assert not isinstance(value, str) or len(value) < 12 or value not in told

    check()


@given(st.text())
def test_text_is_clean_bounded_and_in_one_form(value: str) -> None:
    try:
        text = fields.TextField(max_length=10).run_validation(value)
    except ValidationError:
        return
    assert 0 < len(text) <= 10
    assert text == unicodedata.normalize("NFC", value.strip())
    assert not any(unicodedata.category(character) == "Cc" for character in text)


@given(st.from_regex(r"\+[0-9 ()./-]{6,20}", fullmatch=True) | st.from_regex(r"\+[1-9][0-9]{6,18}", fullmatch=True))
def test_a_phone_number_is_e164_or_refused(value: str) -> None:
    try:
        number = fields.PhoneNumberField().run_validation(value)
    except ValidationError:
        return
    assert len(number) <= 16
    assert number[0] == "+"
    assert number[1:].isdecimal()
    # And so it stays: what was taken can be taken again, and searched.
    assert fields.PhoneNumberField().run_validation(number) == number
    assert phonenumbers.parse(number)


@given(st.emails() | st.text().map(lambda text: f"{text}@example.com"))
def test_an_address_fits_its_column_in_every_form(value: str) -> None:
    try:
        address = fields.EmailField().run_validation(value)
    except ValidationError:
        return
    assert len(address) <= 254
    assert len(identity_of(address).encode()) <= IDENTITY_MAX_BYTES


@given(st.dates())
def test_a_birth_date_is_between_1850_and_tomorrow(day: datetime.date) -> None:
    latest = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=1)
    try:
        assert fields.BirthDateField().run_validation(day.isoformat()) == day
    except ValidationError:
        assert not datetime.date(1850, 1, 1) <= day <= latest
    else:
        assert datetime.date(1850, 1, 1) <= day <= latest


@given(st.uuids())
def test_a_uuid_is_read(key: uuid.UUID) -> None:
    assert fields.UUIDField().run_validation(str(key)) == key


@given(JSON)
def test_what_json_says_is_what_is_read(value: Any) -> None:
    told = ""
    try:
        assert parse_json(json.dumps(value).encode()) == value
    except MalformedBody as refusal:
        told = refusal.text
    # Numbers that no store gives back, 4,300 digits, halves of characters.
    assert told in {"", "A number is too large.", "Not valid JSON.", "Text is UTF-8 without lone surrogates."}


@given(st.binary())
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(MalformedBody):
        parse_json(body)


def test_time_that_grows_with_the_square_is_not_spent() -> None:
    """Marks in an order that has to be mended: 300,000 of them would take a minute."""
    marks = "a" + "\u0315\u0300" * 150_000
    for field in (fields.TextField(max_length=10_000), fields.EmailField(), fields.ClearableTextField(max_length=10)):
        with pytest.raises(ValidationError):
            field.run_validation(marks)

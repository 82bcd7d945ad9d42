"""Serializer fields and the serializer base: types are taken literally, text is clean, nothing unknown passes."""

import datetime
import functools
import re
import unicodedata
import uuid
import zoneinfo
from typing import Any

import phonenumbers
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.validators import ProhibitNullCharactersValidator
from django.utils import timezone
from rest_framework import serializers
from rest_framework.utils.serializer_helpers import BindingDict
from rest_framework.validators import ProhibitSurrogateCharactersValidator

from api.models.base import ascii_domain, identity_of
from api.parsers import Part
from api.platform.ids import as_uuid
from api.platform.keys import unb64url
from api.requests import CONTROLS

LANGUAGE = r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}"
_UNLINED_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # but tab and newline
_EARLIEST_BIRTH = datetime.date(1850, 1, 1)
_E164_MAX_CHARS = 16  # a plus sign and fifteen digits


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses members that it does not know. Its fields know nothing of the request: no context, nothing partial."""

    @functools.cached_property
    def fields(self) -> BindingDict:
        """The fields, made and bound once for each class: done for every body, that takes longer than to validate it."""
        return _fields_of(type(self))

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, dict):
            unknown = [key for key in data if key not in self.fields or self.fields[key].read_only]
            if unknown:
                error = serializers.ErrorDetail("This member is not known here.", code="unknown_field")
                raise serializers.ValidationError({str(key)[:64]: [error] for key in unknown[:20]})
        result: dict[str, Any] = super().to_internal_value(data)
        return result


@functools.cache
def _fields_of(kind: type[StrictSerializer]) -> BindingDict:
    bound = serializers.Serializer.__dict__["fields"]
    fields: BindingDict = bound.func(kind())
    return fields


def _normalised(field: serializers.CharField, text: str) -> str:
    """`text` in NFC. Its length counts as it was sent as well: to bring combining marks into order takes time that
    grows with their square.
    """
    if field.max_length is not None and len(text) > field.max_length:
        field.fail("max_length", max_length=field.max_length)
    return unicodedata.normalize("NFC", text)


def _look_once(field: serializers.CharField) -> None:
    """Takes from a field what looks for NUL, which is refused with the other control characters, and for lone surrogates,
    which no parser lets through.
    """
    prohibiting = (ProhibitNullCharactersValidator, ProhibitSurrogateCharactersValidator)
    field.validators = [one for one in field.validators if not isinstance(one, prohibiting)]


# Spaces, what joins or turns other characters, and what is put above them.
_UNSEEN = frozenset({"Zs", "Zl", "Zp", "Cf", "Mn", "Me"})


def _shows_nothing(text: str) -> bool:
    """Whether it is blank to whoever looks at it, which its length does not say."""
    return not text.isascii() and all(unicodedata.category(character) in _UNSEEN for character in text)


class TextField(serializers.CharField):
    """Text in NFC, without NUL and control characters; tab and newline only where `is_multiline`. What shows nothing is
    blank.
    """

    default_error_messages = {"control": "Control characters are not taken.", "type": "Send a string."}

    def __init__(self, *, is_multiline: bool = False, **kwargs: Any) -> None:
        self.is_multiline = is_multiline
        super().__init__(**kwargs)
        _look_once(self)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return super().run_validation("" if isinstance(data, str) and _shows_nothing(data) else data)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("type")
        text = _normalised(self, super().to_internal_value(data))
        refused = _UNLINED_CONTROLS if self.is_multiline else CONTROLS
        if refused.search(text):
            self.fail("control")
        return text


class ClearableTextField(TextField):
    """Optional text: null and the empty string both clear it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_blank=True, allow_null=True, required=False, **kwargs)

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        return (True, "") if data is None else super().validate_empty_values(data)


class SecretField(serializers.CharField):
    """A password or token: taken as it is, never trimmed, never answered."""

    default_error_messages = {"type": "Send a string."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, write_only=True, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("type")
        return str(data)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, str) and "\x00" in data:
            self.fail("invalid")
        return super().run_validation(data)


class BooleanField(serializers.BooleanField):
    """`true` or `false`; no other spelling."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return bool(data)


class IntegerField(serializers.IntegerField):
    """A JSON integer."""

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return int(data)


class ListField(serializers.ListField):
    """A list of at most `max_length` entries, counted before any of them is looked at."""

    def to_internal_value(self, data: Any) -> list[Any]:
        if isinstance(data, list) and self.max_length is not None and len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        entries: list[Any] = super().to_internal_value(data)
        return entries


class UUIDField(serializers.UUIDField):
    """A UUID in its canonical form."""

    default_error_messages = {"invalid": "Send a UUID in its canonical form."}

    def to_internal_value(self, data: Any) -> uuid.UUID:
        value = as_uuid(data) if isinstance(data, str) else None
        if value is None:
            self.fail("invalid")
        return value


class Base64UrlField(serializers.CharField):
    """Exactly `size_bytes` bytes, base64url without padding; validated to `bytes`."""

    default_error_messages = {"invalid": "Send base64url without padding, of the size that is documented."}

    def __init__(self, *, size_bytes: int, **kwargs: Any) -> None:
        self.size_bytes = size_bytes
        super().__init__(max_length=-(-size_bytes * 4 // 3), **kwargs)

    def to_internal_value(self, data: Any) -> bytes:  # type: ignore[override]  # a CharField for the schema only
        try:
            value = unb64url(data) if isinstance(data, str) else b""
        except ValueError:
            self.fail("invalid")
        if len(value) != self.size_bytes:
            self.fail("invalid")
        return value

    def run_validators(self, value: Any) -> None:
        """The length of the text follows from the number of bytes."""


class EmailField(serializers.EmailField):
    """An address as typed, at most 254 characters."""

    default_error_messages = {"type": "Send a string."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=254, **kwargs)
        _look_once(self)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("type")
        address = _normalised(self, super().to_internal_value(data))
        if CONTROLS.search(address) or not _has_domain(address) or len(identity_of(address).encode()) > 254:
            self.fail("invalid")
        return address


def _has_domain(address: str) -> bool:
    """Whether the name system could know the domain."""
    try:
        ascii_domain(address.rpartition("@")[2])
    except UnicodeError:
        return False
    return True


class PhoneNumberField(serializers.CharField):
    """A phone number with its country code; validated to E.164."""

    default_error_messages = {"invalid": "Send a phone number with its country code, such as +41441234567."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=32, **kwargs)

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        return (True, "") if data is None and self.allow_null else super().validate_empty_values(data)

    def to_internal_value(self, data: Any) -> str:
        try:
            number = phonenumbers.parse(data if isinstance(data, str) else "")
        except phonenumbers.NumberParseException:
            self.fail("invalid")
        text = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        # What the library holds possible may have more than the fifteen digits of E.164; and of a number that is made of
        # zeros it takes one for a prefix each time it reads it.
        if (
            not phonenumbers.is_possible_number(number)
            or len(text) > _E164_MAX_CHARS
            or phonenumbers.format_number(phonenumbers.parse(text), phonenumbers.PhoneNumberFormat.E164) != text
        ):
            self.fail("invalid")
        return text


class UploadField(serializers.FileField):
    """A file of a form, of at most as many bytes as the setting `limit` says; validated to `Part`."""

    default_error_messages = {"invalid": "Send a file: a part with a file name.", "empty": "The file is empty."}

    def __init__(self, *, limit: str = "UPLOAD_MAX_BYTES", **kwargs: Any) -> None:
        self.limit = limit
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Part:  # type: ignore[override]  # a FileField for the schema only
        if not isinstance(data, Part):
            self.fail("invalid")
        if not data.size_bytes:
            self.fail("empty")
        if data.size_bytes > getattr(settings, self.limit):
            raise RequestDataTooBig
        return data


_AVATAR_NAME = "avatars/k3v9q2m7x4w8r5t1n6p0b7z2/avatar-ada-20261121T093000-7KQ2MX"


class AvatarSerializer(serializers.Serializer[dict[str, str]]):
    """Addresses of square pictures (WebP), for whoever knows them: they need no proof, and stay until the avatar changes."""

    example = {
        "small": f"https://api.example.com/files/{_AVATAR_NAME}.webp",
        "large": f"https://api.example.com/files/{_AVATAR_NAME}_lg.webp",
    }

    small = serializers.URLField(help_text="160 pixels a side.")
    large = serializers.URLField(help_text="600 pixels a side.")


class BirthDateField(serializers.DateField):
    """A day between 1850 and today."""

    default_error_messages = {"range": "Send a day from 1850 until today."}

    def to_internal_value(self, data: Any) -> datetime.date:
        if not isinstance(data, str):
            self.fail("invalid", format="YYYY-MM-DD")
        day: datetime.date = super().to_internal_value(data)
        if not _EARLIEST_BIRTH <= day <= timezone.now().date() + datetime.timedelta(days=1):
            self.fail("range")
        return day


class LanguageField(TextField):
    """A language tag (BCP 47), such as `de-CH`."""

    default_error_messages = {"invalid": "Send a language tag such as en or de-CH."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=35, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        tag = super().to_internal_value(data)
        if tag and re.fullmatch(LANGUAGE, tag) is None:
            self.fail("invalid")
        return tag


class TimeZoneField(TextField):
    """A name of the IANA time zone database, such as `Europe/Zurich`."""

    default_error_messages = {"invalid": "Send a time zone such as Europe/Zurich."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=64, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        if name and name not in zoneinfo.available_timezones():
            self.fail("invalid")
        return name

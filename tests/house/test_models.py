"""The schema: identities that are equal on every database or on none, and nothing that MySQL leaves out silently."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, models, transaction

from api import models as schema
from api.models import Counter, User
from api.models.base import IDENTITY_MAX_BYTES, IdentityField, identity_of

FOREVER = datetime(2100, 1, 1, tzinfo=UTC)


def keep(key: str) -> None:
    with transaction.atomic():
        Counter.objects.create(key=key, value=1, expires_at=FOREVER)


def is_kept(key: str) -> bool:
    return Counter.objects.filter(key=key).exists()


# -- identities in the database


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("🍣", "🍺"),  # the same for utf8mb4_unicode_ci
        ("ab", "a\u200bb"),  # a zero-width space
        ("ab", "a\u200db"),
        ("ab", "a\u00adb"),
        ("ab", "ab "),  # padded comparison
        ("ab", "ab\u00a0"),
        ("ab", "ab\t"),
        ("ab", "aB"),  # what is the same name is folded before it comes here
        ("a", "á"),
        ("ß", "ss"),
        ("i", "ı"),
        ("é", "e\u0301"),
        ("あ", "ア"),
        ("", " "),
        ("1", "01"),
        ("a", "а"),
    ],
)
def test_two_identities_are_two(one: str, other: str) -> None:
    keep(one)
    assert not is_kept(other)
    keep(other)
    assert Counter.objects.count() == 2
    for key in (one, other):
        assert Counter.objects.get(key=key).key == key
        with pytest.raises(IntegrityError):
            keep(key)


@pytest.mark.django_db
def test_identities_are_ordered_by_their_bytes() -> None:
    keys = ["", " ", "!", "A", "B", "a", "aa", "ab", "b", "~", "é", "ü", "z", "ア", "田", "\uffff", "🍣", "\U0010ffff"]
    for key in keys:
        keep(key)
    ordered = list(Counter.objects.order_by("key").values_list("key", flat=True))
    assert ordered == sorted(keys, key=str.encode)
    for bound in keys:
        above = set(Counter.objects.filter(key__gt=bound).values_list("key", flat=True))
        assert above == {key for key in keys if key.encode() > bound.encode()}


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["x" * 255, "é" * 127 + "x", "🍣" * 63 + "xyz"])
def test_an_identity_has_255_bytes(key: str) -> None:
    assert len(key.encode()) == IDENTITY_MAX_BYTES == 255
    keep(key)
    assert Counter.objects.get(key=key).key == key
    with pytest.raises(ValueError, match="255 bytes"):
        keep(key + "x")
    # Not cut: an identity that ends earlier is another one.
    assert not is_kept(key[:-1])


@pytest.mark.django_db
def test_digests_are_bytes() -> None:
    for digest in (bytes(32), bytes(31) + b" ", b"\xff" * 32):
        schema.ReplayNonce.objects.create(digest=digest, expires_at=FOREVER)
        assert bytes(schema.ReplayNonce.objects.get(digest=digest).digest) == digest
    assert schema.ReplayNonce.objects.count() == 3


# -- what is the same name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada@Example.com", "ada@example.COM"),
        ("K", "k"),  # the sign of kelvin
        ("Å", "å"),  # the sign of ångström
        ("Ａｄａ", "ada"),
        ("ﬁ", "fi"),
        ("STRASSE", "straße"),
        ("é", "e\u0301"),
        ("ς", "σ"),
        ("ſ", "s"),
        ("①", "1"),
    ],
)
def test_two_spellings_are_one_name(one: str, other: str) -> None:
    assert identity_of(one) == identity_of(other)


@pytest.mark.parametrize(
    ("one", "other"), [("🍣", "🍺"), ("ab", "a\u200bb"), ("ab", "ab "), ("i", "ı"), ("a", "а"), ("e", "é")]
)
def test_two_names_are_two(one: str, other: str) -> None:
    assert identity_of(one) != identity_of(other)


def test_folding_is_done_once_and_for_all() -> None:
    for code in range(0x110000):
        if not 0xD800 <= code <= 0xDFFF:
            folded = identity_of(chr(code))
            assert identity_of(folded) == folded, hex(code)


@pytest.mark.django_db
def test_the_rows_of_people_hold_it_whoever_saves() -> None:
    person = User.objects.create(email="\u212aate@Example.com", username="\u212aate")
    assert (person.email_identity, person.username_identity) == ("kate@example.com", "kate")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(email="KATE@example.com", username="somebody")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(email="else@example.com", username="KATE")


# -- the schema


def all_models() -> Iterator[type[models.Model]]:
    for name in schema.__all__:
        model = getattr(schema, name)
        if isinstance(model, type) and issubclass(model, models.Model) and not model._meta.abstract:
            yield model


def indexed(model: type[models.Model]) -> Iterator[tuple[str, list[models.Field]]]:
    """The columns of each index that a table has, by the index's name."""
    field_of = model._meta.get_field
    for field in model._meta.local_fields:
        if field.primary_key or field.unique or field.db_index:
            yield field.name, [field]
    for index in model._meta.indexes:
        yield index.name, [field_of(name.lstrip("-")) for name in index.fields]
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint):
            yield constraint.name, [field_of(name) for name in constraint.fields]


def most_bytes(field: models.Field) -> int:
    """How many bytes of an index a column takes at most, in utf8mb4."""
    if isinstance(field, models.ForeignKey):
        return most_bytes(field.target_field)
    if isinstance(field, IdentityField):
        return IDENTITY_MAX_BYTES
    if isinstance(field, models.BinaryField):
        return int(field.max_length or 10**6)
    if isinstance(field, models.TextField | models.JSONField):
        return 10**6
    if isinstance(field, models.CharField | models.UUIDField | models.GenericIPAddressField):
        return 4 * int(field.max_length or 36)
    return 8


def test_every_index_fits_into_innodb() -> None:
    for model in all_models():
        for name, columns in indexed(model):
            size = sum(most_bytes(field) for field in columns)
            assert size <= 3072, (model.__name__, name, size)


def test_no_unique_constraint_is_conditional() -> None:
    """MySQL and MariaDB create none of these, and say nothing at run time."""
    for model in all_models():
        for constraint in model._meta.constraints:
            if isinstance(constraint, models.UniqueConstraint):
                for feature in ("condition", "deferrable", "include", "expressions", "opclasses", "nulls_distinct"):
                    assert not getattr(constraint, feature), (constraint.name, feature)


def test_constraints_and_indexes_are_named_for_their_table() -> None:
    for model in all_models():
        table = model._meta.db_table
        for part in (*model._meta.constraints, *model._meta.indexes):
            assert part.name.startswith(table.partition("_")[0]), part.name
            assert len(part.name) <= 63  # PostgreSQL cuts longer ones


@pytest.mark.django_db
def test_the_database_has_every_constraint_and_index() -> None:
    with connection.cursor() as cursor:
        for model in all_models():
            found = connection.introspection.get_constraints(cursor, model._meta.db_table)
            names = {name.lower() for name in found}
            for part in (*model._meta.indexes, *model._meta.constraints):
                assert part.name.lower() in names, (model.__name__, part.name)


@pytest.mark.django_db
def test_the_migrations_say_what_the_models_say() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.django_db
def test_every_module_of_the_schema_is_re_exported() -> None:
    from importlib import import_module
    from pkgutil import iter_modules

    for module in iter_modules(schema.__path__):
        if module.name == "base":
            continue
        for name, value in vars(import_module(f"api.models.{module.name}")).items():
            is_own = getattr(value, "__module__", "") == f"api.models.{module.name}"
            if is_own and isinstance(value, type) and issubclass(value, models.Model | models.Choices):
                assert name in schema.__all__, name
    assert schema.__all__ == sorted(schema.__all__, key=lambda name: (not name.isupper(), name))

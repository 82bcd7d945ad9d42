"""A replica answers lists only while it knows what the primary knows; whoever has written reads what they wrote."""

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import connection
from handset_client import Client
from handset_client.outcomes import accept

from tests.services.conftest import Deployment
from tests.services.servers import Gunicorn, database_named, manage

pytestmark = pytest.mark.services

TABLES = ("user", "organization", "contact", "contact_term")
NAME = "handset_replica_of_tests"


@pytest.fixture
def served(deployed: Deployment) -> Iterator[Gunicorn]:
    """A server of the deployment that has a replica: a second database, which we fill by hand."""
    if connection.vendor != "mysql":
        pytest.skip("the copying of rows from database to database is MariaDB's and MySQL's")
    with database_named(NAME) as url:
        manage({**deployed.environment, "DATABASE_URL": url}, "migrate", "--verbosity=0")
        server = Gunicorn({**deployed.environment, "DATABASE_REPLICA_URL": url}, deployed.folder / "replica.log")
        try:
            server.wait_until_up()
            yield server
        finally:
            server.stop()


def columns_of(table: str) -> list[str]:
    """Those that are stored: each database computes the others itself."""
    model = next(model for model in apps.get_models(include_auto_created=True) if model._meta.db_table == table)
    return [field.column for field in model._meta.concrete_fields if not field.generated]


def replicate(deployed: Deployment) -> None:
    """What replication does, at once; contacts say from where they were read."""
    with connection.cursor() as cursor:
        cursor.execute("SET FOREIGN_KEY_CHECKS=0")
        for table in TABLES:
            cursor.execute(f"DELETE FROM `{NAME}`.`{table}`")
            columns = ", ".join(f"`{column}`" for column in columns_of(table))
            cursor.execute(
                f"INSERT INTO `{NAME}`.`{table}` ({columns}) SELECT {columns} FROM `{deployed.database}`.`{table}`"
            )
        cursor.execute(f"UPDATE `{NAME}`.`contact` SET company = 'the replica'")
        cursor.execute("SET FOREIGN_KEY_CHECKS=1")


def names(phone: Client, **params: str) -> list[tuple[str, str]]:
    rows = accept(phone.request("GET", "contacts/", params=params)).json["data"]
    return [(row["display_name"], row["company"]) for row in rows]


def test_lists_are_read_where_they_are_new_enough(deployed: Deployment, served: Gunicorn) -> None:
    phone = deployed.phone(served.base_url)
    deployed.person(phone, "reader")
    accept(phone.request("POST", "contacts/", {"display_name": "Ada", "company": "the primary"}))
    assert names(phone) == [("Ada", "the primary")]  # the replica knows nothing yet
    replicate(deployed)
    assert names(phone) == names(phone, q="ada") == [("Ada", "the replica")]
    accept(phone.request("POST", "contacts/", {"display_name": "Grace", "company": "the primary"}))
    for _ in range(5):
        assert [name for name, _ in names(phone)] == ["Ada", "Grace"]
        assert names(phone, q="grace") == [("Grace", "the primary")]
    replicate(deployed)
    assert names(phone) == [("Ada", "the replica"), ("Grace", "the replica")]
    slug = accept(phone.request("GET", "contacts/", params={"limit": "1"})).json["data"][0]["slug"]
    assert accept(phone.request("GET", f"contacts/{slug}/")).json["company"] == "the primary"


def test_a_replica_that_is_gone_costs_nothing(deployed: Deployment, served: Gunicorn) -> None:
    phone = deployed.phone(served.base_url)
    deployed.person(phone, "reader")
    accept(phone.request("POST", "contacts/", {"display_name": "Ada", "company": "the primary"}))
    replicate(deployed)
    assert names(phone) == [("Ada", "the replica")]
    with connection.cursor() as cursor:
        cursor.execute("SET FOREIGN_KEY_CHECKS=0")
        cursor.execute(f"DROP TABLE `{NAME}`.`organization`")
        cursor.execute("SET FOREIGN_KEY_CHECKS=1")
    assert names(phone) == [("Ada", "the primary")]

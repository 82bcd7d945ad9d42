"""The kit's walk to an archive, against this server: `handset-client export`."""

import re
import zipfile
from collections.abc import Callable
from io import BytesIO

import pytest
from handset_client.demo import Unexpected
from handset_client.export import ExportWalk

from api.apis.jobs import services as jobs
from api.platform import sheets
from tests.apis.auth.mailbox import received
from tests.phones import BASE_URL, InProcess, Phone

pytestmark = pytest.mark.django_db

NewPhone = Callable[..., tuple[Phone, InProcess]]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def walk(new_phone: NewPhone, said: list[str]) -> ExportWalk:
    def mailbox(address: str) -> str:
        return "\n".join(f"{mail.subject}\n{mail.text}" for mail in received(address))

    return ExportWalk(
        BASE_URL,
        lambda: new_phone()[0],
        transport=InProcess(address="203.0.113.7"),
        mailbox=mailbox,
        wait=jobs.run_due,
        contacts=3,
        say=said.append,
    )


def test_it_comes_to_its_end(walk: ExportWalk, said: list[str]) -> None:
    archive = walk.run()
    assert zipfile.ZipFile(BytesIO(archive)).testzip() is None
    assert len(said) == 6
    assert said[2].startswith("ok   it came: 0 %")
    assert said[2].endswith("100 %")


def test_it_fails_where_the_table_has_a_formula(walk: ExportWalk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "_AT_FIRST", re.compile("(?!)"))
    with pytest.raises(Unexpected, match="the table has the formula bare"):
        walk.run()

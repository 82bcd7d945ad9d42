"""A phone on a network that loses a third of all answers, as an app developer tries it: by the kit's own command."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from api.models import Contact, Device, IdempotencyKey, Session, User
from tests.services.conftest import Deployment, embedded_default, no_failures
from tests.services.servers import ROOT

pytestmark = pytest.mark.services

CONTACTS = 20
MOST_SECONDS = 240


def storm(deployed: Deployment, seed: int) -> str:
    """What the command says. Fails the test with all of it unless it ends well."""
    where = ["--base-url", deployed.base_urls[0], "--app-key-id", deployed.app_key.key_id]
    command = [sys.executable, "-m", "handset_client", "storm", *where, "--app-key-secret", deployed.app_key.secret]
    done = subprocess.run(
        [*command, "--contacts", str(CONTACTS), "--seed", str(seed)],
        cwd=ROOT,
        env=deployed.environment,
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
        check=False,  # what it says is told below
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def require_a_storm(said: str) -> None:
    """That much was lost, and that all of it was mended."""
    lost = re.search(r"Lost were (\d+) requests and (\d+) of (\d+) answers;\n(\d+) answers were replayed", said)
    assert lost is not None, said
    requests, answers, given, replayed = map(int, lost.groups())
    assert requests >= 1
    assert given / 6 < answers < given / 2
    assert replayed >= 5
    assert "the app is killed while create-" in said
    assert "1 device, 1 person, 1 session since the sign-up; 20 contacts created, 7 deleted:" in said
    assert "13 are there, each once and at version 2. Nothing doubled, nothing lost." in said


@pytest.mark.parametrize("seed", [2505, 4850])
def test_nothing_is_doubled_and_nothing_lost(deployed: Deployment, seed: int) -> None:
    tables = (Device, User, Session, Contact, IdempotencyKey)
    before = [table.objects.count() for table in tables]

    require_a_storm(storm(deployed, seed))

    # The device's session and the person's, deleted contacts as tombstones, one kept answer for each write of a contact.
    made = [table.objects.count() - count for table, count in zip(tables, before, strict=True)]
    assert made == [1, 1, 2, CONTACTS, CONTACTS + CONTACTS + 7]
    contacts = Contact.objects.filter(creator=User.objects.latest("created_at"))
    versions = sorted((contact.version, contact.deleted_at is None) for contact in contacts)
    assert versions == [(2, True)] * 13 + [(3, False)] * 7


def test_the_embedded_default_keeps_its_word_too(tmp_path: Path) -> None:
    with embedded_default(tmp_path) as embedded, no_failures(embedded):
        require_a_storm(storm(embedded, 2505))

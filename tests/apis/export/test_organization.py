"""`orgs/<org_slug>/export/`: everything that an organization has, as one file."""

import csv
import hashlib
import io
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from handset_client.outcomes import accept

from api.apis.export import services as export
from api.apis.export.services import running
from api.models import AuditEntry, Export, Image, Job, JobState, Membership, Organization, OutboxMessage, Role, User
from api.platform import outbox, storage
from tests.apis.api_keys.service import make_key
from tests.apis.export.conftest import begun, fetched, finished, work
from tests.apis.images.pictures import load
from tests.conftest import Person
from tests.http.answers import problem_of

pytestmark = pytest.mark.django_db

TABLES = (
    "organization memberships users contacts tags tag_relations images image_relations invitations api_keys audit "
    "audit_of_staff"
).split()


def path_of(organization: Organization) -> str:
    return f"orgs/{organization.slug}/export/"


def archives(files: Path) -> list[str]:
    return [str(path.relative_to(files)) for path in files.rglob("*") if path.is_file() and "exports" in path.parts]


# -- what is in it


def test_everything_is_in_the_archive_and_the_manifest_agrees(alice: Person, full: Organization) -> None:
    archive = fetched(alice, path_of(full))
    names = archive.zip.namelist()
    assert set(names) >= {f"{name}.jsonl" for name in TABLES} | {"contacts.csv", "contacts.vcf", "README.txt"}
    assert sorted(entry["path"] for entry in archive.manifest["files"]) == sorted({*names} - {"manifest.json"})
    for entry in archive.manifest["files"]:
        content = archive.zip.read(entry["path"])
        assert (len(content), hashlib.sha256(content).hexdigest()) == (entry["bytes"], entry["sha256"])
    assert archive.manifest["missing"] == []
    counts = archive.manifest["counts"]
    assert {name: len(archive.rows(name)) for name in TABLES} == counts
    assert all(counts[name] for name in TABLES if name != "audit_of_staff")
    assert archive.manifest["organization"] == {"id": str(full.id), "slug": full.slug, "name": "Team"}


def test_the_images_are_the_originals_byte_by_byte(alice: Person, full: Organization) -> None:
    archive = fetched(alice, path_of(full))
    (row,) = archive.rows("images")
    (path,) = [name for name in archive.zip.namelist() if name.startswith("images/")]
    image = Image.objects.get(id=row["id"])
    content = archive.zip.read(path)
    assert path == f"images/{image.id}/original.jpg"
    assert (len(content), hashlib.sha256(content).hexdigest()) == (image.size_bytes, bytes(image.sha256).hex())


def test_no_cell_of_the_table_is_a_formula(alice: Person, full: Organization) -> None:
    archive = fetched(alice, path_of(full))
    (row,) = csv.DictReader(io.StringIO(archive.text("contacts.csv")))
    assert (row["display_name"], row["tags"], row["notes"]) == ("'=1+1", "VIP", "a\nb")
    assert "FN:=1+1\r\n" in archive.text("contacts.vcf")


def test_the_archive_has_no_secrets(alice: Person, full: Organization) -> None:
    archive = fetched(alice, path_of(full))
    words = {column for name in TABLES for row in archive.rows(name) for column in row}
    assert not {word for word in words if re.search("digest|password|salt|secret|token|_key$|_identity", word)}
    assert not any(alice.email in archive.text(f"{name}.jsonl") for name in ("users", "memberships"))


def test_unzip_finds_nothing_wrong(alice: Person, full: Organization, tmp_path: Path) -> None:
    unzip = shutil.which("unzip")
    if unzip is None:
        pytest.skip("there is no unzip here")
    export_ = finished(alice, path_of(full))
    (tmp_path / "a.zip").write_bytes(load(alice, export_["url"]).body)
    done = subprocess.run([unzip, "-t", str(tmp_path / "a.zip")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_missing_in_the_storage_is_listed_as_missing(alice: Person, full: Organization) -> None:
    image = Image.objects.get()
    storage.delete([f"{image.name}/original.jpg"])
    archive = fetched(alice, path_of(full))
    assert archive.manifest["missing"] == [{"path": f"images/{image.id}/original.jpg"}]
    assert archive.manifest["counts"]["images"] == 1
    assert Export.objects.get().counts["missing"] == 1


def test_nothing_of_another_organization_is_in_it(alice: Person, full: Organization) -> None:
    accept(alice.post("contacts/", {"display_name": "Mine alone"}))
    archive = fetched(alice, path_of(full))
    assert all("Mine alone" not in archive.text(name) for name in archive.zip.namelist() if "images" not in name)


# -- its life


def test_an_export_is_a_job_with_a_link_for_five_minutes(alice: Person, full: Organization) -> None:
    path = path_of(full)
    answer = alice.post(path)
    export_id = answer.json["id"]
    assert answer.headers["location"] == f"/api/v1/{path}{export_id}/"
    assert (answer.json["state"], answer.json["url"]) == ("PENDING", None)
    work()
    export_ = accept(alice.get(f"{path}{export_id}/")).json
    assert (export_["state"], export_["progress"]) == ("SUCCESS", 100)
    assert accept(alice.get(f"tasks/{export_id}/")).json["state"] == "SUCCESS"
    content = load(alice, export_["url"]).body
    assert len(content) == export_["size_bytes"] == export_["result"]["bytes"]
    expires_at = int(re.search(r"expires=(\d+)", export_["url"])[1])  # type: ignore[index]  # it is there
    assert 290 <= expires_at - timezone.now().timestamp() <= 300
    (listed,) = accept(alice.get(path)).json["data"]
    assert listed == {name: value for name, value in export_.items() if not name.startswith("url")}


def test_a_second_request_answers_the_export_that_is_under_way(alice: Person, bob: Person, full: Organization) -> None:
    Membership.objects.filter(user=bob.user, organization=full).update(role=Role.ADMIN)
    first = begun(alice, path_of(full))
    assert begun(bob, path_of(full))["id"] == first["id"]
    work()
    assert begun(bob, path_of(full))["id"] != first["id"]


def test_a_key_with_the_scope_makes_one_and_its_holder_gets_the_mail(alice: Person, full: Organization) -> None:
    path = path_of(full)
    problem_of(make_key(alice, full, "contacts:read")[1].request("POST", path), 403, "forbidden")
    _, service = make_key(alice, full, "export:create")
    answer = service.request("POST", path)
    assert answer.status == 202, answer.body
    work()
    assert accept(service.get(f"{path}{answer.json['id']}/")).json["url"]
    assert mail.outbox[-1].to == [alice.email]


def test_calling_one_off_leaves_no_object_and_it_can_be_tried_again(
    alice: Person, full: Organization, files: Path
) -> None:
    path = path_of(full)
    export_id = begun(alice, path)["id"]
    assert alice.delete(f"{path}{export_id}/").status == 204
    work()
    assert accept(alice.get(f"{path}{export_id}/")).json["state"] == "REVOKED"
    assert archives(files) == []
    assert alice.post(f"{path}{export_id}/retry/").json["state"] == "PENDING"
    work()
    assert accept(alice.get(f"{path}{export_id}/")).json["state"] == "SUCCESS"
    assert len(archives(files)) == 1
    problem_of(alice.post(f"{path}{export_id}/retry/"), 409, "export_not_failed")
    assert alice.delete(f"{path}{export_id}/").status == 204
    work()
    assert archives(files) == []
    problem_of(alice.get(f"{path}{export_id}/"), 404, "not_found")


def test_one_that_is_called_off_while_it_is_at_work_leaves_nothing(
    alice: Person, full: Organization, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = path_of(full)
    export_id = begun(alice, path)["id"]
    seen: list[list[str]] = []
    fetch = storage.fetched

    def call_off(name: str) -> Any:
        seen.append(archives(files))
        assert alice.delete(f"tasks/{export_id}/").status == 204
        return fetch(name)

    monkeypatch.setattr(storage, "fetched", call_off)
    monkeypatch.setattr("api.apis.export.services.building._REPORTED_SECONDS", 0)
    monkeypatch.setattr("api.apis.export.services.building.ThreadPoolExecutor", AtOnce)
    work()
    assert len(seen[0]) == 1
    assert archives(files) == []
    assert accept(alice.get(f"{path}{export_id}/")).json["state"] == "REVOKED"


class AtOnce:
    """A pool without threads: what they do belongs to the test's transaction."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __enter__(self) -> "AtOnce":
        return self

    def __exit__(self, *_: object) -> None: ...

    def submit(self, function: Any, *arguments: Any) -> Any:
        from concurrent.futures import Future

        future: Future[Any] = Future()
        future.set_result(function(*arguments))
        return future


def test_what_a_dead_worker_left_goes_and_the_next_one_makes_one_archive(
    alice: Person, full: Organization, files: Path
) -> None:
    path = path_of(full)
    export_id = begun(alice, path)["id"]
    outbox.claim(most=1, of_jobs=True)
    started = export.running.begin_attempt(Export.objects.get().id)
    half = files / f"{started.name}.part"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half of it")
    OutboxMessage.objects.filter(job_id=export_id).update(due_at=timezone.now())
    work()
    (name,) = archives(files)
    assert name == Export.objects.get().name != started.name
    assert accept(alice.get(f"{path}{export_id}/")).json["state"] == "SUCCESS"


def test_an_archive_whose_worker_died_before_it_could_say_so_is_not_made_again(
    alice: Person, full: Organization, files: Path
) -> None:
    path = path_of(full)
    export_id = begun(alice, path)["id"]
    (message,) = outbox.claim(most=1, of_jobs=True)
    Job.objects.filter(id=export_id).update(state=JobState.STARTED)
    export.run_export(export_id)
    (name,) = archives(files)
    OutboxMessage.objects.filter(id=message.id).update(due_at=timezone.now())
    work()
    assert archives(files) == [name]
    assert accept(alice.get(f"{path}{export_id}/")).json["result"]["bytes"] == (files / name).stat().st_size
    assert len([sent for sent in mail.outbox if sent.subject == "Your export is ready"]) == 1


def _demote(person: Person, organization: Organization) -> None:
    Membership.objects.filter(user=person.user, organization=organization).update(role=Role.MEMBER)


def _remove(person: Person, organization: Organization) -> None:
    Membership.objects.filter(user=person.user, organization=organization).delete()


def _deactivate(person: Person, organization: Organization) -> None:
    User.objects.filter(id=person.user.id).update(is_active=False)


LOSSES = pytest.mark.parametrize("lose", [_demote, _remove, _deactivate])


@LOSSES
def test_who_may_no_more_when_it_is_made_gets_none(bob: Person, full: Organization, files: Path, lose: Any) -> None:
    Membership.objects.filter(user=bob.user, organization=full).update(role=Role.ADMIN)
    export_id = begun(bob, path_of(full))["id"]
    lose(bob, full)
    work()
    error = "not_found" if lose is _remove else "forbidden"
    assert Job.objects.filter(id=export_id).values_list("state", "error").get() == ("FAILURE", error)
    assert archives(files) == []
    assert [sent for sent in mail.outbox if sent.subject == "Your export is ready"] == []


@LOSSES
def test_who_may_no_more_while_it_is_made_hears_nothing_of_it(
    bob: Person, full: Organization, lose: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    Membership.objects.filter(user=bob.user, organization=full).update(role=Role.ADMIN)
    build = running.build

    def then_lose(*args: Any, **others: Any) -> Any:
        lose(bob, full)
        return build(*args, **others)

    monkeypatch.setattr(running, "build", then_lose)
    export_id = begun(bob, path_of(full))["id"]
    work()
    assert Export.objects.get(id=export_id).ready_at is not None  # the other admins have it
    assert [sent for sent in mail.outbox if sent.subject == "Your export is ready"] == []


def test_who_may_no_more_once_it_is_made_is_refused(alice: Person, bob: Person, full: Organization) -> None:
    path = path_of(full)
    Membership.objects.filter(user=bob.user, organization=full).update(role=Role.ADMIN)
    export_ = finished(bob, path)
    accept(alice.patch(f"orgs/{full.slug}/members/{bob.user.username}/", {"role": "member"}))
    for refused in (
        bob.get(path),
        bob.get(f"{path}{export_['id']}/"),
        bob.post(f"{path}{export_['id']}/retry/"),
        bob.delete(f"{path}{export_['id']}/"),
    ):
        problem_of(refused, 403, "forbidden")
    assert accept(alice.get(f"{path}{export_['id']}/")).json["url"]


def test_a_store_that_fails_is_no_refusal(alice: Person, full: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    from api.exceptions import TemporarilyUnavailable

    def fail(export_: Export) -> Any:
        raise TemporarilyUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(running, "place_of", fail)
        export_id = begun(alice, path_of(full))["id"]
        work()
    assert Job.objects.get(id=export_id).state == "RETRY"


def test_storage_that_fails_is_tried_again_and_told_truthfully(
    alice: Person, full: Organization, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from api.exceptions import TemporarilyUnavailable

    def fail(name: str) -> Any:
        raise TemporarilyUnavailable

    path = path_of(full)
    with monkeypatch.context() as patch:
        patch.setattr(storage, "fetched", fail)
        export_id = begun(alice, path)["id"]
        work()
    export_ = accept(alice.get(f"{path}{export_id}/")).json
    assert (export_["state"], export_["error"], export_["url"]) == ("RETRY", "temporarily_unavailable", None)
    assert archives(files) == []
    OutboxMessage.objects.filter(job_id=export_id).update(due_at=timezone.now())
    work()
    assert accept(alice.get(f"{path}{export_id}/")).json["state"] == "SUCCESS"
    assert len(archives(files)) == 1


def test_its_time_ends_also_when_the_organization_is_gone(alice: Person, full: Organization, files: Path) -> None:
    finished(alice, path_of(full))
    Export.objects.update(expires_at=timezone.now() + timedelta(minutes=1))
    export.forget_old_exports()
    work()
    assert len(archives(files)) == 1
    Export.objects.update(organization=None)
    export.forget_old_exports()
    work()
    assert archives(files) == []
    assert not Export.objects.exists()


def test_it_goes_with_its_organization(alice: Person, full: Organization, files: Path) -> None:
    finished(alice, path_of(full))
    begun(alice, path_of(full))
    assert len(archives(files)) == 1
    assert alice.post(f"orgs/{full.slug}/delete/", {"name": "Team"}).status in {202, 204}
    work()
    assert archives(files) == []
    assert not Export.objects.exists()


def test_its_time_ends(alice: Person, full: Organization, files: Path) -> None:
    finished(alice, path_of(full))
    Export.objects.update(expires_at=timezone.now())
    export.forget_old_exports()
    work()
    assert archives(files) == []
    assert accept(alice.get(path_of(full))).json["data"] == []


def test_what_is_done_to_exports_is_in_the_audit_trail(alice: Person, full: Organization) -> None:
    export_id = finished(alice, path_of(full))["id"]
    alice.delete(f"{path_of(full)}{export_id}/")
    actions = AuditEntry.objects.filter(target_id=export_id).order_by("id").values_list("action", flat=True)
    assert list(actions) == ["export.begun", "export.ready", "export.removed"]

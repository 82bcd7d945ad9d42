"""An export of a large organization: the worker's memory above idle, and its time beside that of zipping the same bytes.

    [DATABASE_URL=mysql://root@127.0.0.1:3306/empty_one] python benchmarks/bench_export.py [contacts] [images]

Files lie in a folder of this machine. The other side writes the very files that came out into a ZIP in the same way, from a
folder, without any database. The exit status is 1 when a budget is missed.
"""

from harness import SCRATCH

# isort: split
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

from django.core.management import call_command

from api.apis.contacts.services.changing import BLANK
from api.apis.export import services as export
from api.apis.jobs import services as jobs
from api.apis.users import services as users
from api.models import ActorKind, Channel, Contact, Export, Image, Organization, Tag, TagLink, User
from api.platform import callers, kinds, memberships, storage
from api.platform.callers import Caller

NUMBERS = [int(word) for word in sys.argv[1:] if word.isdecimal()]
CONTACTS, IMAGES = [*NUMBERS, *(100_000, 2_000)[len(NUMBERS) :]]
IMAGE_BYTES = 85_000
WRITTEN_AT_ONCE = 2_000
MEMORY_MAX_MIB, TIMES_MAX = 100, 2.0


def main() -> None:
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2])
        return
    export_id = seed()
    command = [sys.executable, __file__, "--work", export_id]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    idle_mib, peak_mib, seconds = (float(number) for number in done.stdout.split()[-3:])
    (archive,) = SCRATCH.rglob("exports/**/*.zip")
    plain = zip_again(archive)
    above, times = peak_mib - idle_mib, seconds / plain
    print(f"{CONTACTS:,} contacts, {IMAGES:,} images, {archive.stat().st_size / 2**20:.0f} MiB")
    print(f"memory: idle {idle_mib:.0f} MiB, at most {above:.0f} MiB above it (budget {MEMORY_MAX_MIB})")
    print(f"time: {seconds:.2f} s; the same files into a ZIP {plain:.2f} s; {times:.2f} x (budget {TIMES_MAX})")
    sys.exit(above > MEMORY_MAX_MIB or times > TIMES_MAX)


def seed() -> str:
    """The id of an export that is due, of an organization with everything that takes long."""
    call_command("migrate", verbosity=0)
    name = f"bench{time.time_ns()}"
    person = users.create_person(
        callers.command(), email=f"{name}@example.com", password="correct horse battery staple", profile={}
    )
    own = Organization.objects.get(personal_of=person)
    tags = [
        Tag.objects.create(organization=own, name=f"T{n}", name_identity=f"t{n}", slug=f"t{n}", change_seq=n)
        for n in range(20)
    ]
    for start in range(0, CONTACTS, WRITTEN_AT_ONCE):
        seed_contacts(person, own, tags, range(start, min(CONTACTS, start + WRITTEN_AT_ONCE)))
    pictures = [Image(organization=own, creator=person, **picture(number)) for number in range(IMAGES)]
    for image in pictures:
        storage.save(f"{image.name}/original.jpg", os.urandom(IMAGE_BYTES))
    Image.objects.bulk_create(pictures, batch_size=WRITTEN_AT_ONCE)
    places = memberships.of_person(person.id)
    caller = Caller(kind=ActorKind.USER, channel=Channel.API, user_id=person.id, memberships=places)
    return str(export.begin_export(caller, organization=own.slug))


def seed_contacts(person: User, own: Organization, tags: list[Tag], numbers: range) -> None:
    made = [
        Contact(organization=own, creator=person, slug=f"grace-{n}-{person.id}", change_seq=n, **values(n))
        for n in numbers
    ]
    Contact.objects.bulk_create(made)
    TagLink.objects.bulk_create(
        TagLink(tag=tag, organization=own, kind=kinds.CONTACT, object_id=one.id, change_seq=one.change_seq)
        for one in made
        for tag in (tags[one.change_seq % 10], tags[10 + one.change_seq % 7])
    )


def picture(number: int) -> dict[str, Any]:
    return {
        "name": f"images/{time.time_ns()}{number:08}",
        "media_type": "image/jpeg",
        "width": 1,
        "height": 1,
        "size_bytes": IMAGE_BYTES,
        "sha256": bytes(32),
        "dominant_color": "#000000",
        "thumbhash": b"",
        "change_seq": number,
    }


def values(number: int) -> dict[str, Any]:
    return {
        **BLANK,
        "display_name": f"Grace Hopper {number}",
        "first_name": "Grace",
        "last_name": f"Hopper {number}",
        "company": "Analytical Engines",
        "emails": [{"label": "work", "value": f"grace.{number}@example.com", "is_primary": True}],
        "phone_numbers": [{"label": "mobile", "value": f"+49151{number:08}", "is_primary": True}],
        "addresses": [
            {"label": "home", "street": "Long Lane 1", "postal_code": "10115", "city": "Berlin", "region": ""}
        ],
        "notes": f"Met at the fair, number {number}. Likes compilers, and long sentences about them." * 2,
        "display_name_key": f"grace hopper {number}",
        "first_name_key": "grace",
        "last_name_key": f"hopper {number}",
        "email_key": f"grace.{number}@example.com",
    }


def work(export_id: str) -> None:
    """In a process of its own: idle memory, peak (MiB), and seconds."""
    Organization.objects.first()
    idle = status("VmRSS")
    began = time.monotonic()
    assert jobs.run_due_job() == 1
    seconds = time.monotonic() - began
    assert Export.objects.get(id=export_id).ready_at is not None
    print(idle, status("VmHWM"), seconds)


def status(name: str) -> float:
    """A line of this process's status (MiB)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def zip_again(archive: Path) -> float:
    """Seconds that it takes to write the files of an archive into another one, as they are packed there."""
    with zipfile.ZipFile(archive) as whole:
        whole.extractall(SCRATCH / "plain")
        members = [(info.filename, info.compress_type) for info in whole.infolist()]
    began = time.monotonic()
    with zipfile.ZipFile(SCRATCH / "again.zip", "w") as again:
        for name, packing in members:
            again.write(SCRATCH / "plain" / name, name, packing)
    return time.monotonic() - began


if __name__ == "__main__":
    main()

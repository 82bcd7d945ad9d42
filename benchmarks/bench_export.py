"""An export of a large organization: the worker's memory above idle, and its time beside that of zipping the same bytes.

    [DATABASE_URL=mysql://root@127.0.0.1:3306/empty_one] python benchmarks/bench_export.py [contacts] [images]

Files lie in a folder of this machine. The other side writes the very files that came out into a ZIP, packed alike (`zipfile`
at its usual level, images as they are), from a folder, without any database; it makes neither digests nor a manifest. What
contacts say is as various as it is in life: text that repeats itself would be packed in no time. The exit status is 1 when
a budget is missed.
"""

from harness import SCRATCH

# isort: split
import gc
import os
import random
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
    idle_mib, peak_mib, seconds, processor = (float(number) for number in done.stdout.split()[-4:])
    (archive,) = SCRATCH.rglob("exports/**/*.zip")
    plain, plain_processor = zip_again(archive)
    above, times = peak_mib - idle_mib, seconds / plain
    print(f"{CONTACTS:,} contacts, {IMAGES:,} images, {archive.stat().st_size / 2**20:.0f} MiB")
    print(f"memory: idle {idle_mib:.0f} MiB, at most {above:.0f} MiB above it (budget {MEMORY_MAX_MIB})")
    print(f"time: {seconds:.2f} s; the same files into a ZIP {plain:.2f} s; {times:.2f} x (budget {TIMES_MAX})")
    print(f"processor: {processor:.2f} s; {plain_processor:.2f} s; {processor / plain_processor:.2f} x")
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


_SYLLABLES = [first + second for first in "b d f g k l m n p r s t v w z sch st".split() for second in "aeiou"]


def words(dice: random.Random, most: int) -> list[str]:
    """Words that nobody has heard, the short ones more often, as in any language."""
    return ["".join(dice.choices(_SYLLABLES, k=min(4, 1 + int(dice.expovariate(0.8))))) for _ in range(most)]


def values(number: int) -> dict[str, Any]:
    dice = random.Random(number)
    first, last, company, street, city = (word.capitalize() for word in words(dice, 5))
    email = f"{first}.{last}{number}@{company}.example".lower()
    return {
        **BLANK,
        "display_name": f"{first} {last}",
        "first_name": first,
        "last_name": last,
        "company": f"{company} Ltd.",
        "emails": [{"label": "work", "value": email, "is_primary": True}],
        "phone_numbers": [{"label": "mobile", "value": f"+49151{dice.randrange(10**8):08}", "is_primary": True}],
        "addresses": [
            {
                "label": "home",
                "street": f"{street} {dice.randrange(200)}",
                "postal_code": f"{dice.randrange(10**5):05}",
                "city": city,
                "region": "",
            }
        ],
        "notes": " ".join(words(dice, 25)),
        "display_name_key": f"{first} {last}".lower(),
        "first_name_key": first.lower(),
        "last_name_key": last.lower(),
        "email_key": email,
    }


def work(export_id: str) -> None:
    """In a process of its own: idle memory, peak (MiB), seconds, and seconds of the processor."""
    Organization.objects.first()
    gc.freeze()  # as workers do
    idle = status("VmRSS")
    began, processor_began = time.monotonic(), time.process_time()
    assert jobs.run_due_job() == 1
    seconds, processor = time.monotonic() - began, time.process_time() - processor_began
    assert Export.objects.get(id=export_id).ready_at is not None
    print(idle, status("VmHWM"), seconds, processor)


def status(name: str) -> float:
    """A line of this process's status (MiB)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def zip_again(archive: Path) -> tuple[float, float]:
    """Seconds that it takes to write the files of an archive into another one, as they are packed there; and seconds of the
    processor.
    """
    with zipfile.ZipFile(archive) as whole:
        whole.extractall(SCRATCH / "plain")
        members = [(info.filename, info.compress_type) for info in whole.infolist()]
    began, processor_began = time.monotonic(), time.process_time()
    with zipfile.ZipFile(SCRATCH / "again.zip", "w") as again:
        for name, packing in members:
            again.write(SCRATCH / "plain" / name, name, packing)
    return time.monotonic() - began, time.process_time() - processor_began


if __name__ == "__main__":
    main()

"""What an upload's picture costs, beside the straightforward way: time, and memory above an idle worker.

Each run is a process of its own that has worked on a small picture before; its memory is the peak of what it holds. Then
a server takes bulk uploads of twenty pictures of 12 megapixels and of as many bytes as it takes at once, signed, and its
worker's memory is looked at in the same way. The exit status is 1 when a budget is missed.
"""

from harness import SCRATCH

# isort: split
import io
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from handset_client import Call, Client, HttpTransport
from handset_client.outcomes import accept
from PIL import Image

from api.platform.renditions import rendition_of
from tests.pictures import BOUNDARY, Field, form
from tests.services.servers import UNLIMITED, Gunicorn, deployment, make_app_key, manage

RUNS = 5
SIZES = {"12 MP": (4000, 3000), "48 MP": (8000, 6000)}
# Of the straightforward way: time, and MiB above the idle worker.
BUDGETS = {"12 MP": (0.55, 120), "48 MP": (0.25, 150)}
# Of a bulk upload: files, bytes together, MiB above the idle worker.
BULK_FILES, BULK_BYTES, BULK_MIB = 20, 100 * 2**20, 120
_STORES = {"DATABASE_URL", "REDIS_STATE_URL", "REDIS_CACHE_URL", "CELERY_BROKER_URL"}


def photo(width: int, height: int) -> bytes:
    """A JPEG as large as a phone's, with as much in it."""
    grains = Image.effect_noise((width // 8, height // 8), 80).resize((width, height), Image.Resampling.BICUBIC)
    turned = (grains.transpose(Image.Transpose.FLIP_LEFT_RIGHT), grains.transpose(Image.Transpose.FLIP_TOP_BOTTOM))
    written = io.BytesIO()
    Image.merge("RGB", (grains, *turned)).save(written, "JPEG", quality=88)
    return written.getvalue()


def straightforward(content: bytes) -> None:
    """What most write first: open it, and resize from the whole for each size."""
    for side in (160, 400, 800, 1600):
        picture = Image.open(io.BytesIO(content))
        picture.load()
        scale = side / max(picture.size)
        size = (round(picture.width * scale), round(picture.height * scale))
        picture.resize(size, Image.Resampling.LANCZOS).save(io.BytesIO(), "WEBP", quality=80)


def ours(content: bytes) -> None:
    rendition_of(content)


WAYS: dict[str, Callable[[bytes], None]] = {"straightforward": straightforward, "ours": ours}


def _peak_mib(process: int | str = "self") -> float:
    with open(f"/proc/{process}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


def _begin_anew(process: int | str = "self") -> None:
    """The peak is what is held now."""
    with open(f"/proc/{process}/clear_refs", "w") as refs:
        refs.write("5")


def measure(way: str, path: str) -> None:
    """One run in this process; writes seconds and MiB."""
    with open(path, "rb") as file:
        content = file.read()
    WAYS[way](photo(64, 48))
    _begin_anew()
    idle, began_at = _peak_mib(), time.perf_counter()
    WAYS[way](content)
    print(json.dumps([time.perf_counter() - began_at, _peak_mib() - idle]))


def bulk() -> float:
    """MiB above the idle worker at the peak of a bulk upload; prints what it took."""
    given = deployment(VAR_DIR=str(SCRATCH / "bulk"), WEB_CONCURRENCY="1", **UNLIMITED)
    environment = {name: value for name, value in given.items() if name not in _STORES}
    manage(environment, "migrate", "--verbosity=0")
    app_key = make_app_key(environment)
    server = Gunicorn(environment, SCRATCH / "gunicorn.log")
    try:
        server.wait_until_up()
        person = Client(server.base_url, *app_key, transport=HttpTransport(read_seconds=600))
        accept(person.sign_up("bench@example.com", "correct horse battery staple"))
        slug = accept(person.request("GET", "orgs/")).json["data"][0]["slug"]
        _upload(person, slug, [photo(640, 480)])
        (worker,) = server.workers()
        _begin_anew(worker)
        idle, began_at = _peak_mib(worker), time.perf_counter()
        content = photo(*SIZES["12 MP"])
        # What stands behind the end of a picture is read and left out.
        _upload(person, slug, [content + bytes(BULK_BYTES // BULK_FILES - len(content))] * BULK_FILES)
        seconds, mib = time.perf_counter() - began_at, _peak_mib(worker) - idle
    finally:
        server.stop()
    print(
        f"bulk   {BULK_FILES} pictures, {BULK_BYTES >> 20} MiB in {seconds:.1f} s, +{mib:.0f} MiB (at most {BULK_MIB})"
    )
    return mib


def _upload(person: Client, slug: str, contents: list[bytes]) -> None:
    body = form(*(Field("files", content, "photo.jpg", "image/jpeg") for content in contents))
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    call = Call("POST", f"images/orgs/{slug}/bulk-upload/", body=body, headers=headers, is_signed=True)
    results = accept(person.perform(call)).json["data"]
    assert [result["status"] for result in results] == [201] * len(contents), results


def main() -> None:
    missed = []
    for size, (width, height) in SIZES.items():
        path = SCRATCH / "photo.jpg"
        path.write_bytes(photo(width, height))
        found: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
        for _ in range(RUNS):  # by turns: both have the same neighbours
            for way in WAYS:
                command = [sys.executable, __file__, way, str(path)]
                found[way].append(tuple(json.loads(subprocess.check_output(command))))
        medians = {
            way: [statistics.median(column) for column in zip(*runs, strict=True)] for way, runs in found.items()
        }
        for way, (seconds, mib) in medians.items():
            print(f"{size}  {way:16} {seconds * 1000:7.0f} ms  +{mib:4.0f} MiB")
        ratio, mib = medians["ours"][0] / medians["straightforward"][0], medians["ours"][1]
        most_ratio, most_mib = BUDGETS[size]
        print(f"{size}  {ratio:.2f} of the time (at most {most_ratio}), +{mib:.0f} MiB (at most {most_mib})")
        if ratio > most_ratio or mib > most_mib:
            missed.append(size)
    if bulk() > BULK_MIB:
        missed.append("bulk")
    if missed:
        raise SystemExit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(*sys.argv[1:])
    else:
        main()

"""One process of a release: writes and reads until its input ends, and counts aloud.

    RELEASE=2 python -m tests.releases 1000000

writes badges from that number on.
"""

import sys
import threading

import django


def main() -> None:
    django.setup()
    from tests.releases import models

    first, is_over = int(sys.argv[1]), threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), is_over.set()), daemon=True).start()
    written = 0
    while not is_over.is_set():
        models.write(first + written)
        written += 1
        if wrong := models.wrong():
            raise SystemExit(f"release {models.RELEASE} reads {wrong[:5]} wrongly")
        sys.stdout.write(f"{written}\n")
        sys.stdout.flush()
        is_over.wait(0.02)


if __name__ == "__main__":
    main()

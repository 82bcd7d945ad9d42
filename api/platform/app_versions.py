"""Which versions of the apps are served still: the minimum of each platform, known to each process for five seconds."""

import functools
import re
import time
from http import HTTPStatus

from api.exceptions import ApiError
from api.models import AppVersion

FRESH_SECONDS = 5
_NUMBERS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,3}")

Version = tuple[int, ...]


class AppUpgradeRequired(ApiError):
    """The app is older than what this server still serves; `store_url` is where the new one is."""

    status = HTTPStatus.UPGRADE_REQUIRED
    code = "app_upgrade_required"
    title = "This version of the app is served no more"
    detail = "Install the present version."
    remedy = "Update the app: send the person to `store_url`."


def parse_version(text: str) -> Version | None:
    """The numbers that a version begins with, without zeros at their end; None where there are none."""
    form = _NUMBERS.match(text)
    if form is None:
        return None
    numbers = [int(number) for number in form[0].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def is_version(text: str) -> bool:
    """Whether this is nothing but a version's numbers."""
    return _NUMBERS.fullmatch(text) is not None


def require_supported(platform: str, version: str) -> None:
    """Raises AppUpgradeRequired for a version below its platform's minimum; what is no version is let pass."""
    minimum, store_url = _minimums(int(time.monotonic() // FRESH_SECONDS)).get(platform, ((), ""))
    parsed = parse_version(version)
    if parsed is not None and parsed < minimum:
        raise AppUpgradeRequired(store_url=store_url or None)


@functools.lru_cache(maxsize=1)
def _minimums(_five_seconds: int) -> dict[str, tuple[Version, str]]:
    """Each platform's minimum and store link, as they stand in that span of time."""
    rows = AppVersion.objects.values_list("platform", "minimum_version", "store_url")
    return {platform: (parse_version(minimum) or (), store_url) for platform, minimum, store_url in rows}


def forget() -> None:
    """Has this process look again: a minimum was changed."""
    _minimums.cache_clear()

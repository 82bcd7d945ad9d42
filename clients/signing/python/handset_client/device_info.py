"""What a device tells about itself."""

from dataclasses import asdict, dataclass
from typing import Any

_FIXED = {"platform", "model", "region"}  # told once, at registration


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """Members of a registration; None is not told."""

    platform: str = "other"  # ios | android | web | other
    app_version: str = "0.1.0"
    build: int | None = 1
    os_version: str | None = None
    model: str | None = None
    name: str | None = None
    locale: str | None = None  # BCP 47
    timezone: str | None = None  # IANA
    region: str | None = None  # ISO 3166-1

    def at_registration(self) -> dict[str, Any]:
        """All that is known."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def at_token(self) -> dict[str, Any]:
        """What an upgrade or a setting may have changed since."""
        known = self.at_registration()
        return {name: value for name, value in known.items() if name not in _FIXED}

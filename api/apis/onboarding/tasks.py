"""Background work of registration."""

from api.apis.onboarding import services
from api.platform import outbox


@outbox.task("onboarding.sweep")
def sweep() -> None:
    """Forgets devices that never asked for a token."""
    while services.forget_never_activated():
        pass

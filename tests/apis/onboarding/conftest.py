"""What the tests of registration share."""

from collections.abc import Callable

import pytest
from pytest_django import Settings

from tests.apis.auth.stores import _redis_url, in_database, no_redis, own_redis
from tests.apis.auth.wire import MakePhone, _commits_take_effect, clock, new_phone
from tests.apis.onboarding.attesting import Attester
from tests.attesters import APP_ID, PACKAGE, Apple, Google
from tests.conftest import AppKeyOnPhone

__all__ = ["_commits_take_effect", "_redis_url", "clock", "in_database", "new_phone", "no_redis", "own_redis"]


@pytest.fixture(scope="session")
def apple() -> Apple:
    return Apple()


@pytest.fixture(scope="session")
def google() -> Google:
    return Google()


@pytest.fixture
def attests(settings: Settings, apple: Apple, google: Google) -> None:
    """A server that is set up to judge evidence of both."""
    settings.APP_ATTEST_APP_ID = APP_ID
    settings.APP_ATTEST_ROOT_CA = apple.root_pem
    settings.PLAY_INTEGRITY_PACKAGE = PACKAGE
    settings.PLAY_INTEGRITY_DECRYPTION_KEY = google.decryption_key
    settings.PLAY_INTEGRITY_VERIFICATION_KEY = google.verification_key


@pytest.fixture
def new_attester(
    app_key: AppKeyOnPhone, new_phone: MakePhone, apple: Apple, google: Google, attests: None
) -> Callable[[], Attester]:
    """Makes a phone that can attest, and was never seen."""

    def make() -> Attester:
        phone, transport = new_phone()
        return Attester(app_key, phone, transport, apple, google)

    return make


@pytest.fixture
def attester(new_attester: Callable[[], Attester]) -> Attester:
    return new_attester()

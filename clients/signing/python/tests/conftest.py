"""What several files use: time that stands still, a server in memory, a phone on it."""

import pytest
from fake_api import APP_KEY_ID, APP_KEY_SECRET, BASE_URL, FakeApi, FakeTime, MakePhone
from handset_client import Client, MemoryStorage, ServerClock, Storage, Transport


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def api(time: FakeTime) -> FakeApi:
    return FakeApi(time)


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def make_phone(api: FakeApi, time: FakeTime, storage: Storage) -> MakePhone:
    """Makes the app start: each call is another process on the same storage."""

    def make(*, hardware_key: bool = False, transport: Transport = api) -> Client:
        return Client(
            BASE_URL,
            APP_KEY_ID,
            APP_KEY_SECRET,
            transport=transport,
            storage=storage,
            clock=ServerClock(wall=time, monotonic=time),
            sleep=time.sleep,
            hardware_key=hardware_key,
        )

    return make


@pytest.fixture
def phone(make_phone: MakePhone) -> Client:
    return make_phone()

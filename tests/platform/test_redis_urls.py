"""How URLs of Redis are read: what is taken, what it means, and what is refused without repeating a password."""

import os
from collections.abc import Callable

import pytest
from django.core.exceptions import ImproperlyConfigured

from api.platform import redis_urls
from core.settings import env

TAKEN = [
    "redis://redis",
    "redis://:secret@redis:6379/0",
    "rediss://redis/1?ssl_ca_certs=/run/ca.pem",
    "unix:///run/redis.sock",
    "redis+sentinel://one:26379,two,[::1]:3/main/0",
]
REFUSED = [
    "redis:/redis",
    "redis://redis/name",
    "redis://:sec/ret@redis:6379/0",
    "redis+sentinel://:sec/ret@one/main/0",
    "redis+sentinel://one:26379",
    "redis+sentinel://one,,two/main/0",
    "redis+sentinel://one/main/name",
    "redis+sentinel://one:65536/main",
    "sentinel://one:26379",
]


@pytest.mark.parametrize("url", TAKEN)
@pytest.mark.parametrize("read", [env.redis, env.broker])
def test_what_can_be_reached_is_taken(monkeypatch: pytest.MonkeyPatch, read: Callable[[str], str], url: str) -> None:
    monkeypatch.setenv("REDIS_STATE_URL", url)
    assert read("REDIS_STATE_URL") == url


@pytest.mark.parametrize(
    ("name", "url"),
    [(name, url) for name in ("REDIS_CACHE_URL", "REDIS_STATE_URL", "CELERY_BROKER_URL") for url in REFUSED]
    + [(name, "http://redis") for name in ("REDIS_CACHE_URL", "REDIS_STATE_URL")],  # Celery knows more kinds of brokers
)
def test_what_cannot_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, url: str) -> None:
    monkeypatch.setenv(name, url)
    read = env.broker if name == "CELERY_BROKER_URL" else env.redis
    with pytest.raises(ImproperlyConfigured, match=f"^{name} is not valid: ") as refusal:
        read(name)
    assert "sec" not in str(refusal.value)
    assert os.environ[name] not in str(refusal.value)


def test_another_broker_is_left_to_celery(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", "amqp://user:secret@one//;amqp://two//")
    assert env.broker("CELERY_BROKER_URL") == "amqp://user:secret@one//;amqp://two//"


def test_what_a_url_of_sentinels_means() -> None:
    url = "rediss+sentinel://user:p%40ss@one,[::1]:3/main/2?ssl_ca_certs=/run/ca.pem&sentinel_password=theirs"
    found = redis_urls.sentinels(url)
    assert found is not None
    assert found.addresses == [("one", 26379), ("::1", 3)]
    tls = {"ssl": True, "ssl_ca_certs": "/run/ca.pem"}
    assert found.options == {"username": "user", "password": "p@ss", "db": 2, **tls}
    assert found.their_options.pop("retry").get_retries() == 0
    assert found.their_options == {"password": "theirs", **tls}


def test_what_celery_is_told_of_them() -> None:
    found = redis_urls.sentinels("rediss+sentinel://user:p%40ss@one,[::1]:3/main/2?ssl_ca_certs=/run/ca.pem")
    assert found is not None
    url, transport, tls = found.for_celery({"socket_timeout": 2})
    assert url == "sentinel://user:p%40ss@one:26379/2;sentinel://user:p%40ss@[::1]:3/2"
    assert (transport["master_name"], transport["socket_timeout"]) == ("main", 2)
    assert transport["sentinel_kwargs"]["socket_timeout"] == 2
    assert transport["sentinel_kwargs"]["ssl"] is True
    assert tls == {"ssl_cert_reqs": "required", "ssl_ca_certs": "/run/ca.pem"}

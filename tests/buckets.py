"""A bucket to test against: a server that speaks S3 over HTTP."""

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from django.core.files.storage import default_storage

from tests.services.gateway import Gateway

BUCKET = "handset-files"
START_SECONDS = 60


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that speaks S3, in a process of its own, with one empty bucket."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = tmp_path_factory.mktemp("moto") / "log"
    with log.open("wb") as sink:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)],
            env={**os.environ, "S3_IGNORE_SUBDOMAIN_BUCKETNAME": "true"},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_up(server, url, log)
        client = boto3.client(
            "s3", endpoint_url=url, region_name="eu-central-1", aws_access_key_id="key", aws_secret_access_key="secret"
        )
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        client.close()
        yield url
    finally:
        server.terminate()
        server.wait(15)


def _wait_until_up(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            threading.Event().wait(0.05)


@pytest.fixture
def bucket(settings: Any, endpoint: str) -> Iterator[str]:
    """Files go to the bucket, as a deployment's settings say it."""
    yield from _bucket_at(settings, endpoint)


@pytest.fixture
def failing(settings: Any, endpoint: str) -> Iterator[Gateway]:
    """The bucket is behind what can fail; a second of silence is enough."""
    settings.READ_TIMEOUT_SECONDS = 1
    gateway = Gateway(endpoint)
    try:
        for _ in _bucket_at(settings, gateway.url):
            yield gateway
    finally:
        gateway.close()


@pytest.fixture
def gone(settings: Any) -> Iterator[str]:
    """The bucket's server does not answer."""
    with socket.socket() as taken:  # bound, and not listening: nobody else gets it, and every connection is refused
        taken.bind(("127.0.0.1", 0))
        yield from _bucket_at(settings, f"http://127.0.0.1:{taken.getsockname()[1]}")


def _bucket_at(settings: Any, endpoint: str) -> Iterator[str]:
    options = {
        "bucket_name": BUCKET,
        "endpoint_url": endpoint,
        "region_name": "eu-central-1",
        "access_key": "key",
        "secret_key": "secret",
    }
    default = {"BACKEND": "api.platform.buckets.Bucket", "OPTIONS": options}
    settings.STORAGES = {**settings.STORAGES, "default": default}
    yield endpoint
    default_storage.connection.meta.client.close()

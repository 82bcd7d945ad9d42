"""Files in a bucket that speaks S3. Loaded only where the settings name one."""

from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from urllib.parse import quote

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from storages.backends.s3 import S3Storage

from api.platform.storage import window


class Bucket(S3Storage):  # type: ignore[misc]  # the package has no types
    """Private objects, read by addresses that are signed for them and lead to the bucket itself."""

    failures = (BotoCoreError, ClientError, Boto3Error)

    def __init__(self, **options: Any) -> None:
        config = Config(
            connect_timeout=settings.CONNECT_TIMEOUT_SECONDS,
            read_timeout=settings.READ_TIMEOUT_SECONDS,
            retries={"mode": "standard", "total_max_attempts": 2},
            signature_version="s3v4",
            # Many stores that speak S3 do not know the newer checksums.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        super().__init__(client_config=config, transfer_config=TransferConfig(use_threads=False), **options)

    def url(
        self,
        name: str,
        parameters: dict[str, Any] | None = None,
        expire: int | None = None,
        http_method: str | None = None,
    ) -> str:
        """An address that is the same for as long as the window is; those of boto3 change with every second."""
        begins_at, expires_at = window()
        request = AWSRequest(method="GET", url=self._address + quote(name))
        region = self.connection.meta.client.meta.region_name
        signer = _SignatureOf(begins_at, self._credentials.get_frozen_credentials(), region, expires_at - begins_at)
        signer.add_auth(request)
        return str(request.url)

    @cached_property
    def _address(self) -> str:
        """Of the bucket, in the style that its endpoint wants."""
        client = self.unsigned_connection.meta.client
        some = client.generate_presigned_url("get_object", Params={"Bucket": self.bucket_name, "Key": "x"})
        return str(some).removesuffix("x")

    @cached_property
    def _credentials(self) -> Credentials:
        """The keys of the settings, or those that the machine has by its role."""
        return self._create_session().get_credentials()


class _SignatureOf(S3SigV4QueryAuth):  # type: ignore[misc]  # nor has this one
    """The signature that an address had at a given moment."""

    def __init__(self, moment: int, credentials: Any, region: str, seconds: int) -> None:
        super().__init__(credentials, "s3", region, expires=seconds)
        self._moment = datetime.fromtimestamp(moment, UTC)

    def _modify_request_before_signing(self, request: AWSRequest) -> None:
        request.context["timestamp"] = self._moment.strftime("%Y%m%dT%H%M%SZ")
        super()._modify_request_before_signing(request)

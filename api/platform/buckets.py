"""Files in a bucket that speaks S3. Loaded only where the settings name one."""

import base64
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from http import HTTPStatus
from typing import IO, Any
from urllib.parse import quote

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from s3transfer.exceptions import RetriesExceededError
from storages.backends.s3 import S3Storage

from api.platform.storage import StoredObject, media_type_of, window
from api.platform.uploads import SIGNED_SECONDS, Announced, Form

_FETCHED_IN_MEMORY_BYTES = 8 * 2**20
_PART_BYTES = 8 * 2**20
_PARTS_ALIKE = 1000  # of the 10,000 that there may be: later ones are larger, so that 400 GB fit


class Bucket(S3Storage):  # type: ignore[misc]  # the package has no types
    """Private objects, read by addresses that are signed for them and lead to the bucket itself."""

    # The last is what a download ends in that breaks off, or says nothing more, each time; none of the others covers it.
    failures = (BotoCoreError, ClientError, Boto3Error, RetriesExceededError)

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
        # Twice, as any other call: a job that waits a hundred seconds for each object would say nothing for hours.
        transfers = TransferConfig(use_threads=False, num_download_attempts=2)
        super().__init__(client_config=config, transfer_config=transfers, **options)

    def url(
        self,
        name: str,
        parameters: dict[str, Any] | None = None,
        expire: int | None = None,
        http_method: str | None = None,
    ) -> str:
        """An address that is the same for as long as the window is; those of boto3 change with every second."""
        return self._signed(name, *window())

    def url_until(self, name: str, expires_at: int) -> str:
        return self._signed(name, int(time.time()), expires_at)

    def fetched(self, name: str) -> IO[bytes]:
        client = self.connection.meta.client
        file = tempfile.SpooledTemporaryFile(_FETCHED_IN_MEMORY_BYTES)  # noqa: SIM115 -- the caller's
        try:
            client.download_fileobj(self.bucket_name, name, file, Config=self.transfer_config)
        except client.exceptions.ClientError as error:
            file.close()
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.NOT_FOUND:
                raise FileNotFoundError(name) from error
            raise
        except BaseException:
            file.close()
            raise
        return file

    def begin(self, name: str) -> "_Multipart":
        """An object that is there once it is finished."""
        return _Multipart(self.connection.meta.client, self.bucket_name, name)

    def discard(self, name: str) -> None:
        """Deletes an object, and the parts of it that were never put together."""
        client = self.connection.meta.client
        listed = client.get_paginator("list_multipart_uploads").paginate(Bucket=self.bucket_name, Prefix=name)
        for upload in [upload for page in listed for upload in page.get("Uploads", ())]:
            with suppress(client.exceptions.NoSuchUpload):
                client.abort_multipart_upload(Bucket=self.bucket_name, Key=upload["Key"], UploadId=upload["UploadId"])
        self.delete(name)

    def _signed(self, name: str, begins_at: int, expires_at: int) -> str:
        request = AWSRequest(method="GET", url=self._address + quote(name))
        region = self.connection.meta.client.meta.region_name
        signer = _SignatureOf(begins_at, self._credentials.get_frozen_credentials(), region, expires_at - begins_at)
        signer.add_auth(request)
        return str(request.url)

    def listed(self) -> Iterator[StoredObject]:
        """Every object, a thousand a call."""
        for found in self.bucket.objects.all():
            yield StoredObject(found.key, found.size, found.last_modified)

    @cached_property
    def uploads(self) -> "BucketUploads":
        return BucketUploads(self)

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


class BucketUploads:
    """Files that clients send to the bucket themselves (`api.platform.uploads`)."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    @property
    def _client(self) -> Any:
        return self._bucket.connection.meta.client

    def _of(self, file: Announced) -> dict[str, str]:
        return {"Bucket": self._bucket.bucket_name, "Key": file.name}

    def form_of(self, file: Announced) -> Form:
        fields = {
            "Content-Type": file.media_type,
            "x-amz-checksum-algorithm": "SHA256",
            "x-amz-checksum-sha256": base64.b64encode(file.sha256).decode(),
        }
        conditions: list[Any] = [{name: value} for name, value in fields.items()]
        conditions.append(["content-length-range", file.size_bytes, file.size_bytes])
        signed = self._client.generate_presigned_post(
            **self._of(file), Fields=fields, Conditions=conditions, ExpiresIn=SIGNED_SECONDS
        )
        return Form(signed["url"], signed["fields"])

    def begin_parts(self, file: Announced) -> str:
        return str(self._client.create_multipart_upload(**self._of(file), ContentType=file.media_type)["UploadId"])

    def part_address_of(self, file: Announced, number: int) -> str:
        size = file.part_sizes[number - 1]  # signed: no other length is taken
        part = {**self._of(file), "UploadId": file.parts_id, "PartNumber": number, "ContentLength": size}
        return str(self._client.generate_presigned_url("upload_part", Params=part, ExpiresIn=SIGNED_SECONDS))

    def sizes_of(self, file: Announced) -> dict[int, int]:
        size = self._size_of(file)
        if size is not None:  # one object, which the parts have become
            return dict(enumerate(file.part_sizes, 1)) or {1: size}
        return {part["PartNumber"]: part["Size"] for part in self._parts_of(file)}

    def content_of(self, file: Announced) -> bytes:
        """Joins the parts, unless that was done before."""
        if file.parts_id and self._size_of(file) is None:
            parts = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in self._parts_of(file)]
            if not parts:
                raise FileNotFoundError(file.name)
            self._client.complete_multipart_upload(
                **self._of(file), UploadId=file.parts_id, MultipartUpload={"Parts": parts}
            )
        with self._bucket.open(file.name) as stored:
            return bytes(stored.read(file.size_bytes + 1))

    def delete(self, file: Announced) -> None:
        for begun in self._begun(file.name):
            self._client.abort_multipart_upload(**self._of(file), UploadId=begun["UploadId"])
        self._bucket.delete(file.name)

    def _begun(self, name: str) -> list[dict[str, Any]]:
        """Whatever was begun in parts under a name; also what nobody wrote down."""
        told = self._client.list_multipart_uploads(Bucket=self._bucket.bucket_name, Prefix=name)
        return [begun for begun in told.get("Uploads", ()) if begun["Key"] == name]

    def _parts_of(self, file: Announced) -> list[dict[str, Any]]:
        if not file.parts_id:
            return []
        try:
            return list(self._client.list_parts(**self._of(file), UploadId=file.parts_id).get("Parts", ()))
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchUpload":
                return []
            raise

    def _size_of(self, file: Announced) -> int | None:
        try:
            return int(self._client.head_object(**self._of(file))["ContentLength"])
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.NOT_FOUND:
                return None
            raise


class _Multipart:
    """An object in parts, of which one is in memory."""

    def __init__(self, client: Any, bucket: str, name: str) -> None:
        self._client = client
        self._place = {"Bucket": bucket, "Key": name}
        begun = client.create_multipart_upload(**self._place, ContentType=media_type_of(name))
        self._place["UploadId"] = begun["UploadId"]
        self._parts: list[dict[str, Any]] = []
        self._waiting = bytearray()

    def write(self, data: bytes) -> None:
        self._waiting += data
        if len(self._waiting) >= _PART_BYTES * (1 + len(self._parts) // _PARTS_ALIKE):
            self._send()

    def _send(self) -> None:
        number = len(self._parts) + 1
        sent = self._client.upload_part(**self._place, PartNumber=number, Body=bytes(self._waiting))
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})
        self._waiting.clear()

    def finish(self) -> None:
        if self._waiting or not self._parts:
            self._send()
        self._client.complete_multipart_upload(**self._place, MultipartUpload={"Parts": self._parts})

    def give_up(self) -> None:
        with suppress(self._client.exceptions.NoSuchUpload):
            self._client.abort_multipart_upload(**self._place)


class _SignatureOf(S3SigV4QueryAuth):  # type: ignore[misc]  # nor has this one
    """The signature that an address had at a given moment."""

    def __init__(self, moment: int, credentials: Any, region: str, seconds: int) -> None:
        super().__init__(credentials, "s3", region, expires=seconds)
        self._moment = datetime.fromtimestamp(moment, UTC)

    def _modify_request_before_signing(self, request: AWSRequest) -> None:
        request.context["timestamp"] = self._moment.strftime("%Y%m%dT%H%M%SZ")
        super()._modify_request_before_signing(request)

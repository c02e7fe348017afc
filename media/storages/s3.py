"""Files in a bucket of S3, or of what speaks like it: Cloudflare R2, MinIO. It is private; its addresses are signed."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from storages.backends.s3 import S3Storage

from media.storages.base import PIECE, MediaStorage, SignedPut, Stat, StorageError, check_key

PART_BYTES = 16 * 1024 * 1024
MISSING = {"404", "NoSuchKey", "NotFound"}
BEYOND_THE_END = "InvalidRange"


class ObjectStorage(MediaStorage, S3Storage):
    name = "s3"

    def __init__(self, block: dict[str, Any]) -> None:
        super().__init__(
            access_key=block["ACCESS_KEY_ID"],
            secret_key=block["SECRET_ACCESS_KEY"],
            security_token=None,
            session_profile=None,
            bucket_name=block["BUCKET"],
            endpoint_url=block["ENDPOINT"],
            region_name=block["REGION"],
            default_acl=None,
            client_config=Config(
                signature_version="s3v4",
                s3={"addressing_style": block["ADDRESSING"]},
                connect_timeout=5,
                read_timeout=30,
                retries={"mode": "standard", "total_max_attempts": 3},
                max_pool_connections=32,
                # what boto adds by itself since 2025 not all others understand
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
            transfer_config=TransferConfig(
                multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=4
            ),
        )

    @cached_property
    def client(self) -> Any:
        """One for all threads: unlike the objects that django-storages keeps for each, it may be shared."""
        return self.connection.meta.client

    def put(self, key: str, path: Path, content_type: str) -> None:
        extra = {"ContentType": content_type}
        with _plain_errors():
            self.client.upload_file(
                str(path), self.bucket_name, check_key(key), ExtraArgs=extra, Config=self.transfer_config
            )

    def stat(self, key: str) -> Stat | None:
        try:
            with _plain_errors():
                head = self.client.head_object(Bucket=self.bucket_name, Key=check_key(key))
        except FileNotFoundError:
            return None
        return Stat(head["ContentLength"], head.get("ContentType", ""))

    def read(self, key: str, first: int = 0, last: int | None = None) -> Iterator[bytes]:
        if last is not None and last < first:
            return
        wanted = {"Range": f"bytes={first}-{'' if last is None else last}"} if first or last is not None else {}
        with _plain_errors():
            try:
                body = self.client.get_object(Bucket=self.bucket_name, Key=check_key(key), **wanted)["Body"]
            except ClientError as error:
                if error.response["Error"]["Code"] == BEYOND_THE_END:
                    return
                raise
            try:
                yield from body.iter_chunks(PIECE)
            finally:
                body.close()

    def remove(self, key: str) -> None:
        with _plain_errors():
            self.client.delete_object(Bucket=self.bucket_name, Key=check_key(key))
        # parts of an upload that was killed are kept, and paid for; not every key may list them
        with suppress(ClientError), _plain_errors(but=ClientError):
            self._abort(key)

    def _abort(self, key: str) -> None:
        found = self.client.list_multipart_uploads(Bucket=self.bucket_name, Prefix=key)
        for upload in found.get("Uploads", []):
            if upload["Key"] == key:
                self.client.abort_multipart_upload(Bucket=self.bucket_name, Key=key, UploadId=upload["UploadId"])

    def signed_put(self, key: str, *, content_type: str, size: int, seconds: int) -> SignedPut:
        """A presigned PUT, as R2 knows no presigned POST: type and length are signed, so no other can be sent."""
        wanted = {"ContentType": content_type, "ContentLength": size}
        return SignedPut(self._sign("put_object", key, seconds, wanted), "PUT", {"Content-Type": content_type})

    def signed_get(self, key: str, *, seconds: int, filename: str, content_type: str, inline: bool) -> str:
        disposition = f"{'inline' if inline else 'attachment'}; filename*=UTF-8''{quote(filename, safe='')}"
        wanted = {"ResponseContentType": content_type, "ResponseContentDisposition": disposition}
        return self._sign("get_object", key, seconds, wanted)

    def _sign(self, action: str, key: str, seconds: int, wanted: dict[str, Any]) -> str:
        params = {"Bucket": self.bucket_name, "Key": check_key(key), **wanted}
        with _plain_errors():
            url: str = self.client.generate_presigned_url(action, Params=params, ExpiresIn=seconds)
            return url

    def check(self) -> None:
        try:
            with _plain_errors():
                self.client.head_bucket(Bucket=self.bucket_name)
        except FileNotFoundError:
            raise StorageError("The storage has no such bucket.") from None


@contextmanager
def _plain_errors(but: type[Exception] | tuple[()] = ()) -> Iterator[None]:
    try:
        yield
    except but:
        raise
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in MISSING:
            raise FileNotFoundError from error
        raise StorageError(f"The storage refuses: {code or 'without a reason'}.") from error
    except (BotoCoreError, Boto3Error) as error:
        if isinstance(error.__context__, ClientError):  # a refusal, as uploads wrap it
            code = error.__context__.response.get("Error", {}).get("Code", "")
            raise StorageError(f"The storage refuses: {code or 'without a reason'}.") from error
        raise StorageError(f"The storage can't be reached, or broke off: {type(error).__name__}.") from error

"""An S3 that keeps its rules: moto stores, and in front of it a proxy checks what moto lets pass.

with S3Server() as s3:
    settings.MEDIA_STORAGES = {"s3": s3.block}
    s3.misbehave("GET", times=2, status=503)      # or delay=…, or cut=1000: so many bytes of the answer, and no more
    s3.now = lambda: time.time() + 7200           # two hours later, for signatures

Signatures of headers and of addresses are computed anew, with their expiry and the headers they cover. moto runs in a
process of its own, so that what it holds is not in the memory that a test measures.
"""

import contextlib
import datetime as dt
import http.client
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

import boto3
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from tests.live import ROOT
from tests.standins.troubles import Trouble, Troubles

BUCKET, REGION = "troupe-files", "eu-central-1"
KEY_ID, SECRET = "AKIDTROUPETESTS00001", "a secret of s3 0123456789abcdef"
PIECE = 64 * 1024
OF_ONE_HOP = {"connection", "transfer-encoding", "server", "date"}
NOT_SIGNED = {"host", "authorization"}
SKEW = 900


class Refused(Exception):  # noqa: N818
    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


class S3Server(Troubles):
    def __enter__(self) -> Self:
        self.now = time.time
        self._moto = subprocess.Popen(
            [sys.executable, "-m", "tests.standins.s3_server"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert self._moto.stdout
        self.moto_port = int(self._moto.stdout.readline())
        handler = type("Handler", (_Handler,), {"s3": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.moto = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.moto_port}",
            region_name=REGION,
            aws_access_key_id=KEY_ID,
            aws_secret_access_key=SECRET,
            config=Config(s3={"addressing_style": "path"}),
        )
        self.moto.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)
        self._moto.communicate(timeout=10)  # it ends when its input does

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    @property
    def block(self) -> dict[str, Any]:
        """The settings of a storage in this bucket."""
        return {
            "ENDPOINT": self.url,
            "ADDRESSING": "path",
            "REGION": REGION,
            "BUCKET": BUCKET,
            "ACCESS_KEY_ID": KEY_ID,
            "SECRET_ACCESS_KEY": SECRET,
        }

    def keys(self) -> list[str]:
        """What stands in the bucket, past the proxy."""
        return sorted(each["Key"] for each in self.moto.list_objects_v2(Bucket=BUCKET).get("Contents", []))

    def unfinished(self) -> list[str]:
        """The keys of uploads in parts that were neither completed nor given up."""
        return sorted(each["Key"] for each in self.moto.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []))

    def reset(self) -> None:
        self.now = time.time
        self.behave()
        for key in self.keys():
            self.moto.delete_object(Bucket=BUCKET, Key=key)
        for each in self.moto.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []):
            self.moto.abort_multipart_upload(Bucket=BUCKET, Key=each["Key"], UploadId=each["UploadId"])

    # --- signatures ---

    def verify(self, method: str, path: str, headers: dict[str, str]) -> None:
        """Raises Refused unless the request is signed by our key, in time, with all that matters in it."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query, keep_blank_values=True).items()}
        if "X-Amz-Signature" in query:
            self._verify_query(method, path, headers, query)
        elif headers.get("authorization", "").startswith("AWS4-HMAC-SHA256 "):
            fields = headers["authorization"].removeprefix("AWS4-HMAC-SHA256 ").split(",")
            given = dict(field.strip().split("=", 1) for field in fields)
            moment = headers["x-amz-date"]
            if abs(self.now() - _seconds(moment)) > SKEW:
                raise Refused(403, "RequestTimeTooSkewed")
            self._verify(S3SigV4Auth, method, path, headers, moment, given)
        else:
            raise Refused(403, "AccessDenied", "Access Denied")

    def _verify_query(self, method: str, path: str, headers: dict[str, str], query: dict[str, str]) -> None:
        names = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
        if any(f"X-Amz-{name}" not in query for name in names) or query["X-Amz-Algorithm"] != "AWS4-HMAC-SHA256":
            raise Refused(400, "AuthorizationQueryParametersError")
        if not 0 < int(query["X-Amz-Expires"]) <= 604_800:
            raise Refused(400, "AuthorizationQueryParametersError", "X-Amz-Expires must be less than a week")
        if self.now() > _seconds(query["X-Amz-Date"]) + int(query["X-Amz-Expires"]):
            raise Refused(403, "AccessDenied", "Request has expired")
        given = {name: query[f"X-Amz-{name}"] for name in ("Credential", "SignedHeaders", "Signature")}
        base, _, rest = path.partition("?")
        rest = "&".join(part for part in rest.split("&") if not part.startswith("X-Amz-Signature="))
        self._verify(S3SigV4QueryAuth, method, f"{base}?{rest}", headers, query["X-Amz-Date"], given)

    def _verify(
        self, kind: type, method: str, path: str, headers: dict[str, str], moment: str, given: dict[str, str]
    ) -> None:
        key_id, day, region, service, end = given["Credential"].split("/")
        if key_id != KEY_ID:
            raise Refused(403, "InvalidAccessKeyId")
        if (day, region, service, end) != (moment[:8], REGION, "s3", "aws4_request"):
            raise Refused(400, "AuthorizationHeaderMalformed")
        signed = given["SignedHeaders"].split(";")
        if "host" not in signed or any(name.startswith("x-amz-") and name not in signed for name in headers):
            raise Refused(403, "AccessDenied", "There were headers present in the request which were not signed")
        request = AWSRequest(method, f"http://{headers['host']}{path}")
        for name in signed:
            if name not in NOT_SIGNED and name in headers:
                request.headers[name] = headers[name]
        request.context["timestamp"] = moment
        auth = kind(Credentials(KEY_ID, SECRET), "s3", REGION)
        expected = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
        if expected != given["Signature"]:
            raise Refused(403, "SignatureDoesNotMatch")


def _seconds(moment: str) -> float:
    return dt.datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC).timestamp()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    s3: S3Server

    def _serve(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        trouble = self.s3.trouble_for(self.command, urlsplit(self.path).path)
        self.left = int(headers.get("content-length") or 0)
        try:
            if headers.get("expect", "").lower() == "100-continue":
                self.send_response_only(100)
                self.end_headers()
            if self.command == "PUT" and "content-length" not in headers:
                raise Refused(411, "MissingContentLength")
            self.s3.verify(self.command, self.path, headers)
            self.s3.dawdle(trouble)
            if trouble and trouble.status:
                raise Refused(trouble.status, "InternalError" if trouble.status == 500 else "SlowDown")
            self._pass_on(headers, trouble)
        except Refused as error:
            body = f"<Error><Code>{error.code}</Code><Message>{escape(error.message)}</Message></Error>".encode()
            while self._received():  # who still sends would not hear why it was refused
                pass
            self._begin(error.status, {"Content-Type": "application/xml", "Content-Length": str(len(body))})
            self.wfile.write(b"" if self.command == "HEAD" else body)
        except (ConnectionError, http.client.HTTPException):
            self.close_connection = True

    def _pass_on(self, headers: dict[str, str], trouble: Trouble | None) -> None:
        if trouble and trouble.cut is not None and self.left:  # hangs up while it receives
            self.rfile.read(min(self.left, trouble.cut))
            raise ConnectionAbortedError
        moto = http.client.HTTPConnection("127.0.0.1", self.s3.moto_port, timeout=30)
        with contextlib.closing(moto):
            moto.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                if name not in ("connection", "expect"):
                    moto.putheader(name, value)
            moto.endheaders()
            while piece := self._received():
                moto.send(piece)
            self._answer(moto.getresponse(), trouble)

    def _received(self) -> bytes:
        """The next piece of the body."""
        piece = self.rfile.read(min(self.left, PIECE)) if self.left else b""
        if self.left and not piece:
            raise ConnectionAbortedError
        self.left -= len(piece)
        return piece

    def _answer(self, answer: http.client.HTTPResponse, trouble: Trouble | None) -> None:
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in OF_ONE_HOP}
        if answer.chunked:
            self.close_connection = True
        self._begin(answer.status, kept)
        sent = 0
        while piece := answer.read(PIECE):
            if trouble and trouble.cut is not None and sent + len(piece) > trouble.cut:  # hangs up while it sends
                self.wfile.write(piece[: trouble.cut - sent])
                raise ConnectionAbortedError
            sent += len(piece)
            self.wfile.write(piece)

    def _begin(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.end_headers()

    def do_OPTIONS(self) -> None:
        """What a bucket with CORS rules for uploads answers a browser."""
        allowed = {"Access-Control-Allow-Methods": "GET, PUT, HEAD", "Access-Control-Allow-Headers": "content-type"}
        self._begin(200, allowed | {"Content-Length": "0"})

    def _serve_until_done(self) -> None:
        with self.s3.answering():
            self._serve()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve_until_done  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Says nothing."""


if __name__ == "__main__":
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    sys.stdout.write(f"{server.get_host_and_port()[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)  # its threads are waited for otherwise

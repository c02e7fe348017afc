"""Whether a notification is PayPal's, found out without asking it back (docs, "Webhooks integration": self-verify).

PayPal signs `id|time|our webhook's id|CRC32 of the body` by RSA, with the key of a certificate that it names by an
address. The address is in the notification and proves nothing: it must be of PayPal's own host before it is fetched,
and the certificate's chain must end at a CA that everybody trusts.
"""

import contextlib
import functools
import time
import zlib
from base64 import b64decode
from binascii import Error as NoBase64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import certifi
import httpx
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from billing.providers.base import Forged, Incoming, ProviderError
from billing.providers.bodies import json_object

HEADERS = ("id", "time", "sig")
ALGORITHM = "SHA256withRSA"
OLDEST = timedelta(hours=12)  # an older one is lost to us, and the hourly sweep finds what it told
AHEAD = timedelta(minutes=5)  # of clocks
HOST = ".paypal.com"
FOLDER = "/v1/notifications/certs/"
LARGEST = 64_000  # bytes of a chain of certificates
TIMEOUT = httpx.Timeout(5.0)
KEPT_FOR = 6 * 3600  # seconds
MOST_KEPT = 16
END = b"-----END CERTIFICATE-----"

Fetch = Callable[[str], bytes]
# certificates by their address, and until when; only such are kept whose chain was found good
_kept: dict[tuple[str, ...], tuple[list[x509.Certificate], float]] = {}


class Signatures:
    """`FETCH_CERTIFICATE` and `TRUST` in the block are for tests, which have a CA of their own."""

    def __init__(self, block: dict[str, Any]) -> None:
        self._webhook_id: str = block["WEBHOOK_ID"]
        self._fetch: Fetch = block.get("FETCH_CERTIFICATE") or fetch
        self._trust: list[x509.Certificate] | None = block.get("TRUST")

    def checked(self, incoming: Incoming) -> dict[str, Any]:
        """The body of a notification that is PayPal's. Raises Forged; ProviderError where the certificate can't be had
        just now, as nobody knows then."""
        transmission, sent_at, signature = (incoming.headers.get(f"paypal-transmission-{name}", "") for name in HEADERS)
        if incoming.headers.get("paypal-auth-algo") != ALGORITHM:
            raise Forged("it is signed by another algorithm, or not at all")
        _check_time(sent_at)
        address = certificate_address(incoming.headers.get("paypal-cert-url", ""))
        body = json_object(incoming.body)
        # the webhook's id is ours, never one that the notification names
        message = signed_text(transmission, sent_at, self._webhook_id, incoming.body)
        try:
            self._certificate(address).verify(b64decode(signature, validate=True), message, PKCS1v15(), SHA256())
        except (InvalidSignature, NoBase64, ValueError) as error:
            raise Forged("its signature does not match") from error
        return body

    def _certificate(self, address: str) -> RSAPublicKey:
        """The key of the certificate there."""
        place = (address, *(str(root.serial_number) for root in self._trust or ()))
        chain, until = _kept.get(place, ([], 0.0))
        if time.monotonic() >= until:
            chain = _parsed(self._fetch(address))
            check_chain(chain, self._trust or _public_roots())
            if len(_kept) >= MOST_KEPT:
                _kept.clear()
            _kept[place] = (chain, time.monotonic() + KEPT_FOR)
        key = chain[0].public_key()
        now = datetime.now(UTC)
        if not chain[0].not_valid_before_utc <= now <= chain[0].not_valid_after_utc:
            raise Forged("its certificate is not valid now")
        if not isinstance(key, RSAPublicKey):
            raise Forged("its certificate has no RSA key")
        return key


def signed_text(transmission: str, sent_at: str, webhook_id: str, body: bytes) -> bytes:
    """What PayPal signs; the CRC32 is of the body as it came, in decimal without a sign."""
    try:
        return f"{transmission}|{sent_at}|{webhook_id}|{zlib.crc32(body)}".encode()
    except UnicodeEncodeError as error:
        raise Forged("its headers are no text") from error


def _check_time(sent_at: str) -> None:
    try:
        age = datetime.now(UTC) - datetime.fromisoformat(sent_at)
    except (ValueError, TypeError) as error:  # no time, or one without a zone
        raise Forged("it says no time") from error
    if not -AHEAD <= age <= OLDEST:
        raise Forged("it is too old, or of a time to come")


def certificate_address(text: str) -> str:
    """`text`, where it may be fetched: of PayPal, by https, and of the place where its certificates are. Else Forged,
    so that nobody makes us call other hosts."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise Forged("its certificate is nowhere") from error
    path, host = parts.path, parts.hostname or ""
    is_plain = text.isascii() and text.isprintable() and " " not in text and "\\" not in text
    is_paypals = host.endswith(HOST) and "@" not in parts.netloc and port in {None, 443}
    name = path.removeprefix(FOLDER)
    is_a_certificate = path.startswith(FOLDER) and name.replace("-", "").replace("_", "").isalnum() and len(name) <= 120
    if parts.scheme == "https" and is_plain and is_paypals and is_a_certificate and not parts.query:
        return text
    raise Forged("its certificate is not at PayPal")


def fetch(address: str) -> bytes:
    """Raises Forged where PayPal has nothing there, ProviderError where it does not answer."""
    try:
        with (
            httpx.Client(timeout=TIMEOUT, trust_env=False, follow_redirects=False) as client,
            client.stream("GET", address) as response,
        ):
            if response.status_code >= 500 or response.status_code == 429:
                raise _unknown(f"answered {response.status_code}")
            if response.status_code != 200:
                raise Forged("PayPal has no such certificate")
            found = b""
            for part in response.iter_bytes():
                found += part
                if len(found) > LARGEST:
                    raise Forged("its certificate is too large")
            return found
    except httpx.HTTPError as error:
        raise _unknown(type(error).__name__) from error


def _unknown(why: str) -> ProviderError:
    return ProviderError(f"paypal's certificate can't be fetched: {why}", permanent=False)


def _parsed(pem: bytes) -> list[x509.Certificate]:
    try:
        chain = x509.load_pem_x509_certificates(pem[:LARGEST])
    except ValueError as error:
        raise Forged("its certificate is none") from error
    return chain[:8]


def check_chain(chain: list[x509.Certificate], roots: list[x509.Certificate]) -> None:
    """Raises Forged unless the first is PayPal's by its name, and leads to one of `roots` by the rules of the web."""
    for name in _names(chain[0]):
        verifier = PolicyBuilder().store(Store(roots)).time(datetime.now(UTC)).build_server_verifier(x509.DNSName(name))
        try:
            verifier.verify(chain[0], chain[1:])
        except VerificationError as error:
            raise Forged("its certificate is not to be trusted") from error
        return
    raise Forged("its certificate is not PayPal's")


def _names(certificate: x509.Certificate) -> list[str]:
    """PayPal's names in it. The common name must be PayPal's too, and the alternative ones are what is verified."""
    try:
        common = [str(part.value) for part in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        alternatives = names.get_values_for_type(x509.DNSName)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return []
    if not all(name.lower().endswith(HOST) for name in common):
        return []
    return [name.replace("*", "api", 1) for name in alternatives if name.lower().endswith(HOST)]


@functools.cache
def _public_roots() -> list[x509.Certificate]:
    """One that the library takes no more is left out, so that it does not cost us the others."""
    found = []
    for pem in Path(certifi.where()).read_bytes().split(END)[:-1]:
        with contextlib.suppress(ValueError):
            found.append(x509.load_pem_x509_certificate(pem + END))
    return found

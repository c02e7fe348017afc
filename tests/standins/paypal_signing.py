"""A certification authority and the certificates that PayPal's stand-in signs with."""

import functools
import zlib
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAME = "messageverificationcerts.paypal.com"


@functools.cache
def a_key(purpose: str) -> rsa.RSAPrivateKey:
    """One for each purpose: making them takes time."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def named(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


@functools.cache
def authority(name: str = "A CA of tests") -> x509.Certificate:
    now, key = datetime.now(UTC), a_key(name)
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now + timedelta(days=4000))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )


def certificate(
    common: str = NAME,
    alternative: str = NAME,
    *,
    by: str = "A CA of tests",
    valid: tuple[int, int] = (-10, 300),
) -> bytes:
    """A certificate (PEM) that the authority `by` gave, valid between two days from now."""
    now, issuer = datetime.now(UTC), authority(by)
    made = (
        x509.CertificateBuilder()
        .subject_name(named(common))
        .issuer_name(issuer.subject)
        .public_key(a_key("signing").public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=valid[0]))
        .not_valid_after(now + timedelta(days=valid[1]))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(alternative)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(a_key(by).public_key()),
            critical=False,
        )
        .sign(a_key(by), SHA256())
    )
    return made.public_bytes(Encoding.PEM)


@dataclass(frozen=True)
class Signing:
    """What of PayPal's headers is told apart in tests."""

    webhook_id: str
    address: str

    def headers(self, body: bytes, *, transmission: str, at: datetime | None = None) -> dict[str, str]:
        sent_at = (at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
        message = f"{transmission}|{sent_at}|{self.webhook_id}|{zlib.crc32(body)}".encode()
        return {
            "Content-Type": "application/json",
            "PAYPAL-TRANSMISSION-ID": transmission,
            "PAYPAL-TRANSMISSION-TIME": sent_at,
            "PAYPAL-TRANSMISSION-SIG": b64encode(a_key("signing").sign(message, PKCS1v15(), SHA256())).decode(),
            "PAYPAL-CERT-URL": self.address,
            "PAYPAL-AUTH-ALGO": "SHA256withRSA",
        }

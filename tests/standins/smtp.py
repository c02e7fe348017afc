"""A local SMTP server, well or as a script says. Over plain text, STARTTLS or TLS, with or without a password.

with SMTPServer() as server:
    server.refuse_recipient("450 4.2.1 Later, please")  # the next recipient
    …
    assert server.mails[-1].rcpt_tos == ["mira@troupe.example"]
"""

import asyncio
import datetime as dt
import ipaddress
import ssl
import threading
from collections import deque
from pathlib import Path
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.live import free_port

USER, PASSWORD = "troupe", "curtain call"


class SMTPServer:
    """`mails` are those it took. `tls` is None, "starttls" or "tls"; `certificate` a file that `self_signed` made."""

    def __init__(self, *, tls: str | None = None, certificate: Path | None = None, password: bool = False) -> None:
        self.mails: list[Envelope] = []
        self.sessions: list[Session] = []
        self.hold = threading.Event()  # while it is set, no mail's end is answered
        self.arrived = threading.Event()
        self.cut_off = threading.Event()  # set when a caller goes away while it waits
        self._recipients: deque[str] = deque()
        self._ends: deque[str] = deque()
        self.port = free_port()
        options: dict[str, Any] = {}
        if password:
            options = {
                "authenticator": self._authenticate,
                "auth_required": True,
                "auth_require_tls": tls == "starttls",
            }
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            assert certificate
            context.load_cert_chain(certificate)
            options |= {"ssl_context": context} if tls == "tls" else {"tls_context": context, "require_starttls": True}
        self.controller = Controller(self, hostname="127.0.0.1", port=self.port, **options)

    def refuse_recipient(self, answer: str) -> None:
        self._recipients.append(answer)

    def refuse_mail(self, answer: str) -> None:
        """The answer after the text; "" breaks the connection off instead."""
        self._ends.append(answer)

    def __enter__(self) -> Self:
        self.controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hold.clear()
        self.controller.stop()

    @staticmethod
    def _authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        right = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)

    # what aiosmtpd calls

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._recipients:
            return self._recipients.popleft()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.arrived.set()
        try:
            while self.hold.is_set():
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            self.cut_off.set()
            raise
        if self._ends:
            answer = self._ends.popleft()
            if not answer:
                server.transport.abort()  # type: ignore[union-attr]
            return answer or "421 Gone"
        self.mails.append(envelope)
        self.sessions.append(session)
        return "250 OK"


def self_signed(folder: Path) -> Path:
    """A certificate of 127.0.0.1 with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "server.pem"
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return file

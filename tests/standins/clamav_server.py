"""A clamd over TCP or a Unix socket: INSTREAM, and PING. It knows one virus, EICAR's, which harms nobody.

with ClamavServer() as clamav:
    settings.CLAMAV_ADDRESS = clamav.address
    clamav.answer = "stream: Can't allocate memory ERROR"     # or "": it hangs up instead
"""

import socketserver
import struct
import threading
from pathlib import Path
from typing import Any, Self

# in two halves, so that no scanner takes this file for what it tests with
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-" + rb"ANTIVIRUS-TEST-FILE!$H+H*"


class ClamavServer:
    def __init__(self, socket: Path | None = None, stream_max_length: int = 100 * 1024 * 1024) -> None:
        self.socket, self.stream_max_length = socket, stream_max_length
        self.answer: str | None = None
        self.scanned: list[int] = []  # sizes

    def __enter__(self) -> Self:
        handler: Any = type("Handler", (_Handler,), {"clamav": self})
        if self.socket:
            self._server: socketserver.BaseServer = _Unix(str(self.socket), handler)
        else:
            self._server = _TCP(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @property
    def address(self) -> str:
        return f"unix://{self.socket}" if self.socket else f"tcp://127.0.0.1:{self._server.server_address[1]}"


class _TCP(socketserver.ThreadingTCPServer):
    daemon_threads = allow_reuse_address = True


class _Unix(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


class _Handler(socketserver.StreamRequestHandler):
    clamav: ClamavServer

    def handle(self) -> None:
        command = self.rfile.readline().strip()
        if command == b"nPING":
            self.wfile.write(b"PONG\n")
        elif command == b"nINSTREAM":
            self._scan()
        else:
            self.wfile.write(b"UNKNOWN COMMAND\n")

    def _scan(self) -> None:
        size, tail, found = 0, b"", False
        while length := struct.unpack("!L", self.rfile.read(4))[0]:
            piece = self.rfile.read(length)
            size += length
            if size > self.clamav.stream_max_length:
                self.wfile.write(b"INSTREAM size limit exceeded. ERROR\n")
                return
            found = found or EICAR in tail + piece
            tail = (tail + piece)[-len(EICAR) :]
        self.clamav.scanned.append(size)
        if self.clamav.answer is not None:
            self.wfile.write(f"{self.clamav.answer}\n".encode() if self.clamav.answer else b"")
        else:
            self.wfile.write(b"stream: Eicar-Test-Signature FOUND\n" if found else b"stream: OK\n")

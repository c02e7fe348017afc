"""A CDN that is asked to forget addresses, over real HTTP.

with CdnServer() as cdn:
    settings.CDN_BASE_URL = cdn.url
    cdn.answers = [500]     # to the next PURGE; 200 to those after it
"""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class CdnServer:
    def __init__(self) -> None:
        self.answers: list[int] = []
        self.purged: list[str] = []  # paths with their queries, whatever was answered
        self.tokens: set[str] = set()  # the headers Authorization that came

    def __enter__(self) -> Self:
        handler: Any = type("Handler", (_Handler,), {"cdn": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cdn: CdnServer

    def do_PURGE(self) -> None:
        self.cdn.purged.append(self.path)
        self.cdn.tokens.add(self.headers.get("Authorization", ""))
        self.send_response(self.cdn.answers.pop(0) if self.cdn.answers else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return
